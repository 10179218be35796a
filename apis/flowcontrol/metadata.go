// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// keepMetadata takes back what a write of the status changed in metadata: unlike most kinds, those of this group let it
// change nothing there but who manages which field.
func keepMetadata(m, old *metav1.ObjectMeta) {
	managed := m.ManagedFields
	old.DeepCopyInto(m)
	m.ManagedFields = managed
}
