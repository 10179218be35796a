// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package endpoints keeps the Endpoints object of every Service with a selector in step with the pods that it selects.
//
// EndpointSlices have taken the place of this kind, and nothing in Coxswain reads it; it is kept since scripts, older
// operators and kubectl get endpoints do. An Endpoints object has at most 1,000 addresses; a larger one is cut and says
// so in an annotation. Endpoints of Services without a selector are their author's and are left alone.
package endpoints
