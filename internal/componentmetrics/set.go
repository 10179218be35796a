// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package componentmetrics

import (
	"errors"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Config describes a Set.
type Config struct {
	Component Component
	// Embeds are components without an endpoint of their own that run within this one, and are shown with it.
	Embeds []Component
	// Lease is the name of the lease that the component's instances contend for; its leader_election_* are shown.
	Lease string
	// Shared are the registries of the process that libraries count in for this component. Empty for one whose metrics
	// are all its own.
	Shared []prometheus.Gatherer
}

// Set is the metrics of one component. It is a prometheus.Gatherer that gives what the component's /metrics shows. It is
// safe for concurrent use.
type Set struct {
	owned    []Component
	lease    string
	registry *prometheus.Registry
	included []prometheus.Gatherer
	shared   []prometheus.Gatherer
	requests *requests
}

var _ prometheus.Gatherer = (*Set)(nil)

// New makes the metrics of a component. Each call has counters of its own, so that several clusters may live in a
// process; what the shared registries hold is the process's nevertheless.
func New(config Config) *Set {
	s := &Set{
		owned:    append([]Component{config.Component}, config.Embeds...),
		lease:    config.Lease,
		registry: prometheus.NewRegistry(),
		shared:   config.Shared,
		requests: newRequests(),
	}
	s.registry.MustRegister(s.requests.collectors()...)
	return s
}

// MustRegister adds metrics of the component. It panics when one of them is there already.
func (s *Set) MustRegister(collectors ...prometheus.Collector) {
	s.registry.MustRegister(collectors...)
}

// Include adds a registry all of which is the component's.
func (s *Set) Include(registry prometheus.Gatherer) { s.included = append(s.included, registry) }

// Gather implements prometheus.Gatherer. Where a name occurs twice, the component's own family wins over the process's and
// that over one of a shared registry.
func (s *Set) Gather() ([]*dto.MetricFamily, error) {
	var (
		all  []*dto.MetricFamily
		errs []error
		seen = map[string]bool{}
	)
	add := func(from prometheus.Gatherer, wanted func(*dto.MetricFamily) bool) {
		families, err := from.Gather()
		errs = append(errs, err)
		for _, family := range families {
			if name := family.GetName(); !seen[name] && wanted(family) {
				seen[name] = true
				all = append(all, family)
			}
		}
	}
	every := func(*dto.MetricFamily) bool { return true }
	add(s.registry, every)
	for _, included := range s.included {
		add(included, every)
	}
	add(process(), every)
	if !slices.Contains(s.owned, DNS) { // CoreDNS is no program of Kubernetes
		add(kubernetes(), every)
	}
	for _, shared := range s.shared {
		add(shared, s.owns)
	}
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all, errors.Join(errs...)
}

const leaderElection = "leader_election_"

// owns says whether a family of a shared registry is the component's. Of a family that several have, it keeps what is the
// component's.
func (s *Set) owns(family *dto.MetricFamily) bool {
	if strings.HasPrefix(family.GetName(), leaderElection) && s.lease != "" {
		family.Metric = slices.DeleteFunc(family.GetMetric(), func(m *dto.Metric) bool { return !s.isOwnLease(m) })
		return len(family.GetMetric()) > 0
	}
	owner, _ := ownerOf(family.GetName())
	return owner != nobody && slices.Contains(s.owned, owner)
}

func (s *Set) isOwnLease(m *dto.Metric) bool {
	return slices.ContainsFunc(m.GetLabel(), func(l *dto.LabelPair) bool { return l.GetName() == "name" && l.GetValue() == s.lease })
}
