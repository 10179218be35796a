// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/component-base/metrics/legacyregistry"
)

// metricsHandler serves the registry of Kubernetes components together with further ones.
func metricsHandler(further []prometheus.Gatherer) http.Handler {
	all := merged(append([]prometheus.Gatherer{legacyregistry.DefaultGatherer}, further...))
	return promhttp.HandlerFor(all, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

// merged joins registries. A family that several of them have (those of the Go runtime) comes from the first.
type merged []prometheus.Gatherer

// Gather implements prometheus.Gatherer.
func (m merged) Gather() ([]*dto.MetricFamily, error) {
	var (
		all  []*dto.MetricFamily
		errs []error
		seen = map[string]bool{}
	)
	for _, gatherer := range m {
		families, err := gatherer.Gather()
		errs = append(errs, err)
		var fresh []*dto.MetricFamily
		for _, family := range families {
			if !seen[family.GetName()] {
				fresh = append(fresh, family)
			}
		}
		for _, family := range fresh {
			seen[family.GetName()] = true
		}
		all = append(all, fresh...)
	}
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all, errors.Join(errs...)
}
