// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The paths under which OpenID Connect clients look for the keys.
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	KeysPath      = "/openid/v1/jwks"
)

// Discovery serves the two documents with which others can check our tokens.
type Discovery struct {
	// Configuration answers DiscoveryPath, Keys answers KeysPath.
	Configuration, Keys http.Handler
}

// NewDiscovery prepares the documents. keysURL is where relying parties fetch the keys; empty means KeysPath below
// externalAddress (host:port), which must then be set. An issuer that is not an https URL cannot be discovered; then
// the result is nil, without error.
func NewDiscovery(config Config, keysURL, externalAddress string) (*Discovery, error) {
	issuer, err := url.Parse(config.Issuers[0])
	if err != nil || issuer.Scheme != "https" {
		return nil, nil // an issuer that is no URL is legal and simply not discoverable
	}
	keys, err := config.publicKeys()
	if err != nil {
		return nil, err
	}
	if keysURL == "" {
		keysURL = "https://" + externalAddress + KeysPath
	}
	set := struct {
		Keys []webKey `json:"keys"`
	}{}
	var algs []string
	for _, key := range keys {
		w, err := key.web()
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, w)
		if !slices.Contains(algs, w.Alg) {
			algs = append(algs, w.Alg)
		}
	}
	slices.Sort(algs)
	keysDocument, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encoding the key set: %w", err)
	}
	configuration, err := json.Marshal(struct {
		Issuer        string   `json:"issuer"`
		JWKSURI       string   `json:"jwks_uri"`
		ResponseTypes []string `json:"response_types_supported"`
		SubjectTypes  []string `json:"subject_types_supported"`
		SigningAlgs   []string `json:"id_token_signing_alg_values_supported"`
	}{config.Issuers[0], keysURL, []string{"id_token"}, []string{"public"}, algs})
	if err != nil {
		return nil, fmt.Errorf("encoding the discovery document: %w", err)
	}
	return &Discovery{
		Configuration: document("application/json", configuration),
		Keys:          document("application/jwk-set+json", keysDocument),
	}, nil
}

func document(contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", strings.Join([]string{http.MethodGet, http.MethodHead}, ", "))
			http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write(body) // the client is gone when this fails
	})
}
