// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package approval approves the certificate requests of node agents whose senders may have them approved.
//
// It owns nothing but the Approved condition it adds. A request is approved when it is exactly one for a node's client
// certificate and a SubjectAccessReview says that the sender may create certificatesigningrequests/nodeclient or, for
// its own name, /selfnodeclient. Whatever else comes is left to people.
package approval
