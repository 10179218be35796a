// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package quantities finds the quantities of an object that are too large, too small or too long to be computed with,
// wherever they are in it, without knowing the object's kind.
//
// Kubernetes documents that no quantity represents a number above 2^63-1 in magnitude, and lets in "1e2147483647" all
// the same. Comparing such a number panics (resource.Quantity subtracts exponents in 32 bits), taking the value of
// "0e2147483647" runs two thousand million steps, and whoever does either may be a controller, the scheduler or an agent
// long after the request. So the API server refuses them at the door, with bounds far beyond what anybody measures:
// see MaxExponent and MaxDigits.
//
// A type's fields are looked at once, by reflection, when the first object of it comes; objects without quantities cost
// one look-up afterwards.
package quantities
