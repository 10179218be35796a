// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package quantities

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// FuzzQuantity parses two texts as quantities and, where the server would let them in, does with them all that anybody
// does. Nothing may panic or take long, before they are looked at or after.
func FuzzQuantity(f *testing.F) {
	for i, text := range append(append([]string{"", ".", "1e", "1ee5", "-", "1KiB", "0x1", "1e+5", "1E-5", "+.5Ki"}, huge...), ordinary...) {
		f.Add(text, ordinary[i%len(ordinary)])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		timer := time.AfterFunc(20*time.Second, func() { panic("the quantities take more than 20 s") })
		defer timer.Stop()
		x, err := resource.ParseQuantity(a)
		if err != nil {
			return
		}
		y, err := resource.ParseQuantity(b)
		if err != nil {
			return
		}
		node := &corev1.Node{Status: corev1.NodeStatus{Capacity: corev1.ResourceList{"a": x, "b": y}}}
		inBounds := InBounds(x) && InBounds(y)
		if left := Cap(node); left != (Check(node) == nil) || inBounds && !left {
			t.Errorf("in bounds: %v, after capping: %v", inBounds, left)
		}
		x, y = node.Status.Capacity["a"], node.Status.Capacity["b"]
		compute(x, y)
		text, err := x.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var again resource.Quantity
		if err := again.UnmarshalJSON(text); err != nil || again.Cmp(x) != 0 {
			t.Errorf("%s is written as %s and read as %s (%v)", a, text, again.String(), err)
		}
	})
}
