// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package listbudget

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// later acquires in the background; order gets the name once it is granted, or the name with a bang when it is not.
func later(b *Budget, order chan<- string, user, name string, cost int64) <-chan *claim {
	got := make(chan *claim, 1)
	go func() {
		c := b.acquire(context.Background(), user, cost)
		if c == nil {
			name += "!"
		}
		order <- name
		got <- c
	}()
	synctest.Wait()
	return got
}

func drain(order chan string) []string {
	synctest.Wait()
	var all []string
	for {
		select {
		case name := <-order:
			all = append(all, name)
		default:
			return all
		}
	}
}

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Bytes: 100})
		order := make(chan string, 20)
		first := b.acquire(t.Context(), "greedy", 60)
		var waiting []<-chan *claim
		for i := range 3 {
			waiting = append(waiting, later(b, order, "greedy", fmt.Sprintf("greedy-%d", i), 60))
		}
		waiting = append(waiting, later(b, order, "modest", "modest-0", 60))
		small := later(b, order, "modest", "modest-1", 10)
		if got := drain(order); got != nil {
			t.Errorf("granted beyond the budget: %v", got)
		}
		b.release(first)
		b.release(first) // once is what counts
		var got []string
		for range 5 {
			got = append(got, drain(order)...)
			for _, w := range waiting {
				select {
				case c := <-w:
					b.release(c)
				default:
				}
			}
		}
		want := []string{"greedy-0", "modest-0", "greedy-1", "modest-1", "greedy-2"}
		if diff := cmp.Diff(want[:2], got[:2]); diff != "" {
			t.Errorf("the users do not take turns: %s", diff)
		}
		if len(got) != len(want) {
			t.Errorf("granted: %v", got)
		}
		b.release(<-small)
		if b.free != 100 || len(b.lines) != 0 || b.check != nil {
			t.Errorf("at the end %d are free, %d lines wait", b.free, len(b.lines))
		}
	})
}

func TestALargeClaimIsNotPassedByForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Bytes: 100})
		order := make(chan string, 20)
		small := b.acquire(t.Context(), "small", 10)
		all := later(b, order, "large", "everything", 5000) // more than there is: the whole
		another := later(b, order, "small", "another", 10)
		if got := drain(order); got != nil {
			t.Errorf("granted: %v", got)
		}
		b.release(small)
		if diff := cmp.Diff([]string{"everything"}, drain(order)); diff != "" {
			t.Error(diff)
		}
		b.release(<-all)
		b.release(<-another)
	})
}

func TestWaitingEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		end  time.Duration // of the context; zero for never
		want time.Duration
	}{
		{name: "after the wait of the budget", want: 30 * time.Second},
		{name: "with the request", end: 3 * time.Second, want: 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := New(Config{Bytes: 100})
				holder := b.acquire(t.Context(), "a", 100)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.end > 0 {
					time.AfterFunc(c.end, cancel)
				}
				began := time.Now()
				if got := b.acquire(ctx, "b", 1); got != nil {
					t.Error("it was granted")
				}
				if took := time.Since(began); took != c.want {
					t.Errorf("it took %v, not %v", took, c.want)
				}
				b.release(holder)
				if b.free != 100 || len(b.lines) != 0 || b.check != nil {
					t.Errorf("at the end %d are free, %d lines wait", b.free, len(b.lines))
				}
			})
		})
	}
}

func TestUnreadAnswersEndWhenOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Config{Bytes: 100})
		order := make(chan string, 20)
		var ended []string
		hold := func(name string) *claim {
			c := b.acquire(t.Context(), "slow", 25)
			c.abort = func() { ended = append(ended, name) }
			return c
		}
		oldest, newer, reading, newest := hold("oldest"), hold("newer"), hold("reading"), hold("newest")
		b.writing(oldest)
		<-time.After(time.Hour) // nobody waits, so nothing happens to it
		b.writing(newer)
		<-time.After(time.Second)
		b.writing(reading)
		b.written(reading)
		b.writing(newest)
		waiting := later(b, order, "other", "other", 30)
		if diff := cmp.Diff([]string{"oldest", "newer"}, ended); diff != "" {
			t.Errorf("ended at once: %s", diff)
		}
		<-time.After(10 * time.Second) // the two are on their way, and are enough
		if diff := cmp.Diff([]string{"oldest", "newer"}, ended); diff != "" {
			t.Errorf("ended later: %s", diff)
		}
		b.release(oldest)
		b.release(newer)
		if diff := cmp.Diff([]string{"other"}, drain(order)); diff != "" {
			t.Error(diff)
		}
		another := later(b, order, "other", "another", 40) // 20 are free, and newest has been stuck for long
		if diff := cmp.Diff([]string{"oldest", "newer", "newest"}, ended); diff != "" {
			t.Errorf("ended for another: %s", diff)
		}
		b.release(newest)
		for _, c := range []*claim{reading, <-waiting, <-another} {
			b.release(c)
		}
		if b.free != 100 || b.check != nil {
			t.Errorf("at the end %d are free", b.free)
		}
	})
}

// TestTheBudgetIsKept has many clients come, wait, leave and hold at random, with time that is not real.
func TestTheBudgetIsKept(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		const total = 1000
		b := New(Config{Bytes: total, Wait: 5 * time.Second})
		var clients sync.WaitGroup
		var mu sync.Mutex
		held, granted := int64(0), 0
		for i := range 500 {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			clients.Go(func() {
				<-time.After(time.Duration(random.IntN(60)) * time.Second / 10)
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.IntN(100))*time.Second/10)
				defer cancel()
				c := b.acquire(ctx, fmt.Sprint(i%7), 1+random.Int64N(total+200))
				if c == nil {
					return
				}
				defer b.release(c)
				mu.Lock()
				held += c.cost
				granted++
				if held > total {
					t.Errorf("%d of %d are held", held, total)
				}
				mu.Unlock()
				<-time.After(time.Duration(random.IntN(20)) * time.Millisecond)
				mu.Lock()
				held -= c.cost
				mu.Unlock()
			})
		}
		clients.Wait()
		if b.free != total || len(b.lines) != 0 || len(b.holders) != 0 || b.check != nil {
			t.Errorf("at the end %d are free, %d hold, %d lines wait", b.free, len(b.holders), len(b.lines))
		}
		if granted < 100 {
			t.Errorf("only %d of 500 had their turn", granted)
		}
	})
}
