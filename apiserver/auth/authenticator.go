// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/websocket"
	"k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authentication/token/tokenfile"
	tokenunion "k8s.io/apiserver/pkg/authentication/token/union"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/util/webhook"
	webhooktoken "k8s.io/apiserver/plugin/pkg/authenticator/token/webhook"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apiserver/internal/egress"
	"coxswain.dev/coxswain/apiserver/tokens"
)

// tokenCacheTTL is how long a good token is not looked at again. So long may a token outlive its account.
const tokenCacheTTL = 10 * time.Second

// AuthenticationConfig says which ways of proving an identity are accepted. Whatever is zero is off; only the in-memory
// identity is always on.
type AuthenticationConfig struct {
	// ClientCA verifies client certificates: the common name is the user, the organizations are the groups.
	ClientCA dynamiccertificates.CAContentProvider
	// RequestHeader trusts headers set by a front proxy that shows a certificate of its own authority.
	RequestHeader *authenticatorfactory.RequestHeaderConfig
	// TokenFile is a CSV file of token, user name, UID and groups.
	TokenFile string
	// ServiceAccounts checks service account tokens; usually a *tokens.Validator.
	ServiceAccounts authenticator.Token
	// BootstrapTokens reads the secrets of bootstrap tokens from kube-system; nil is off.
	BootstrapTokens tokens.Getter
	// OIDC holds the issuers given by flags. It excludes ConfigFile.
	OIDC *OIDCConfig
	// ConfigFile is an AuthenticationConfiguration of apiserver.config.k8s.io. It is read again when it changes.
	ConfigFile string
	// Webhook asks another server.
	Webhook *WebhookConfig
	// Anonymous gives requests without credentials the user system:anonymous. ConfigFile may say so too, but not both.
	Anonymous bool
	// APIAudiences are the audiences meant when a token review names none.
	APIAudiences authenticator.Audiences
	// ServiceAccountIssuers may not be configured as OpenID Connect issuers.
	ServiceAccountIssuers []string
	// Clock is nil for the real one.
	Clock clock.PassiveClock
}

// WebhookConfig is a webhook that reviews tokens.
type WebhookConfig struct {
	KubeconfigFile string
	// Version of TokenReview, v1 or v1beta1.
	Version  string
	CacheTTL time.Duration
}

// Authenticator tells who made a request.
type Authenticator struct {
	request authenticator.Request
	token   authenticator.Token
	dynamic *structured
}

var _ authenticator.Request = (*Authenticator)(nil)

// NewAuthenticator builds the authenticator. It reads the configured files, so that a mistake in them is an error here.
func NewAuthenticator(c AuthenticationConfig) (*Authenticator, error) {
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	a := &Authenticator{}
	var requests []authenticator.Request
	if h := c.RequestHeader; h != nil {
		requests = append(requests, headerrequest.NewDynamicVerifyOptionsSecure(h.CAContentProvider.VerifyOptions,
			h.AllowedClientNames, h.UsernameHeaders, h.UIDHeaders, h.GroupHeaders, h.ExtraHeaderPrefixes))
	}
	if c.ClientCA != nil {
		requests = append(requests, newCertificates(c.ClientCA, c.Clock))
	}
	var err error
	if a.dynamic, err = newStructured(c); err != nil {
		return nil, err
	}
	tokenAuthenticators, err := tokenAuthenticators(c, a.dynamic)
	if err != nil {
		return nil, err
	}
	if len(tokenAuthenticators) > 0 {
		a.token = cache.New(tokenunion.New(tokenAuthenticators...), true, tokenCacheTTL, 0)
		requests = append(requests, bearertoken.New(a.token), websocket.NewProtocolAuthenticator(a.token))
	}
	known := authenticator.RequestFunc(inMemory)
	all := group.NewAuthenticatedGroupAdder(union.New(append([]authenticator.Request{known}, requests...)...))
	// A bad credential is an error even where no credential would do.
	a.request = union.NewFailOnError(all, authenticator.RequestFunc(func(req *http.Request) (*authenticator.Response, bool, error) {
		settings := a.dynamic.anonymous()
		if !settings.Enabled {
			return nil, false, nil
		}
		return anonymous.NewAuthenticator(settings.Conditions).AuthenticateRequest(req)
	}))
	return a, nil
}

func tokenAuthenticators(c AuthenticationConfig, dynamic *structured) ([]authenticator.Token, error) {
	var all []authenticator.Token
	if c.TokenFile != "" {
		file, err := tokenfile.NewCSV(c.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("reading token file: %w", err)
		}
		all = append(all, withAudiences(c.APIAudiences, file))
	}
	if c.ServiceAccounts != nil {
		all = append(all, c.ServiceAccounts)
	}
	if c.BootstrapTokens != nil {
		all = append(all, withAudiences(c.APIAudiences, &bootstrapTokens{get: c.BootstrapTokens, clock: c.Clock}))
	}
	if dynamic.used() {
		all = append(all, withAudiences(c.APIAudiences, dynamic))
	}
	if w := c.Webhook; w != nil {
		kubeconfig, err := webhook.LoadKubeconfig(w.KubeconfigFile, nil)
		if err != nil {
			return nil, fmt.Errorf("reading authentication webhook configuration: %w", err)
		}
		kubeconfig.Wrap(egress.RefuseRedirects)
		remote, err := webhooktoken.New(kubeconfig, w.Version, c.APIAudiences,
			wait.Backoff{Duration: 500 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 5})
		if err != nil {
			return nil, fmt.Errorf("setting up the authentication webhook: %w", err)
		}
		all = append(all, cache.New(remote, false, w.CacheTTL, w.CacheTTL))
	}
	return all, nil
}

// withAudiences makes an authenticator that knows no audiences stand for those of the API server.
func withAudiences(audiences authenticator.Audiences, token authenticator.Token) authenticator.Token {
	return authenticator.WrapAudienceAgnosticToken(audiences, token)
}

// AuthenticateRequest implements authenticator.Request.
func (a *Authenticator) AuthenticateRequest(req *http.Request) (*authenticator.Response, bool, error) {
	return a.request.AuthenticateRequest(req)
}

// Token is what checks bearer tokens, for token reviews; nil when no kind of token is accepted. A review names the groups
// that a request with the token would have, so whoever is known is in system:authenticated.
func (a *Authenticator) Token() authenticator.Token {
	if a.token == nil {
		return nil
	}
	return group.NewTokenGroupAdder(a.token, []string{user.AllAuthenticated})
}

// Start runs what must go on in the background (fetching the keys of OpenID Connect issuers, watching the configuration
// file) until ctx ends. Tokens of those issuers are refused before.
func (a *Authenticator) Start(ctx context.Context) error { return a.dynamic.start(ctx) }
