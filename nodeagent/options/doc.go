// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package options are the flags of `coxswain node-agent`: the kubelet's names where the kubelet has the setting, and its
// configuration file (KubeletConfiguration) through --config. A flag that is given wins over the file.
//
//	flags ─► Options ─► Complete (reads files, validates) ─► Completed.Config ─► nodeagent.New
package options
