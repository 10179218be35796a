// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package status writes what the agent found out about its pods to the API server: the newest status of each pod, and
// the removal of pods that have ended. Workers hand over and go on; nothing that runs containers waits for the API.
package status
