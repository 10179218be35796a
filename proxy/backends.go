// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"
	"strings"

	"coxswain.dev/coxswain/proxy/state"
)

// Backend makes the kernel obey the model. One goroutine drives it.
type Backend interface {
	// Sync makes the kernel hold exactly what the model says, whatever was
	// there before, without disturbing what is already right.
	Sync(state.Model) error
	// Apply carries out the changes since the last Sync or Apply, all or
	// nothing. After an error only Sync helps.
	Apply([]state.Change) error
	// Disturbed says, cheaply, whether somebody else may have changed what the
	// back end keeps; Sync repairs it.
	Disturbed() (bool, error)
	// Remove deletes everything that the back end ever put into the kernel. It
	// is no error that there is nothing.
	Remove() error
	// Close gives back handles; what is in the kernel stays and keeps working.
	Close() error
}

// opener makes a back end. It is called in the network namespace of the node.
type opener struct {
	name string
	open func(Config) (Backend, error)
}

// Modes lists the names of the back ends of this platform, the default first.
func Modes() []string {
	var names []string
	for _, b := range backends() {
		names = append(names, b.name)
	}
	return names
}

// openBackend opens the back end of a name; "" means the first of the list.
func openBackend(cfg Config) (Backend, error) {
	for _, b := range backends() {
		if cfg.Mode == "" || cfg.Mode == b.name {
			backend, err := b.open(cfg)
			if err != nil {
				return nil, fmt.Errorf("opening the %s back end: %w", b.name, err)
			}
			return backend, nil
		}
	}
	return nil, fmt.Errorf("proxy mode %q is not one of: %s", cfg.Mode, strings.Join(Modes(), ", "))
}
