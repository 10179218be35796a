// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apiserver/pkg/authentication/user"
)

const userPrefix = "system:node:"

// Identify tells whether u is a node agent, and of which node: the user is system:node:<name> in the group system:nodes.
// Whoever has only the one or the other is not, and has no rights by it. The name is empty when it cannot be that of a
// Node (no DNS subdomain: empty, in upper case, with a slash); such an agent is refused everything.
func Identify(u user.Info) (name string, isNode bool) {
	if u == nil || !slices.Contains(u.GetGroups(), user.NodesGroup) {
		return "", false
	}
	name, isNode = strings.CutPrefix(u.GetName(), userPrefix)
	if !isNode || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return "", isNode
	}
	return name, true
}
