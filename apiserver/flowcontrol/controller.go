// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	"bytes"
	"context"
	"net/http"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/server/mux"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"
)

// Config is a controller.
type Config struct {
	// Controller is the library's.
	Controller utilflowcontrol.Interface
	// Await returns when the controller may begin to read its objects, or when ctx ends.
	Await func(ctx context.Context)
}

// NewController returns a controller that begins to read its objects when it may, and whose debugging endpoints write to
// memory first: the library's write to the client while they hold the lock that every request needs, so that a client that
// does not read would stop the server.
func NewController(config Config) utilflowcontrol.Interface {
	return controller{Interface: config.Controller, await: config.Await}
}

type controller struct {
	utilflowcontrol.Interface
	await func(context.Context)
}

// Run implements utilflowcontrol.Interface.
func (c controller) Run(stop <-chan struct{}) error {
	c.await(wait.ContextForChannel(stop))
	select {
	case <-stop:
		return nil
	default:
		return c.Interface.Run(stop)
	}
}

// dumps are the debugging endpoints.
var dumps = []string{
	"/debug/api_priority_and_fairness/dump_priority_levels",
	"/debug/api_priority_and_fairness/dump_queues",
	"/debug/api_priority_and_fairness/dump_requests",
}

// Install implements utilflowcontrol.Interface.
func (c controller) Install(served *mux.PathRecorderMux) {
	inner := mux.NewPathRecorderMux("priority-and-fairness")
	c.Interface.Install(inner)
	for _, path := range dumps {
		served.UnlistedHandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			answer := &memory{header: w.Header(), code: http.StatusOK}
			inner.ServeHTTP(answer, r)
			w.WriteHeader(answer.code)
			_, _ = answer.body.WriteTo(w) // a client that is gone needs no answer
		})
	}
}

// memory is a response that is kept until it is whole.
type memory struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

func (m *memory) Header() http.Header         { return m.header }
func (m *memory) WriteHeader(code int)        { m.code = code }
func (m *memory) Write(p []byte) (int, error) { return m.body.Write(p) }
