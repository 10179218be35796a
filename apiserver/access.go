// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"

	"coxswain.dev/coxswain/apiserver/auth"
	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
	"coxswain.dev/coxswain/apiserver/tokens"
)

// access is who may come in and do what, and what signs the tokens that let them.
type access struct {
	authenticator *auth.Authenticator
	authorizer    *auth.Authorizer
	tokenConfig   tokens.Config
	issuer        *tokens.Issuer // nil without a signing key
}

// secureAccess sets authentication and authorization up. Tokens are checked against the stores, hence the order.
func (b *builder) secureAccess() error {
	c := b.config.Authentication
	b.access = &access{}
	config := auth.AuthenticationConfig{
		TokenFile: c.TokenFile, ConfigFile: c.ConfigFile, Anonymous: c.Anonymous, Clock: b.config.Clock,
		ServiceAccountIssuers: c.ServiceAccountIssuers,
	}
	if err := b.clientCertificates(&config); err != nil {
		return err
	}
	if err := b.serviceAccounts(&config); err != nil {
		return err
	}
	var err error
	if config.OIDC, err = c.OIDC.authenticator(); err != nil {
		return err
	}
	if c.Webhook.KubeconfigFile != "" {
		config.Webhook = &auth.WebhookConfig{KubeconfigFile: c.Webhook.KubeconfigFile, Version: c.Webhook.Version, CacheTTL: c.Webhook.AllowedTTL}
	}
	if b.access.authenticator, err = auth.NewAuthenticator(config); err != nil {
		return err
	}
	b.parts = append(b.parts, part{name: "authentication", start: b.access.authenticator.Start, ready: already})
	b.generic.Authentication.Authenticator = b.access.authenticator
	b.generic.Authentication.APIAudiences = config.APIAudiences
	return b.authorization()
}

// clientCertificates trusts the authorities that sign clients, and the front proxy.
func (b *builder) clientCertificates(config *auth.AuthenticationConfig) error {
	c := b.config.Authentication
	if c.ClientCAFile != "" {
		ca, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca-bundle", c.ClientCAFile)
		if err != nil {
			return fmt.Errorf("reading the certificate authority of clients: %w", err)
		}
		config.ClientCA = ca
		if err := b.generic.Authentication.ApplyClientCert(ca, b.generic.SecureServing); err != nil {
			return err
		}
	}
	if h := c.RequestHeader; h.ClientCAFile != "" {
		ca, err := dynamiccertificates.NewDynamicCAContentFromFile("request-header", h.ClientCAFile)
		if err != nil {
			return fmt.Errorf("reading the certificate authority of the front proxy: %w", err)
		}
		config.RequestHeader = &authenticatorfactory.RequestHeaderConfig{
			CAContentProvider:   ca,
			UsernameHeaders:     headerrequest.StaticStringSlice(h.UsernameHeaders),
			UIDHeaders:          headerrequest.StaticStringSlice(h.UIDHeaders),
			GroupHeaders:        headerrequest.StaticStringSlice(h.GroupHeaders),
			ExtraHeaderPrefixes: headerrequest.StaticStringSlice(h.ExtraHeaderPrefixes),
			AllowedClientNames:  headerrequest.StaticStringSlice(h.AllowedNames),
		}
		if err := b.generic.Authentication.ApplyClientCert(ca, b.generic.SecureServing); err != nil {
			return err
		}
		b.generic.Authentication.RequestHeaderConfig = config.RequestHeader
	}
	return nil
}

// serviceAccounts accepts the tokens of service accounts, and of joining nodes when asked to.
func (b *builder) serviceAccounts(config *auth.AuthenticationConfig) error {
	c := b.config.Authentication
	getter := tokens.Stores(b.reader)
	if c.BootstrapTokens {
		config.BootstrapTokens = getter
	}
	if len(c.ServiceAccountIssuers) == 0 {
		config.APIAudiences = c.APIAudiences
		return nil
	}
	t := tokens.Config{
		Issuers: c.ServiceAccountIssuers, Audiences: c.APIAudiences, MaxLifetime: c.ServiceAccountMaxExpiration,
		Extend: c.ServiceAccountExtend, Clock: b.config.Clock,
	}
	var err error
	if c.ServiceAccountSigningKeyFile != "" {
		if t.Key, err = tokens.LoadPrivateKey(c.ServiceAccountSigningKeyFile); err != nil {
			return err
		}
	}
	if len(c.ServiceAccountKeyFiles) > 0 {
		if t.PublicKeys, err = tokens.LoadPublicKeys(c.ServiceAccountKeyFiles...); err != nil {
			return err
		}
	}
	b.access.tokenConfig = t
	config.APIAudiences = authenticator.Audiences(t.APIAudiences())
	if t.Key == nil && len(t.PublicKeys) == 0 {
		return nil
	}
	if t.Key != nil {
		if b.access.issuer, err = tokens.NewIssuer(t); err != nil {
			return err
		}
	}
	config.ServiceAccounts, err = tokens.NewValidator(t, getter)
	return err
}

// reader is a store as the checks of tokens use it.
func (b *builder) reader(resource schema.GroupResource) tokens.Reader {
	if store := b.kinds.store(resource); store != nil {
		return store
	}
	return nil
}

func (b *builder) authorization() error {
	c := b.config.Authorization
	modes := c.Modes
	if len(modes) == 0 && c.ConfigFile == "" {
		modes = []string{auth.ModeAlwaysAllow}
	}
	authorizer, rules, err := auth.NewAuthorizer(auth.AuthorizationConfig{
		Modes: modes, ConfigFile: c.ConfigFile, Informers: b.informers, NodeRules: policy.NodeRules(), Objects: tokens.Stores(b.reader),
		Webhook: auth.AuthorizationWebhookConfig{
			KubeconfigFile: c.Webhook.KubeconfigFile, Version: c.Webhook.Version,
			AuthorizedTTL: c.Webhook.AllowedTTL, UnauthorizedTTL: c.Webhook.DeniedTTL,
		},
	})
	if err != nil {
		return err
	}
	b.access.authorizer = authorizer
	b.generic.Authorization.Authorizer = authorizer
	b.generic.RuleResolver = rules
	return nil
}

// addressTypes is nil when no types were chosen, which is the default order.
func addressTypes(names []string) []corev1.NodeAddressType {
	if len(names) == 0 {
		return nil
	}
	types := make([]corev1.NodeAddressType, 0, len(names))
	for _, n := range names {
		types = append(types, corev1.NodeAddressType(n))
	}
	return types
}
