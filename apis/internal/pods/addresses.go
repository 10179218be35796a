// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

// validateAddresses checks a list of addresses that holds each once and, if it holds more than one, one of each family.
func validateAddresses(addresses []string, path *field.Path, tooMany string) field.ErrorList {
	var errs field.ErrorList
	for i, address := range addresses {
		errs = append(errs, validation.IsValidIPForLegacyField(path.Index(i), address, false, nil)...)
	}
	if len(addresses) < 2 {
		return errs
	}
	dual, err := netutils.IsDualStackIPStrings(addresses)
	if err != nil {
		return errs // reported above
	}
	if len(addresses) > 2 || !dual {
		errs = append(errs, field.Invalid(path, addresses, tooMany))
	}
	seen := sets.New[string]()
	for i, address := range addresses {
		if seen.Has(address) {
			errs = append(errs, field.Duplicate(path.Index(i), address))
		}
		seen.Insert(address)
	}
	return errs
}
