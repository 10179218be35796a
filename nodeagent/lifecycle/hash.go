// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"encoding/json"
	"fmt"
	"hash/fnv"

	corev1 "k8s.io/api/core/v1"
)

// Hash identifies what can't change without restarting a container. Of the fields that the API lets change, that is the
// image alone.
func Hash(c *corev1.Container) string {
	raw, _ := json.Marshal([2]string{c.Name, c.Image}) // strings always encode
	h := fnv.New32a()
	_, _ = h.Write(raw)
	return fmt.Sprintf("%x", h.Sum32())
}
