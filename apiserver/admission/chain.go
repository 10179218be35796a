// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	admissionmetrics "k8s.io/apiserver/pkg/admission/metrics"
	webhookinitializer "k8s.io/apiserver/pkg/admission/plugin/webhook/initializer"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/util/compatibility"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apiserver/admission/noderestriction"
	"coxswain.dev/coxswain/apiserver/auth/rbac"
	"coxswain.dev/coxswain/apiserver/tokens"
)

// Config is what the chain is built from.
type Config struct {
	// Enable and Disable change the default set; the names are Kubernetes'.
	Enable, Disable []string
	// ConfigFile is an AdmissionConfiguration of apiserver.config.k8s.io with the plugins' own configurations.
	ConfigFile string

	// Client and Dynamic reach the API server itself with full rights.
	Client  kubernetes.Interface
	Dynamic dynamic.Interface
	// Informers are shared; they must not be running yet.
	Informers informers.SharedInformerFactory
	// Objects reads pods, service accounts and nodes, and what else plugins look up, as they are now.
	Objects interface {
		tokens.Getter
		noderestriction.Objects
	}
	// Store returns the store of a resource, nil when it is not served. Plugins for kinds that are not served are left
	// out.
	Store      func(schema.GroupResource) *genericregistry.Store
	RESTMapper meta.RESTMapper
	Authorizer authorizer.Authorizer
	// Escalation is the one of auth.Authorizer; nil without RBAC.
	Escalation *rbac.Escalation

	// WebhookAuth and Services let webhooks be called; nil means no credentials and cluster DNS.
	WebhookAuth webhook.AuthenticationInfoResolverWrapper
	Services    webhook.ServiceResolver

	// Stop is closed when no more requests will come.
	Stop  <-chan struct{}
	Clock clock.PassiveClock
}

// plugin is an entry of the list of all plugins.
type plugin struct {
	name string
	// on says that it is on unless disabled.
	on bool
	// needs are kinds without which the plugin has nothing to do and is left out.
	needs []schema.GroupResource
	make  func(c *Config, configuration io.Reader) (admission.Interface, error)
}

// New builds the chain.
func New(c Config) (admission.Interface, error) {
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	chosen, err := choose(all(), c.Enable, c.Disable)
	if err != nil {
		return nil, err
	}
	configurations, err := readConfigurations(c.ConfigFile, namesOf(all()))
	if err != nil {
		return nil, err
	}
	initializers := c.initializers()
	chain := []admission.Interface{newQuantities()}
	if c.Escalation != nil {
		chain = append(chain, &escalation{check: c.Escalation})
	}
	for _, p := range chosen {
		if p.make == nil || !c.serves(p.needs) {
			continue
		}
		configuration, err := configurations.ConfigFor(p.name)
		if err != nil {
			return nil, fmt.Errorf("reading the configuration of admission plugin %s: %w", p.name, err)
		}
		made, err := p.make(&c, configuration)
		if err != nil {
			return nil, fmt.Errorf("making admission plugin %s: %w", p.name, err)
		}
		initializers.Initialize(made)
		if err := admission.ValidateInitialization(made); err != nil {
			return nil, fmt.Errorf("setting up admission plugin %s: %w", p.name, err)
		}
		chain = append(chain, admissionmetrics.WithControllerMetrics(made, p.name))
	}
	chain = append(chain, newQuantities())
	return admissionmetrics.WithStepMetrics(admission.NewChainHandler(chain...)), nil
}

func (c *Config) serves(resources []schema.GroupResource) bool {
	return !slices.ContainsFunc(resources, func(r schema.GroupResource) bool { return c.Store(r) == nil })
}

func (c *Config) initializers() admission.PluginInitializers {
	generic := initializer.New(c.Client, c.Dynamic, c.Informers, c.Authorizer, utilfeature.DefaultFeatureGate,
		compatibility.DefaultBuildEffectiveVersion(), c.Stop, c.RESTMapper)
	wrapper := c.WebhookAuth
	if wrapper == nil {
		wrapper = func(delegate webhook.AuthenticationInfoResolver) webhook.AuthenticationInfoResolver { return delegate }
	}
	services := c.Services
	if services == nil {
		services = webhook.NewDefaultServiceResolver()
	}
	return admission.PluginInitializers{webhookinitializer.NewPluginInitializer(wrapper, services), generic}
}

// choose returns the plugins to run, in order.
func choose(plugins []plugin, enable, disable []string) ([]plugin, error) {
	known := namesOf(plugins)
	var errs []error
	for _, name := range slices.Concat(enable, disable) {
		if !slices.Contains(known, name) {
			errs = append(errs, fmt.Errorf("unknown admission plugin %q; known are %s", name, strings.Join(known, ", ")))
		}
	}
	var chosen []plugin
	for _, p := range plugins {
		enabled, disabled := slices.Contains(enable, p.name), slices.Contains(disable, p.name)
		if enabled && disabled {
			errs = append(errs, fmt.Errorf("admission plugin %s is both enabled and disabled", p.name))
		}
		if enabled && !p.on && p.make == nil {
			errs = append(errs, fmt.Errorf("admission plugin %s is not available", p.name))
		}
		if enabled || (p.on && !disabled) {
			chosen = append(chosen, p)
		}
	}
	return chosen, errors.Join(errs...)
}

func namesOf(plugins []plugin) []string {
	list := make([]string, len(plugins))
	for i, p := range plugins {
		list[i] = p.name
	}
	return list
}

// Names are those of all plugins, in the order in which they run.
func Names() []string { return namesOf(all()) }

// ValidateNames returns what is wrong with lists of plugins to enable and to disable.
func ValidateNames(enable, disable []string) error {
	_, err := choose(all(), enable, disable)
	return err
}
