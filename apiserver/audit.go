// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"

	genericoptions "k8s.io/apiserver/pkg/server/options"
)

// audit records requests as the policy says; without a policy nothing is recorded.
func (b *builder) audit() error {
	c := b.config.Audit
	if c.PolicyFile == "" {
		return nil
	}
	options := genericoptions.NewAuditOptions()
	options.PolicyFile = c.PolicyFile
	options.LogOptions.Path = c.LogPath
	options.LogOptions.MaxAge, options.LogOptions.MaxBackups, options.LogOptions.MaxSize = c.LogMaxAge, c.LogMaxBackups, c.LogMaxSize
	if c.LogFormat != "" {
		options.LogOptions.Format = c.LogFormat
	}
	options.WebhookOptions.ConfigFile = c.WebhookKubeconfigFile
	if err := options.ApplyTo(b.generic); err != nil {
		return fmt.Errorf("setting up the audit log: %w", err)
	}
	return nil
}
