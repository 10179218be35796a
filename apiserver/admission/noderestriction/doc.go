// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package noderestriction is the admission plugin NodeRestriction: it narrows what a node agent may write to itself, its
// lease and its pods. The Node authorization mode decides by what stands in the path of a request, this plugin by what
// stands in its body; neither is enough without the other. docs/security.md lists the rules of both.
//
// It reads the objects that it compares with as they are now, so it need not wait for caches and never decides by an old
// pod. It is among the plugins that complete objects, as in Kubernetes, so that it sees what the node sent and refuses
// before a webhook is asked.
package noderestriction
