// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// metricSum fetches metrics over a connection of the namespace they are served in, and returns a histogram's sum.
func metricSum(dial func(string) (net.Conn, error), address, histogram string) (float64, error) {
	transport := &http.Transport{Dial: func(_, address string) (net.Conn, error) { return dial(address) }}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get("http://" + address + "/metrics")
	if err != nil {
		return 0, fmt.Errorf("fetching metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, fmt.Errorf("fetching metrics: %w", err)
	}
	return sumOf(string(body), histogram)
}

// sumOf adds up the samples of a histogram's sum in Prometheus' text format, whatever their labels.
func sumOf(metrics, histogram string) (float64, error) {
	total, found := 0.0, false
	for _, line := range strings.Split(metrics, "\n") {
		rest, is := strings.CutPrefix(line, histogram+"_sum")
		if !is || rest == "" || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		var value float64
		if _, err := fmt.Sscan(rest[strings.LastIndexByte(rest, ' ')+1:], &value); err != nil {
			return 0, fmt.Errorf("reading the metric %q: %w", line, err)
		}
		total, found = total+value, true
	}
	if !found {
		return 0, fmt.Errorf("the metrics have no %s", histogram)
	}
	return total, nil
}
