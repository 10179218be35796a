// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package options

import "testing"

// FuzzFile reads anything as a KubeSchedulerConfiguration: an error, or profiles that compile, and never a panic.
func FuzzFile(f *testing.F) {
	const head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"
	for _, body := range []string{
		"", "parallelism: -1\npercentageOfNodesToScore: 101\npodMaxBackoffSeconds: 9223372036854775807\n",
		"profiles:\n- schedulerName: a\n  plugins:\n    score:\n      disabled: [{name: '*'}]\n      enabled: [{name: ImageLocality, weight: 2147483647}]\n",
		"profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: RequestedToCapacityRatio, resources: [{name: cpu, weight: -1}]}}}]}]\n",
		"profiles: [null, {schedulerName: ''}, {plugins: {multiPoint: {enabled: [{name: x}]}}}]\n", "leaderElection: {leaderElect: true, leaseDuration: -5s}\n",
	} {
		f.Add([]byte(head + body))
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		if file, err := decode(data); err == nil {
			New().take(file)
		}
	})
}
