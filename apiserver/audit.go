// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	auditinternal "k8s.io/apiserver/pkg/apis/audit"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/audit"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/apiserver/plugin/pkg/audit/buffered"
	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/apiserver/internal/egress"
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
	if err := options.ApplyTo(b.generic); err != nil {
		return fmt.Errorf("setting up the audit log: %w", err)
	}
	if c.WebhookKubeconfigFile == "" {
		return nil
	}
	remote, err := newAuditWebhook(c.WebhookKubeconfigFile, options.WebhookOptions)
	if err != nil {
		return err
	}
	if b.generic.AuditBackend != nil {
		remote = audit.Union(b.generic.AuditBackend, remote)
	}
	b.generic.AuditBackend = remote
	return nil
}

// auditWebhook sends records to a server. It does what the library's does and follows no redirects, with which the
// records of others' requests would go elsewhere.
type auditWebhook struct{ *webhook.GenericWebhook }

// newAuditWebhook makes the webhook and the buffer before it, which sends in batches.
func newAuditWebhook(kubeconfigFile string, options genericoptions.AuditWebhookOptions) (audit.Backend, error) {
	config, err := webhook.LoadKubeconfig(kubeconfigFile, nil)
	if err != nil {
		return nil, fmt.Errorf("reading --audit-webhook-config-file: %w", err)
	}
	config.Wrap(egress.RefuseRedirects)
	client, err := webhook.NewGenericWebhook(audit.Scheme, audit.Codecs, config,
		[]schema.GroupVersion{auditv1.SchemeGroupVersion}, webhook.DefaultRetryBackoffWithInitialDelay(options.InitialBackoff))
	if err != nil {
		return nil, fmt.Errorf("setting up the audit webhook: %w", err)
	}
	client.ShouldRetry = func(err error) bool { return err != nil }
	return buffered.NewBackend(auditWebhook{client}, options.BatchOptions.BatchConfig), nil
}

// ProcessEvents implements audit.Sink.
func (w auditWebhook) ProcessEvents(events ...*auditinternal.Event) bool {
	list := auditinternal.EventList{Items: make([]auditinternal.Event, len(events))}
	for i, event := range events {
		list.Items[i] = *event
	}
	ctx := context.Background() // the requests are over; the retries are bounded
	err := w.WithExponentialBackoff(ctx, func() rest.Result { return w.RestClient.Post().Body(&list).Do(ctx) }).Error()
	if err != nil {
		audit.HandlePluginError(w.String(), err, events...)
	}
	return err == nil
}

// Run implements audit.Backend; there is nothing to run.
func (auditWebhook) Run(<-chan struct{}) error { return nil }

// Shutdown implements audit.Backend; the buffer has sent everything.
func (auditWebhook) Shutdown() {}

// String is the name under which the library's webhook is counted in apiserver_audit_error_total.
func (auditWebhook) String() string { return "webhook" }
