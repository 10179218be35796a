// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/load"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	authorizationcel "k8s.io/apiserver/pkg/authorization/cel"
	"k8s.io/apiserver/pkg/authorization/union"
	"k8s.io/apiserver/pkg/util/webhook"
	webhookauthorizer "k8s.io/apiserver/plugin/pkg/authorizer/webhook"
	webhookmetrics "k8s.io/apiserver/plugin/pkg/authorizer/webhook/metrics"
	"k8s.io/client-go/informers"

	"coxswain.dev/coxswain/apiserver/auth/node"
	"coxswain.dev/coxswain/apiserver/auth/rbac"
	"coxswain.dev/coxswain/apiserver/internal/egress"
)

// The authorization modes.
const (
	ModeNode        = "Node"
	ModeRBAC        = "RBAC"
	ModeWebhook     = "Webhook"
	ModeAlwaysAllow = "AlwaysAllow"
	ModeAlwaysDeny  = "AlwaysDeny"
)

// Modes are all modes there are.
func Modes() []string {
	return []string{ModeAlwaysAllow, ModeAlwaysDeny, ModeNode, ModeRBAC, ModeWebhook}
}

// AuthorizationConfig says how requests are authorized.
type AuthorizationConfig struct {
	// Modes are asked in order; the first that says yes or no decides.
	Modes []string
	// ConfigFile is an AuthorizationConfiguration of apiserver.config.k8s.io, in place of Modes and Webhook.
	ConfigFile string
	// Webhook is needed by the mode of that name.
	Webhook AuthorizationWebhookConfig
	// Informers give the modes Node and RBAC pods, roles and bindings. They must not be running yet.
	Informers informers.SharedInformerFactory
	// NodeRules are what every node may do (the rules of the ClusterRole system:node), for the mode Node.
	NodeRules []rbacv1.PolicyRule
	// Objects reads what the mode Node looks up at each decision: volumes, attachments, slices, certificate requests.
	Objects node.Objects
}

// AuthorizationWebhookConfig is a webhook that reviews access.
type AuthorizationWebhookConfig struct {
	KubeconfigFile string
	// Version of SubjectAccessReview, v1 or v1beta1.
	Version                        string
	AuthorizedTTL, UnauthorizedTTL time.Duration
}

var webhookBackoff = wait.Backoff{Duration: 500 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 5}

// Authorizer decides requests.
type Authorizer struct {
	authorizer.Authorizer
	// Escalation keeps people from granting what they do not hold; nil unless the mode RBAC is on.
	Escalation *rbac.Escalation
	synced     []func() bool
}

// HasSynced tells whether the modes have read what they decide by. Until then they refuse too much, never too little.
func (a *Authorizer) HasSynced() bool {
	for _, synced := range a.synced {
		if !synced() {
			return false
		}
	}
	return true
}

// NewAuthorizer builds the authorizer, and what lists the rules that apply to a user.
func NewAuthorizer(c AuthorizationConfig) (*Authorizer, authorizer.RuleResolver, error) {
	wanted, err := c.authorizers()
	if err != nil {
		return nil, nil, err
	}
	a := &Authorizer{}
	chain := []union.NamedAuthorizer{{
		AuthorizerName: "privileged-group",
		Authorizer:     authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup),
	}}
	var rules []authorizer.RuleResolver
	for _, w := range wanted {
		made, err := a.mode(c, w)
		if err != nil {
			return nil, nil, err
		}
		chain = append(chain, union.NamedAuthorizer{AuthorizerName: w.Name, Authorizer: made})
		if r, ok := made.(authorizer.RuleResolver); ok {
			rules = append(rules, r)
		}
	}
	if a.Authorizer, err = union.New(chain...); err != nil {
		return nil, nil, fmt.Errorf("combining authorization modes: %w", err)
	}
	resolver := privilegedRules{union.NewRuleResolvers(rules...)}
	if a.Escalation != nil {
		a.Escalation.Authorizer = a.Authorizer
	}
	return a, resolver, nil
}

func (a *Authorizer) mode(c AuthorizationConfig, w apiserver.AuthorizerConfiguration) (authorizer.Authorizer, error) {
	switch string(w.Type) {
	case ModeAlwaysAllow:
		return authorizerfactory.NewAlwaysAllowAuthorizer(), nil
	case ModeAlwaysDeny:
		return authorizerfactory.NewAlwaysDenyAuthorizer(), nil
	case ModeNode:
		graph, err := node.NewGraph(c.Informers, c.Objects)
		if err != nil {
			return nil, err
		}
		a.synced = append(a.synced, graph.HasSynced)
		return node.New(graph, c.NodeRules), nil
	case ModeRBAC:
		resolver, err := rbac.NewResolver(c.Informers)
		if err != nil {
			return nil, err
		}
		a.synced = append(a.synced, resolver.HasSynced)
		a.Escalation = &rbac.Escalation{Resolver: resolver}
		return rbac.New(resolver), nil
	default:
		return newWebhook(w)
	}
}

