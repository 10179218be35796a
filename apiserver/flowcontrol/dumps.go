// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	"bytes"
	"net/http"

	"k8s.io/apiserver/pkg/server/mux"
	utilflowcontrol "k8s.io/apiserver/pkg/util/flowcontrol"
)

// WithBufferedDumps returns a controller whose debugging endpoints write to memory first. The library's write to the
// client while they hold the lock that every request needs: a client that does not read would stop the server.
func WithBufferedDumps(controller utilflowcontrol.Interface) utilflowcontrol.Interface {
	return buffered{controller}
}

type buffered struct{ utilflowcontrol.Interface }

// dumps are the debugging endpoints.
var dumps = []string{
	"/debug/api_priority_and_fairness/dump_priority_levels",
	"/debug/api_priority_and_fairness/dump_queues",
	"/debug/api_priority_and_fairness/dump_requests",
}

// Install implements utilflowcontrol.Interface.
func (b buffered) Install(c *mux.PathRecorderMux) {
	inner := mux.NewPathRecorderMux("priority-and-fairness")
	b.Interface.Install(inner)
	for _, path := range dumps {
		c.UnlistedHandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
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
