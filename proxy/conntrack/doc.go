// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package conntrack makes the kernel forget UDP connections that lead nowhere.
//
// A UDP client that keeps sending from one port keeps its entry in the
// connection table alive, and with it the endpoint chosen at the beginning, even
// when that endpoint has gone, or when there was none and the packets went to
// the bare service address. TCP needs no help: its connections end.
package conntrack
