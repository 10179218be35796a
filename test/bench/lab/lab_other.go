// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package lab

import (
	"errors"
	"net"
	"net/netip"
	"time"
)

// Lab needs network namespaces.
type Lab struct{}

var errNone = errors.New("network namespaces are Linux's")

// New always fails here.
func New([]netip.Addr, netip.Prefix) (*Lab, error) { return nil, errNone }

// Enter implements nothing here.
func (*Lab) Enter() error { return errNone }

// Relay implements nothing here.
func (*Lab) Relay(int) error { return errNone }

// Answer implements nothing here.
func (*Lab) Answer(int) error { return errNone }

// Client implements nothing here.
func (*Lab) Client(func(func(string, time.Duration) (string, error)) error) error { return errNone }

// Dial implements nothing here.
func (*Lab) Dial(string) (net.Conn, error) { return nil, errNone }

// Close has nothing to close.
func (*Lab) Close() error { return nil }
