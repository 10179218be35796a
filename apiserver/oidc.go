// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"os"

	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apiserver/auth"
)

// authenticator is the issuer in the form that configuration files have.
func (c OIDCConfig) authenticator() (*auth.OIDCConfig, error) {
	if c.IssuerURL == "" {
		return nil, nil
	}
	jwt := apiserver.JWTAuthenticator{Issuer: apiserver.Issuer{URL: c.IssuerURL, Audiences: []string{c.ClientID}}}
	jwt.ClaimMappings.Username = apiserver.PrefixedClaimOrExpression{Claim: c.UsernameClaim, Prefix: ptr.To(c.usernamePrefix())}
	if c.GroupsClaim != "" {
		jwt.ClaimMappings.Groups = apiserver.PrefixedClaimOrExpression{Claim: c.GroupsClaim, Prefix: ptr.To(c.GroupsPrefix)}
	}
	for claim, value := range c.RequiredClaims {
		jwt.ClaimValidationRules = append(jwt.ClaimValidationRules, apiserver.ClaimValidationRule{Claim: claim, RequiredValue: value})
	}
	if c.CAFile != "" {
		authority, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate authority of the OpenID Connect issuer: %w", err)
		}
		jwt.Issuer.CertificateAuthority = string(authority)
	}
	return &auth.OIDCConfig{JWT: []apiserver.JWTAuthenticator{jwt}, SigningAlgs: c.SigningAlgs}, nil
}

// usernamePrefix keeps users of the issuer apart from everybody else's, unless they are told apart by their address
// ("email") or the prefix is switched off ("-").
func (c OIDCConfig) usernamePrefix() string {
	switch {
	case c.UsernamePrefix == "-":
		return ""
	case c.UsernamePrefix == "" && c.UsernameClaim != "email":
		return c.IssuerURL + "#"
	default:
		return c.UsernamePrefix
	}
}
