// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"net/http"

	"k8s.io/apiserver/pkg/authentication/user"

	"coxswain.dev/coxswain/apiserver/auth"
)

// asAdministrator lets every request in as a member of system:masters.
func asAdministrator(handler http.Handler) http.Handler {
	admin := &user.DefaultInfo{Name: "system:unsecured", Groups: []string{user.SystemPrivilegedGroup, user.AllAuthenticated}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(auth.WithUser(r.Context(), admin)))
	})
}
