// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("Bad input", func() {
	DescribeTable("is refused with the reason and the field, and nothing is stored",
		func(ctx SpecContext, manifest string, says ...string) {
			_, err := cluster.RunWithInput(ctx, manifest, cluster.KubectlArgs("create", "-f", "-")...)
			Expect(err).To(HaveOccurred())
			for _, part := range says {
				Expect(err.Error()).To(ContainSubstring(part))
			}
			Expect(kubectl(ctx, "get", "deployments,configmaps,services,pods", "-n", "default", "-o", "name")).NotTo(ContainSubstring("/bad"))
		},
		Entry("an unknown field", `{apiVersion: v1, kind: ConfigMap, metadata: {name: bad}, dta: {a: b}}`,
			`strict decoding error: unknown field "dta"`),
		Entry("a wrong type", `{apiVersion: apps/v1, kind: Deployment, metadata: {name: bad}, spec: {replicas: three}}`,
			"BadRequest", "replicas"),
		Entry("an impossible value", `{apiVersion: v1, kind: Service, metadata: {name: bad}, spec: {ports: [{port: 70000}]}}`,
			"spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive"),
		Entry("a selector that does not match", `{apiVersion: apps/v1, kind: Deployment, metadata: {name: bad}, spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: c, image: i}]}}}}`,
			"spec.template.metadata.labels: Invalid value", "`selector` does not match template `labels`"),
		Entry("a name that is none", `{apiVersion: v1, kind: Pod, metadata: {name: bad_name}, spec: {containers: [{name: c, image: i}]}}`,
			"metadata.name: Invalid value: \"bad_name\": a lowercase RFC 1123 subdomain must consist of"),
		Entry("nothing where something is required", `{apiVersion: v1, kind: Pod, metadata: {name: bad}, spec: {containers: []}}`,
			"spec.containers: Required value"),
		Entry("a kind that does not exist", `{apiVersion: v1, kind: Pot, metadata: {name: bad}}`, `no matches for kind "Pot" in version "v1"`),
		Entry("an oversized object", `{apiVersion: v1, kind: ConfigMap, metadata: {name: bad}, data: {a: "`+strings.Repeat("x", 1<<20+1)+`"}}`,
			"Too long: may not be more than 1048576 bytes"),
	)
})
