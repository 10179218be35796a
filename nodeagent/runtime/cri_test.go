// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func TestGroupSortsByPodNewestFirst(t *testing.T) {
	labels := func(uid string) map[string]string {
		return map[string]string{LabelPodUID: uid, LabelPodNamespace: "ns", LabelPodName: "p" + uid}
	}
	sandbox := func(id, uid string, attempt uint32, ready cri.PodSandboxState) *cri.PodSandbox {
		return &cri.PodSandbox{Id: id, Labels: labels(uid), State: ready, CreatedAt: int64(attempt + 1), Metadata: &cri.PodSandboxMetadata{Attempt: attempt}}
	}
	container := func(id, uid, name string, attempt uint32) *cri.Container {
		return &cri.Container{Id: id, PodSandboxId: "s1", Labels: labels(uid), State: cri.ContainerState_CONTAINER_RUNNING, CreatedAt: int64(attempt + 1),
			Metadata: &cri.ContainerMetadata{Name: name, Attempt: attempt}}
	}
	states := group(
		[]*cri.PodSandbox{sandbox("s0", "1", 0, cri.PodSandboxState_SANDBOX_NOTREADY), sandbox("s1", "1", 1, cri.PodSandboxState_SANDBOX_READY), {Id: "foreign"}},
		[]*cri.Container{container("a0", "1", "a", 0), container("a1", "1", "a", 1), container("b0", "2", "b", 0), {Id: "foreign"}},
	)
	if len(states) != 2 {
		t.Fatalf("pods are %+v", states)
	}
	one := states[0]
	if one.UID != "1" || one.Name != "p1" || one.Sandbox().ID != "s1" || !one.Sandbox().Ready || one.Container("a").ID != "a1" || one.Previous("a").ID != "a0" {
		t.Errorf("pod is %+v", one)
	}
	if one.Container("none") != nil || one.Previous("none") != nil || states[1].Sandbox() != nil || !one.Running() {
		t.Errorf("pods are %+v", states)
	}
	if diff := cmp.Diff(time.Unix(0, 2), one.Container("a").Created); diff != "" {
		t.Error(diff)
	}
}

func TestErrors(t *testing.T) {
	for name, c := range map[string]struct {
		err      error
		text     string
		notFound bool
		is       error
	}{
		"a plain message":      {status.Error(codes.Unknown, "no space left"), "doing: no space left", false, nil},
		"something missing":    {status.Error(codes.NotFound, "no such container"), "doing: rpc error: code = NotFound desc = no such container", true, nil},
		"too late":             {status.Error(codes.DeadlineExceeded, "late"), "doing: rpc error: code = DeadlineExceeded desc = late", false, context.DeadlineExceeded},
		"given up":             {status.Error(codes.Canceled, "bye"), "doing: rpc error: code = Canceled desc = bye", false, context.Canceled},
		"not from the runtime": {errors.New("other"), "doing: other", false, nil},
	} {
		err := fmt.Errorf("doing: %w", plain(c.err))
		if err.Error() != c.text || IsNotFound(err) != c.notFound || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v, not found %v", name, err, IsNotFound(err))
		}
	}
	if err := done("removing", "x", status.Error(codes.NotFound, "gone")); err != nil {
		t.Errorf("removing what is gone: %v", err)
	}
}

func TestConnectRefusesWhatIsNoSocket(t *testing.T) {
	if _, err := Connect("tcp://1.2.3.4:5"); err == nil {
		t.Error("accepted")
	}
}
