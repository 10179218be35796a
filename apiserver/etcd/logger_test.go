// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"errors"
	"testing"

	"go.uber.org/zap"
)

func TestWhatEndsEtcd(t *testing.T) {
	scan := func(log *zap.Logger) {
		log.Sugar().Panicf("error scanning unapplied entries [%d, %d): %v", 387, 1238, errors.New("requested index is unavailable due to compaction"))
	}
	for name, c := range map[string]struct {
		known exceptions
		say   func(*zap.Logger)
		want  string // the fatal error; empty if etcd goes on
	}{
		"a panic":                           {exceptions{}, func(log *zap.Logger) { log.Panic("no disk", zap.Error(errors.New("I/O"))) }, "no disk: I/O"},
		"a fatal entry":                     {exceptions{}, func(log *zap.Logger) { log.Fatal("no disk") }, "no disk"},
		"a panic within a cluster of one":   {ofOneMember, func(log *zap.Logger) { log.Panic("no disk") }, "no disk"},
		"a member that looks for others":    {exceptions{}, scan, "error scanning unapplied entries [387, 1238): requested index is unavailable due to compaction"},
		"but not one that is all by itself": {ofOneMember, scan, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := ""
			func() {
				defer func() {
					if f, ok := recover().(fatal); ok {
						got = f.Error()
					}
				}()
				c.say(newLogger(c.known))
			}()
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
