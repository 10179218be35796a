// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import "testing"

func TestSumOf(t *testing.T) {
	const metrics = `# HELP h_seconds Help
h_seconds_bucket{le="1"} 3
h_seconds_sum{ip_family="IPv4"} 1.5
h_seconds_sum{ip_family="IPv6"} 0.25
h_seconds_summary 7
plain_sum 2e-3
`
	for name, c := range map[string]struct {
		histogram string
		want      float64
		bad       bool
	}{
		"all labels together":        {histogram: "h_seconds", want: 1.75},
		"one without labels":         {histogram: "plain", want: 0.002},
		"one that is not there":      {histogram: "h", bad: true},
		"a name that only begins so": {histogram: "h_second", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := sumOf(metrics, c.histogram)
			if (err != nil) != c.bad || got != c.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
