// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package fuzz

import (
	"math/rand"
	"testing"
	"time"

	"coxswain.dev/coxswain/test/fuzz/objects"
)

// patience is how long an input may take. Go's fuzzer waits for ever; a panic makes it keep the input.
const patience = 20 * time.Second

// watchdog ends the process when the function it returns is not called in time.
func watchdog() (stop func()) {
	timer := time.AfterFunc(patience, func() { panic("the input takes more than " + patience.String()) })
	return func() { timer.Stop() }
}

func load(tb testing.TB) *objects.All {
	tb.Helper()
	all, err := objects.Load()
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

// randomBytes are seeds that are always the same.
func randomBytes(seed int64, n int) []byte {
	data := make([]byte, n)
	rand.New(rand.NewSource(seed)).Read(data)
	return data
}
