// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"

	"k8s.io/apiserver/pkg/server/mux"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"
)

// locking writes its dumps as the library does, under its lock.
type locking struct {
	utilflowcontrol.Interface
	mu sync.Mutex
}

func (l *locking) Install(c *mux.PathRecorderMux) {
	for _, path := range dumps {
		c.UnlistedHandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			l.mu.Lock()
			defer l.mu.Unlock()
			w.Header().Set("X-Test", "dump")
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, r.URL.Path)
		})
	}
}

// writing tells of each write, and lets it wait.
type writing struct {
	*httptest.ResponseRecorder
	began, goOn chan struct{}
}

func (w writing) Write(p []byte) (int, error) {
	w.began <- struct{}{}
	<-w.goOn
	return w.ResponseRecorder.Write(p)
}

func TestAClientThatDoesNotReadADumpHoldsNoLock(t *testing.T) {
	for _, path := range dumps {
		t.Run(path, func(t *testing.T) {
			library := &locking{}
			served := mux.NewPathRecorderMux("test")
			NewController(Config{Controller: library}).Install(served)
			w := writing{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
			done := make(chan struct{})
			go func() {
				defer close(done)
				served.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			}()
			<-w.began
			if !library.mu.TryLock() {
				t.Error("the lock is held while the client is written to")
			}
			close(w.goOn)
			<-done
			if w.Code != http.StatusAccepted || w.Body.String() != path || w.Header().Get("X-Test") != "dump" {
				t.Errorf("got %d %q %v", w.Code, w.Body, w.Header())
			}
		})
	}
}

// running notes that it runs, until it is stopped.
type running struct {
	utilflowcontrol.Interface
	runs chan struct{}
}

func (r running) Run(stop <-chan struct{}) error {
	close(r.runs)
	<-stop
	return nil
}

func TestTheControllerBeginsWhenItMay(t *testing.T) {
	for name, stopFirst := range map[string]bool{"and runs until it is stopped": false, "or not at all": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				may, stop, stopped := make(chan struct{}), make(chan struct{}), make(chan error, 1)
				library := running{runs: make(chan struct{})}
				c := NewController(Config{Controller: library, Await: func(ctx context.Context) {
					select {
					case <-may:
					case <-ctx.Done():
					}
				}})
				go func() { stopped <- c.Run(stop) }()
				synctest.Wait()
				if runs(library) {
					t.Error("the controller runs before it may")
				}
				if !stopFirst {
					close(may)
					synctest.Wait()
				}
				close(stop)
				if err := <-stopped; err != nil {
					t.Error(err)
				}
				if got := runs(library); got == stopFirst {
					t.Errorf("ran: %v", got)
				}
			})
		})
	}
}

func runs(r running) bool {
	select {
	case <-r.runs:
		return true
	default:
		return false
	}
}
