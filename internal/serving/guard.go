// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/union"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// GuardConfig says how requests to a part are judged.
type GuardConfig struct {
	// Rest reaches the API server, which is asked about tokens and access (TokenReview, SubjectAccessReview).
	Rest *rest.Config
	// ClientCAFile verifies client certificates; empty accepts none.
	ClientCAFile string
	// Anonymous lets requests without credentials go on as system:anonymous.
	Anonymous bool
	// Attributes are the questions about a request, any of which may allow it. Nil asks about the path as a
	// non-resource URL.
	Attributes func(u user.Info, r *http.Request) []authorizer.Attributes
	// AllowTTL and DenyTTL are how long answers are kept; zero means 5 minutes and 30 seconds.
	AllowTTL, DenyTTL time.Duration
}

// retry is for reviews that the API server could not answer.
var retry = wait.Backoff{Duration: 500 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 5}

// NewGuard makes a Config.Wrap that lets through only whom the API server allows. Members of system:masters are let
// through without asking.
func NewGuard(config GuardConfig) (func(http.Handler) http.Handler, error) {
	client, err := kubernetes.NewForConfig(config.Rest)
	if err != nil {
		return nil, fmt.Errorf("making the client for access reviews: %w", err)
	}
	if config.AllowTTL == 0 {
		config.AllowTTL = 5 * time.Minute
	}
	if config.DenyTTL == 0 {
		config.DenyTTL = 30 * time.Second
	}
	authentication := authenticatorfactory.DelegatingAuthenticatorConfig{
		Anonymous:                &apiserver.AnonymousAuthConfig{Enabled: config.Anonymous},
		TokenAccessReviewClient:  client.AuthenticationV1(),
		TokenAccessReviewTimeout: 10 * time.Second,
		WebhookRetryBackoff:      &retry,
		CacheTTL:                 10 * time.Second,
	}
	if config.ClientCAFile != "" {
		provider, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca", config.ClientCAFile)
		if err != nil {
			return nil, fmt.Errorf("reading --client-ca-file %s: %w", config.ClientCAFile, err)
		}
		authentication.ClientCertificateCAContentProvider = provider
	}
	authenticate, _, err := authentication.New()
	if err != nil {
		return nil, err
	}
	delegated, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: client.AuthorizationV1(),
		AllowCacheTTL:             config.AllowTTL,
		DenyCacheTTL:              config.DenyTTL,
		WebhookRetryBackoff:       &retry,
	}.New()
	if err != nil {
		return nil, err
	}
	authorize, err := union.New(
		union.NamedAuthorizer{AuthorizerName: "system-masters", Authorizer: authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)},
		union.NamedAuthorizer{AuthorizerName: "api-server", Authorizer: delegated},
	)
	if err != nil {
		return nil, err
	}
	attributes := config.Attributes
	if attributes == nil {
		attributes = pathOnly
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			who, ok, err := authenticate.AuthenticateRequest(r)
			if err != nil || !ok {
				http.Error(w, "Unauthorized", http.StatusUnauthorized)
				return
			}
			var reason string
			for _, question := range attributes(who.User, r) {
				decision, why, err := authorize.Authorize(r.Context(), question)
				if err != nil {
					http.Error(w, fmt.Sprintf("Authorization error (user=%s, verb=%s, resource=%s, subresource=%s)",
						who.User.GetName(), question.GetVerb(), question.GetResource(), question.GetSubresource()), http.StatusInternalServerError)
					return
				}
				if decision == authorizer.DecisionAllow {
					next.ServeHTTP(w, r)
					return
				}
				reason = fmt.Sprintf("Forbidden (user=%s, verb=%s, resource=%s, subresource=%s) %s",
					who.User.GetName(), question.GetVerb(), question.GetResource(), question.GetSubresource(), why)
			}
			http.Error(w, reason, http.StatusForbidden)
		})
	}, nil
}

func pathOnly(u user.Info, r *http.Request) []authorizer.Attributes {
	return []authorizer.Attributes{authorizer.AttributesRecord{User: u, Verb: Verb(r.Method), Path: r.URL.Path}}
}

// Verb is the API verb of an HTTP method.
func Verb(method string) string {
	switch method {
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		return "delete"
	default:
		return "get"
	}
}