func newWebhook(w apiserver.AuthorizerConfiguration) (authorizer.Authorizer, error) {
	kubeconfig, err := webhook.LoadKubeconfig(*w.Webhook.ConnectionInfo.KubeConfigFile, nil)
	if err != nil {
		return nil, fmt.Errorf("reading authorization webhook configuration: %w", err)
	}
	kubeconfig.Wrap(egress.RefuseRedirects)
	kubeconfig.Timeout = w.Webhook.Timeout.Duration
	onError := authorizer.DecisionNoOpinion
	if w.Webhook.FailurePolicy == apiserver.FailurePolicyDeny {
		onError = authorizer.DecisionDeny
	}
	made, err := webhookauthorizer.New(kubeconfig, w.Webhook.SubjectAccessReviewVersion,
		w.Webhook.AuthorizedTTL.Duration, w.Webhook.UnauthorizedTTL.Duration, webhookBackoff, onError,
		w.Webhook.MatchConditions, w.Name, webhookmetrics.NoopAuthorizerMetrics{}, authorizationcel.NewDefaultCompiler())
	if err != nil {
		return nil, fmt.Errorf("setting up authorization webhook %s: %w", w.Name, err)
	}
	return made, nil
}

// authorizers is the configuration in the one form that files have.
func (c AuthorizationConfig) authorizers() ([]apiserver.AuthorizerConfiguration, error) {
	config := &apiserver.AuthorizationConfiguration{}
	if c.ConfigFile != "" {
		if len(c.Modes) > 0 {
			return nil, errors.New("an authorization configuration file and authorization modes exclude each other")
		}
		var err error
		if config, err = load.LoadFromFile(c.ConfigFile); err != nil {
			return nil, fmt.Errorf("reading authorization configuration %s: %w", c.ConfigFile, err)
		}
	}
	for _, mode := range c.Modes {
		w := apiserver.AuthorizerConfiguration{Type: apiserver.AuthorizerType(mode), Name: strings.ToLower(mode)}
		if mode == ModeWebhook {
			if c.Webhook.KubeconfigFile == "" {
				return nil, errors.New("the authorization mode Webhook needs a kubeconfig file for the webhook")
			}
			w.Webhook = &apiserver.WebhookConfiguration{
				SubjectAccessReviewVersion:               c.Webhook.Version,
				MatchConditionSubjectAccessReviewVersion: "v1",
				FailurePolicy:                            apiserver.FailurePolicyNoOpinion,
				CacheAuthorizedRequests:                  true,
				CacheUnauthorizedRequests:                true,
				ConnectionInfo: apiserver.WebhookConnectionInfo{
					Type: apiserver.AuthorizationWebhookConnectionInfoTypeKubeConfigFile, KubeConfigFile: &c.Webhook.KubeconfigFile,
				},
			}
			w.Webhook.Timeout.Duration = 30 * time.Second
			w.Webhook.AuthorizedTTL.Duration = c.Webhook.AuthorizedTTL
			w.Webhook.UnauthorizedTTL.Duration = c.Webhook.UnauthorizedTTL
		}
		config.Authorizers = append(config.Authorizers, w)
	}
	var compiler authorizationcel.Compiler // costs tens of milliseconds, and only webhooks have expressions
	if slices.ContainsFunc(config.Authorizers, func(w apiserver.AuthorizerConfiguration) bool { return w.Webhook != nil }) {
		compiler = authorizationcel.NewDefaultCompiler()
	}
	errs := validation.ValidateAuthorizationConfiguration(compiler, nil, config, sets.New(Modes()...), sets.New(ModeWebhook))
	if err := errs.ToAggregate(); err != nil {
		return nil, fmt.Errorf("checking authorization modes: %w", err)
	}
	return config.Authorizers, nil
}

// privilegedRules adds to what the modes know that the privileged group may do everything.
type privilegedRules struct{ authorizer.RuleResolver }

func (p privilegedRules) RulesFor(ctx context.Context, u user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	if slices.Contains(u.GetGroups(), user.SystemPrivilegedGroup) {
		return authorizerfactory.NewAlwaysAllowAuthorizer().RulesFor(ctx, u, namespace)
	}
	return p.RuleResolver.RulesFor(ctx, u, namespace)
}
