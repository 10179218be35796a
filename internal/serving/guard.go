// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/union"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

// GuardConfig says how requests to a component are judged.
type GuardConfig struct {
	// Rest reaches the API server, which is asked about tokens and access (TokenReview, SubjectAccessReview).
	Rest *rest.Config
	// ClientCAFile verifies client certificates; empty accepts none. It is read once.
	ClientCAFile string
	// Anonymous lets requests without credentials go on as system:anonymous.
	Anonymous bool
	// AlwaysAllowGroups are let through without asking the API server.
	AlwaysAllowGroups []string
	// AllowTTL and DenyTTL are how long answers are kept; zero means 10 seconds.
	AllowTTL, DenyTTL time.Duration
}

// Questions are what the API server is asked about a request, any of which may allow it. None allows it to nobody.
type Questions func(u user.Info, r *http.Request) []authorizer.Attributes

// Guard lets through only whom the API server knows and allows. Authenticate stands before everything, Authorize before
// each path that has a right of its own.
type Guard struct {
	authenticator authenticator.Request
	authorizer    authorizer.UnconditionalAuthorizer
}

// retry is for reviews that the API server could not answer.
var retry = wait.Backoff{Duration: 500 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 5}

// reviewTTL is how long the answer about a token, and by default about a right, is good for.
const reviewTTL = 10 * time.Second

// NewGuard makes a guard. It asks nobody yet.
func NewGuard(config GuardConfig) (*Guard, error) {
	client, err := kubernetes.NewForConfig(config.Rest)
	if err != nil {
		return nil, fmt.Errorf("making the client for access reviews: %w", err)
	}
	if config.AllowTTL == 0 {
		config.AllowTTL = reviewTTL
	}
	if config.DenyTTL == 0 {
		config.DenyTTL = reviewTTL
	}
	g := &Guard{}
	authentication := authenticatorfactory.DelegatingAuthenticatorConfig{
		Anonymous:                &apiserver.AnonymousAuthConfig{Enabled: config.Anonymous},
		TokenAccessReviewClient:  client.AuthenticationV1(),
		TokenAccessReviewTimeout: 10 * time.Second,
		WebhookRetryBackoff:      &retry,
		CacheTTL:                 reviewTTL,
	}
	if config.ClientCAFile != "" {
		bundle, err := os.ReadFile(config.ClientCAFile)
		if err != nil {
			return nil, fmt.Errorf("reading --client-ca-file: %w", err)
		}
		// The library's provider that follows a file has a work queue, which would show among the API server's metrics.
		provider, err := dynamiccertificates.NewStaticCAContent("client-ca", bundle)
		if err != nil {
			return nil, fmt.Errorf("reading --client-ca-file %s: %w", config.ClientCAFile, err)
		}
		authentication.ClientCertificateCAContentProvider = provider
	}
	if g.authenticator, _, err = authentication.New(); err != nil {
		return nil, fmt.Errorf("setting up authentication: %w", err)
	}
	delegated, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: client.AuthorizationV1(),
		AllowCacheTTL:             config.AllowTTL,
		DenyCacheTTL:              config.DenyTTL,
		WebhookRetryBackoff:       &retry,
	}.New()
	if err != nil {
		return nil, fmt.Errorf("setting up authorization: %w", err)
	}
	chain := []union.NamedAuthorizer{{AuthorizerName: "api-server", Authorizer: delegated}}
	if len(config.AlwaysAllowGroups) > 0 {
		groups := authorizerfactory.NewPrivilegedGroups(config.AlwaysAllowGroups...)
		chain = append([]union.NamedAuthorizer{{AuthorizerName: "privileged-group", Authorizer: groups}}, chain...)
	}
	if g.authorizer, err = union.New(chain...); err != nil {
		return nil, fmt.Errorf("setting up authorization: %w", err)
	}
	return g, nil
}

// Authenticate answers 401 to who shows no valid credentials, and hands the user to next in the request's context.
func (g *Guard) Authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok, err := g.authenticator.AuthenticateRequest(r)
		if err != nil || !ok {
			if err != nil {
				ctrl.LoggerFrom(r.Context()).V(2).Info("Refused credentials", "path", r.URL.Path, "reason", err.Error())
			}
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(genericapirequest.WithUser(r.Context(), who.User)))
	})
}

// Authorize answers 403 to who is allowed by none of the questions. It stands behind Authenticate.
func (g *Guard) Authorize(questions Questions, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := genericapirequest.UserFrom(r.Context())
		if !ok {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		asked := questions(who, r)
		for _, question := range asked {
			decision, _, err := g.authorizer.Authorize(r.Context(), question)
			if err != nil {
				ctrl.LoggerFrom(r.Context()).Error(err, "Asking about access", "user", who.GetName(), "path", r.URL.Path)
				http.Error(w, fmt.Sprintf("Authorization error (%s)", describe(asked)), http.StatusInternalServerError)
				return
			}
			if decision == authorizer.DecisionAllow {
				next.ServeHTTP(w, r)
				return
			}
		}
		http.Error(w, fmt.Sprintf("Forbidden (%s)", describe(asked)), http.StatusForbidden)
	})
}

// Wrap stands before a whole server: the right is the one to the path, as for non-resource URLs of the API server.
func (g *Guard) Wrap(next http.Handler) http.Handler {
	return g.Authenticate(g.Authorize(PathQuestions, next))
}

// PathQuestions ask about the path of a request as a non-resource URL.
func PathQuestions(u user.Info, r *http.Request) []authorizer.Attributes {
	return []authorizer.Attributes{authorizer.AttributesRecord{User: u, Verb: strings.ToLower(r.Method), Path: r.URL.Path}}
}

// describe says what was asked, in the words of Kubernetes' programs. The questions about one request differ by
// subresource only.
func describe(asked []authorizer.Attributes) string {
	if len(asked) == 0 {
		return "could not determine attributes for request"
	}
	first := asked[0]
	if !first.IsResourceRequest() {
		return fmt.Sprintf("user=%s, verb=%s, path=%s", first.GetUser().GetName(), first.GetVerb(), first.GetPath())
	}
	var subresources []string
	for _, question := range asked {
		subresources = append(subresources, question.GetSubresource())
	}
	return fmt.Sprintf("user=%s, verb=%s, resource=%s, subresource(s)=%v",
		first.GetUser().GetName(), first.GetVerb(), first.GetResource(), subresources)
}
