// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apis

import (
	"coxswain.dev/coxswain/apis/apps"
	"coxswain.dev/coxswain/apis/authentication"
	"coxswain.dev/coxswain/apis/authorization"
	"coxswain.dev/coxswain/apis/autoscaling"
	"coxswain.dev/coxswain/apis/certificates"
	"coxswain.dev/coxswain/apis/coordination"
	"coxswain.dev/coxswain/apis/core"
	"coxswain.dev/coxswain/apis/discovery"
	"coxswain.dev/coxswain/apis/flowcontrol"
	"coxswain.dev/coxswain/apis/kind"
	"coxswain.dev/coxswain/apis/policy"
	"coxswain.dev/coxswain/apis/rbac"
	"coxswain.dev/coxswain/apis/scheduling"
)

// Groups are all built-in groups, in the order in which discovery lists them.
func Groups() []kind.Group {
	return []kind.Group{
		core.Group(),
		apps.Group(),
		authentication.Group(),
		authorization.Group(),
		autoscaling.Group(),
		certificates.Group(),
		coordination.Group(),
		discovery.Group(),
		flowcontrol.Group(),
		policy.Group(),
		rbac.Group(),
		scheduling.Group(),
	}
}
