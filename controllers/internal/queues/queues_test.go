// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package queues

import (
	"testing"
	"time"

	"k8s.io/client-go/util/workqueue"
)

func TestQueueDelaysAndMerges(t *testing.T) {
	q := New("test", workqueue.NewTypedItemExponentialFailureRateLimiter[string](time.Millisecond, time.Second))
	defer q.ShutDown()
	q.Add("a")
	q.Add("a")
	q.AddAfter("b", 30*time.Millisecond)
	q.AddRateLimited("c")
	began := time.Now()
	var got []string
	for range 3 {
		item, _ := q.Get()
		got = append(got, item)
		q.Done(item)
	}
	if got[0] != "a" || got[2] != "b" || time.Since(began) < 30*time.Millisecond || time.Since(began) > 10*time.Second {
		t.Errorf("got %v after %s", got, time.Since(began))
	}
	if q.NumRequeues("c") != 1 || q.Len() != 0 {
		t.Errorf("%d requeues, %d items left", q.NumRequeues("c"), q.Len())
	}
}
