// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var (
	resourceFields = []string{
		"limits.cpu", "limits.ephemeral-storage", "limits.memory",
		"requests.cpu", "requests.ephemeral-storage", "requests.memory",
	}
	cpuDivisors  = []string{"1m", "1"}
	byteDivisors = []string{"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"}
)

// validateResourceFieldRef checks a reference to a container's request or limit. In a volume, the container has to be
// named.
func validateResourceFieldRef(ref *corev1.ResourceFieldSelector, path *field.Path, inVolume bool) field.ErrorList {
	name := ref.Resource
	hugePages := strings.HasPrefix(name, "limits.hugepages-") || strings.HasPrefix(name, "requests.hugepages-")
	switch {
	case inVolume && ref.ContainerName == "":
		return field.ErrorList{field.Required(path.Child("containerName"), "")}
	case name == "":
		return field.ErrorList{field.Required(path.Child("resource"), "")}
	case !hugePages && !slices.Contains(resourceFields, name):
		return field.ErrorList{field.NotSupported(path.Child("resource"), name, resourceFields)}
	}
	if ref.Divisor.IsZero() {
		return nil
	}
	divisor, what := ref.Divisor.String(), name[strings.Index(name, ".")+1:]
	if what == "cpu" {
		if !slices.Contains(cpuDivisors, divisor) {
			return field.ErrorList{field.Invalid(path.Child("divisor"), name,
				"only divisor's values 1m and 1 are supported with the cpu resource")}
		}
		return nil
	}
	if hugePages {
		what = "hugepages"
	} else if what == "ephemeral-storage" {
		what = "local ephemeral storage"
	}
	if !slices.Contains(byteDivisors, divisor) {
		return field.ErrorList{field.Invalid(path.Child("divisor"), name,
			fmt.Sprintf("only divisor's values %s are supported with the %s resource", strings.Join(byteDivisors, ", "), what))}
	}
	return nil
}
