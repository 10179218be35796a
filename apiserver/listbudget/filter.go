// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package listbudget

import (
	"bufio"
	"net/http"
	"time"

	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/endpoints/responsewriter"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"
	"k8s.io/klog/v2"
)

// piece is how much of an answer is gathered before it is written. The encoder writes object by object, and each write
// goes through all filters.
const piece = 32 << 10

// Wrap answers with next those requests that cost nothing at once, and the others when their turn has come. It belongs
// innermost, where it is known who asks for what, and that they may.
func (b *Budget) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cost, watch := b.cost(r)
		if cost == 0 {
			next.ServeHTTP(w, r)
			return
		}
		user := ""
		if who, ok := request.UserFrom(r.Context()); ok {
			user = who.GetName()
		}
		c := b.acquire(r.Context(), user, cost)
		if c == nil {
			w.Header().Set("Retry-After", "1")
			http.Error(w, "Too many large lists are being answered, please try again later.", http.StatusTooManyRequests)
			return
		}
		defer b.release(c)
		control := http.NewResponseController(w)
		c.abort = func() {
			klog.V(2).InfoS("Ended an answer that its client does not read, since others wait", "user", user, "path", r.URL.Path)
			_ = control.SetWriteDeadline(time.Unix(1, 0)) // clients within the process have no deadline, and do read
		}
		a := &answer{ResponseWriter: w, budget: b, claim: c}
		if watch {
			ctx := r.Context()
			begun := signal(func() { b.release(c); utilflowcontrol.WatchInitialized(ctx) })
			next.ServeHTTP(responsewriter.WrapForHTTP1Or2(a), r.WithContext(utilflowcontrol.WithInitializationSignal(ctx, begun)))
			return
		}
		g := &gathered{answer: a, buffer: bufio.NewWriterSize(a, piece)}
		next.ServeHTTP(responsewriter.WrapForHTTP1Or2(g), r)
		_ = g.buffer.Flush() // the client is gone if this fails, and nobody else wants to know
	})
}

// signal is called when a watch has sent the objects that it began with. It takes the place of the signal that priority
// and fairness waits for, and has to pass it on.
type signal func()

var _ utilflowcontrol.InitializationSignal = signal(nil)

func (s signal) Signal() { s() }

// Wait is for whoever made the signal; nobody waits for this one.
func (s signal) Wait() {}

// answer notes for how long each write takes.
type answer struct {
	http.ResponseWriter
	budget *Budget
	claim  *claim
}

func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) Write(p []byte) (int, error) {
	if a.claim.returned.Load() {
		return a.ResponseWriter.Write(p)
	}
	a.budget.writing(a.claim)
	defer a.budget.written(a.claim)
	return a.ResponseWriter.Write(p)
}

func (a *answer) Flush() {
	a.budget.writing(a.claim)
	defer a.budget.written(a.claim)
	_ = http.NewResponseController(a.ResponseWriter).Flush() // http.Flusher has no error, and the next write has it
}

// gathered writes in pieces.
type gathered struct {
	*answer
	buffer *bufio.Writer
}

func (g *gathered) Write(p []byte) (int, error) { return g.buffer.Write(p) }

func (g *gathered) Flush() {
	_ = g.buffer.Flush()
	g.answer.Flush()
}
