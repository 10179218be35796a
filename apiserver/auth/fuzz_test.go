// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzAuthenticationFile reads anything as an AuthenticationConfiguration, expressions in CEL included: an error or a
// configuration that can be used, and never a panic.
func FuzzAuthenticationFile(f *testing.F) {
	const head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
	for _, body := range []string{
		"", "anonymous: {enabled: true, conditions: [{path: /healthz}]}\n",
		"jwt:\n- issuer: {url: 'https://a.test', audiences: [a]}\n  claimMappings: {username: {claim: sub, prefix: ''}}\n",
		"jwt:\n- issuer: {url: 'https://a.test', audiences: [a, b], audienceMatchPolicy: MatchAny}\n  claimValidationRules: [{expression: 'claims.x.all(y, y == quantity(\"1e2147483648\").asInteger())', message: m}]\n" +
			"  claimMappings: {username: {expression: 'claims.sub'}, extra: [{key: 'a/b', valueExpression: 'claims.z'}]}\n",
		"jwt: [null, {issuer: {certificateAuthority: x}}]\n",
	} {
		f.Add([]byte(head + body))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(dir, "config")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = newStructured(AuthenticationConfig{ConfigFile: path})
	})
}
