// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package inf is decimal arithmetic whose cost is bounded. It stands in for gopkg.in/inf.v0, which
// k8s.io/apimachinery computes quantities with and which computes any power of ten that it is asked for: the twelve
// letters "1e2147483648" in the body of a request kept a core busy for ever.
//
// The names and their meaning are those of the module replaced, as far as resource.Quantity uses them; what nobody calls
// is left out, and a library that came to need more would not compile. The results are the same for every number that
// keeps to two limits:
//
//   - a scale is between -400 and 400. SetScale, and what computes a scale, saturates there;
//   - SetString reads at most 400 digits and fails on more.
//
// So no power above 10^800 is ever computed, and one operation costs about as much as its operands are long. A number
// beyond the limits is still far beyond what the API server lets in (apiserver/quantities), so that nothing is kept
// that saturated.
package inf
