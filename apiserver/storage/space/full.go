// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package space

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// FullError is the answer to a write that there is no room for. It is etcd's error, and as an API status what
// kube-apiserver makes of that, with what to do.
type FullError struct {
	// Advice says what holds how much, and what to do about it.
	Advice string
}

// Error implements error.
func (e *FullError) Error() string { return rpctypes.ErrNoSpace.Error() + ": " + e.Advice }

// Is makes it etcd's error for errors.Is.
func (e *FullError) Is(target error) bool { return target == rpctypes.ErrNoSpace } //nolint:errorlint // what errors.Is asks

// Status implements apierrors.APIStatus.
func (e *FullError) Status() metav1.Status {
	return metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusInternalServerError,
		Reason: metav1.StatusReasonInternalError, Message: e.Error(),
	}
}

// adviceEmbedded is for the etcd within the server.
func adviceEmbedded(inUse, quota int64) string {
	return fmt.Sprintf("objects need %d MiB of the %d MiB that --etcd-quota-backend-bytes=%d allows; delete some, or restart with a larger quota",
		inUse>>20, quota>>20, quota)
}

// adviceCluster is for an etcd that others run.
func adviceCluster(size, inUse int64) string {
	return fmt.Sprintf("the database of --etcd-servers has %d MiB, %d of them in use; delete objects, defragment its members one "+
		"after the other, or raise their --quota-backend-bytes", size>>20, inUse>>20)
}

const adviceCorrupt = "etcd found its data corrupt and refuses to serve it; restore a snapshot"

// unrestricted are users whose writes the cluster cannot start without.
var unrestricted = []string{user.APIServerUser, "system:coxswain-installer"}

// isUnrestricted reports a write that uses the reserve rather than to wait or fail: what the server does by itself, and
// what is part of a deletion (a grace period or finalizers make an update of it).
func isUnrestricted(ctx context.Context) bool {
	info, ok := request.RequestInfoFrom(ctx)
	if !ok || info == nil {
		return true
	}
	if info.Verb == "delete" || info.Verb == "deletecollection" {
		return true
	}
	who, ok := request.UserFrom(ctx)
	return ok && slices.Contains(unrestricted, who.GetName())
}

const (
	// growth is how much larger an update may make an object in a full store: a deletion timestamp, the status of a
	// container that ended, the conditions of a namespace that ends.
	growth = 4 << 10
	// growthShare is how much of the reserve all updates may use up like that.
	growthShare = 4
)
