// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// scrapes bounds how many clients are shown metrics at a time; more get 503. Some endpoints ask nobody for credentials,
// and gathering takes memory and processor.
const scrapes = 10

// Metrics serves metrics in the formats of Prometheus. What can't be gathered is left out.
func Metrics(gatherer prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: scrapes})
}
