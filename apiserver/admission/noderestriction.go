// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"io"

	"k8s.io/apiserver/pkg/admission"

	"coxswain.dev/coxswain/apiserver/admission/noderestriction"
)

func newNodeRestriction(c *Config, _ io.Reader) (admission.Interface, error) {
	return noderestriction.New(c.Objects, c.Authorizer), nil
}
