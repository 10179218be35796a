// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package queues makes the work queues of controllers such that they sleep when there is nothing to do.
//
// The queues of the libraries wake up twice a second, each of them, to refresh a metric of work in progress. With some
// twenty controllers that is most of what an idle manager does. These refresh it every half minute; everything else
// is client-go's. They count in a registry of their own (metrics.go).
package queues
