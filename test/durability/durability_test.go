// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package durability

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"coxswain.dev/coxswain/test/env"
)

// number is a setting from the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		t.Fatalf("%s=%q is not a number", name, text)
	}
	return n
}

// run is one server over all its lives.
type run struct {
	t       *testing.T
	dir     string
	random  *rand.Rand
	ledger  *ledger
	journal *journal
	writers []*writer
	rounds  int
	totals  struct{ answered, cutOff, verified int }
}

// round is one life of the server.
type round struct {
	kill bool
	// uncached answers watches from etcd's history, so that none has to list again after a start.
	uncached bool
	// after is how long writers write.
	after time.Duration
}

func TestNothingIsLostWhenTheServerEnds(t *testing.T) {
	kills, terms := number(t, "DURABILITY_KILLS", 5), number(t, "DURABILITY_TERMS", 3)
	seed := uint64(number(t, "DURABILITY_SEED", int(time.Now().UnixNano()%1_000_000))) //nolint:gosec // positive
	t.Logf("DURABILITY_SEED=%d DURABILITY_KILLS=%d DURABILITY_TERMS=%d", seed, kills, terms)
	r := &run{t: t, dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 1)), ledger: newLedger(), journal: newJournal()}
	var shared []string
	for i := range 4 {
		shared = append(shared, fmt.Sprint("count-", i))
	}
	for id := range number(t, "DURABILITY_WRITERS", 32) {
		r.writers = append(r.writers, &writer{id: id, ledger: r.ledger, random: rand.New(rand.NewPCG(seed, uint64(id+2))), shared: shared}) //nolint:gosec // positive
	}
	var rounds []round
	for i := range kills + terms {
		rounds = append(rounds, round{kill: i < kills, uncached: i%2 == 0, after: time.Duration(200+r.random.IntN(600)) * time.Millisecond})
	}
	r.random.Shuffle(len(rounds), func(i, j int) { rounds[i], rounds[j] = rounds[j], rounds[i] })
	for _, one := range append(rounds, round{uncached: true}) {
		r.live(one)
		if t.Failed() {
			break
		}
	}
	t.Logf("%d rounds: %d writes answered, %d without an answer after kill -9, %d changes seen in the watch",
		r.rounds, r.totals.answered, r.totals.cutOff, r.totals.verified)
}

// live starts the server, looks for what must be there, writes, and ends it. A round without time to write is the last.
func (r *run) live(one round) {
	r.t.Helper()
	r.rounds++
	server, err := env.Start(env.Options{Dir: r.dir, Args: []string{fmt.Sprintf("--watch-cache=%t", !one.uncached)}})
	if err != nil {
		r.t.Fatalf("round %d: %v", r.rounds, err)
	}
	r.t.Cleanup(server.Kill)
	var clients []*client
	for i := range len(r.writers)/2 + 4 { // four of HTTP/2 that are shared, and one of HTTP/1.1 for every other writer
		c, err := newClient(server.Config, i < 4)
		if err != nil {
			r.t.Fatal(err)
		}
		defer c.close()
		clients = append(clients, c)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	watching := r.watch(ctx, clients[0])
	r.verify(ctx, clients[1], watching)
	if one.after == 0 || r.t.Failed() {
		cancel()
		if err := server.Stop(); err != nil {
			r.t.Error(err)
		}
		return
	}

	var writing sync.WaitGroup
	var mu sync.Mutex
	for i, w := range r.writers {
		c := clients[i%4]
		if i%2 == 1 {
			c = clients[4+i/2]
		}
		writing.Go(func() {
			done, cutOff, wrong := w.run(ctx, c)
			mu.Lock()
			defer mu.Unlock()
			r.totals.answered += done
			for _, err := range wrong {
				r.t.Errorf("round %d: %v", r.rounds, err)
			}
			if cutOff != nil {
				r.totals.cutOff++
				if !one.kill {
					r.t.Errorf("round %d: SIGTERM has cut off a request: %v", r.rounds, cutOff)
				}
			}
		})
	}
	select {
	case <-time.After(one.after):
	case <-ctx.Done():
	}
	began := time.Now()
	if one.kill {
		server.Kill()
	} else if err := server.Stop(); err != nil {
		r.t.Errorf("round %d: %v", r.rounds, err)
	} else if took := time.Since(began); took > maxStop {
		r.t.Errorf("round %d: SIGTERM took %s", r.rounds, took)
	}
	writing.Wait()
	cancel()
	if err := <-watching.ended; err != nil {
		r.t.Errorf("round %d: %v", r.rounds, err)
	}
	if r.t.Failed() {
		r.t.Logf("the server said:\n%s", tail(server.Output()))
	}
}

// maxStop is far more than a server needs that has this machine for itself.
const maxStop = 10 * time.Second

// watching is a watch in the background.
type watching struct {
	watcher *watcher
	ended   chan error
}

func (r *run) watch(ctx context.Context, c *client) *watching {
	w := &watching{watcher: &watcher{journal: r.journal, marked: make(chan int, 16)}, ended: make(chan error, 1)}
	go func() { w.ended <- w.watcher.run(ctx, c) }()
	return w
}

// verify compares everything with what was acknowledged.
func (r *run) verify(ctx context.Context, c *client, w *watching) {
	r.t.Helper()
	found, revision, err := list(ctx, c)
	if err != nil {
		r.t.Fatalf("round %d: %v", r.rounds, err)
	}
	if newest := r.ledger.newestRevision(); revision < newest {
		r.t.Errorf("round %d: resourceVersion %d was given, and the list is at %d", r.rounds, newest, revision)
	}
	for _, name := range r.ledger.names() {
		if err := r.ledger.resolve(name, found[name]); err != nil {
			r.t.Errorf("round %d: %v", r.rounds, err)
		}
		delete(found, name)
	}
	for name, v := range found {
		switch {
		case strings.HasPrefix(name, "count-"):
			if err := r.ledger.resolveCount(name, v.number); err != nil {
				r.t.Errorf("round %d: %v", r.rounds, err)
			}
		case name != marker:
			r.t.Errorf("round %d: %s is there, and nobody wrote it", r.rounds, name)
		}
	}
	method, path, kind := http.MethodPatch, collection+"/"+marker, mergePatch
	if r.rounds == 1 {
		method, path, kind = http.MethodPost, collection, contentJSON
	}
	if result := c.do(ctx, method, path, kind, body(marker, r.rounds, "", 0)); result.fate != answered || result.code >= http.StatusBadRequest {
		r.t.Fatalf("round %d: writing the marker: %d %s %v", r.rounds, result.code, result.body, result.err)
	}
	for late := time.After(requestTimeout); ; {
		select {
		case n := <-w.watcher.marked:
			if n < r.rounds {
				continue
			}
		case err := <-w.ended:
			r.t.Fatalf("round %d: the watch ended: %v", r.rounds, err)
		case <-late:
			r.t.Fatalf("round %d: the watch has not delivered the marker in %s", r.rounds, requestTimeout)
		}
		break
	}
	verified, errs := r.journal.verify(r.ledger.settled(), revision)
	for _, err := range errs {
		r.t.Errorf("round %d: %v", r.rounds, err)
	}
	r.totals.verified = verified
}

func tail(text string) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
