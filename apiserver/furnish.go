// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"

	"coxswain.dev/coxswain/apiserver/bootstrap"
)

// furnish puts what every cluster has into the stores: default roles, system namespaces, priority classes, the
// kubernetes service.
func (b *builder) furnish() error {
	authentication, err := b.extensionAuthentication()
	if err != nil {
		return err
	}
	advertise, err := netip.ParseAddrPort(b.generic.ExternalAddress)
	if err != nil {
		return fmt.Errorf("reading the advertised address: %w", err)
	}
	b.run("bootstrap", bootstrap.New(bootstrap.Config{
		Store:          b.kinds.store,
		ServiceIP:      b.config.Services.CIDRs[0].Masked().Addr().Next(),
		Advertise:      advertise,
		Identity:       b.generic.APIServerID,
		Authentication: authentication,
		Clock:          b.config.Clock,
	}))
	return nil
}

// extensionAuthentication is what servers behind the aggregator must know to believe it.
func (b *builder) extensionAuthentication() (bootstrap.ExtensionAuthentication, error) {
	c := b.config.Authentication
	e := bootstrap.ExtensionAuthentication{
		AllowedNames:        c.RequestHeader.AllowedNames,
		UsernameHeaders:     c.RequestHeader.UsernameHeaders,
		UIDHeaders:          c.RequestHeader.UIDHeaders,
		GroupHeaders:        c.RequestHeader.GroupHeaders,
		ExtraHeaderPrefixes: c.RequestHeader.ExtraHeaderPrefixes,
	}
	for _, f := range []struct {
		name string
		into *[]byte
	}{{c.ClientCAFile, &e.ClientCA}, {c.RequestHeader.ClientCAFile, &e.RequestHeaderCA}} {
		if f.name == "" {
			continue
		}
		data, err := os.ReadFile(f.name)
		if err != nil {
			return e, fmt.Errorf("reading a certificate authority: %w", err)
		}
		*f.into = data
	}
	return e, nil
}

// alarmCheck says that the store has an alarm, or is full. The server answers all the same, and is how there will be room
// again; so it is Ready, though /readyz tells those who choose between servers that another might be better.
const alarmCheck = "etcd-alarm"

// checks are what /healthz, /livez and /readyz ask beyond what the libraries do.
func (b *builder) checks(c *genericapiserver.Config) {
	c.AddHealthChecks(healthz.NamedCheck("etcd", func(r *http.Request) error { return b.backend.Check(r.Context()) }))
	c.AddReadyzChecks(healthz.NamedCheck(alarmCheck, b.backend.CheckAlarms))
	for _, p := range b.parts {
		c.AddReadyzChecks(healthz.NamedCheck(p.name, func(*http.Request) error {
			select {
			case <-p.ready:
				return nil
			default:
				return errors.New("not ready yet")
			}
		}))
	}
	defaults := b.newDefaultRules()
	c.AddReadyzChecks(healthz.NamedCheck("authorizer", func(*http.Request) error {
		if b.access.authorizer.HasSynced() {
			return defaults.check()
		}
		return errors.New("not synced yet")
	}))
}
