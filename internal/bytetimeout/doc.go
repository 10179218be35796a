// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bytetimeout ends what a peer has stopped taking. A server whose client does not read keeps an answer, a
// goroutine and a place among the requests in flight for as long as the client likes, since a TCP connection with a full
// window lives for ever. The rule here is that of WriteByteTimeout in golang.org/x/net/http2: while there is something to
// send, some byte of it must be accepted within the timeout. Nothing is timed while there is nothing to send, and a slow
// client has as long as it needs.
//
//	Listener   every connection, whatever is spoken on it: HTTP/1.1 and HTTP/2, headers, TLS alerts, control frames
//	Handler    the streams of HTTP/2: a client may read its connection and yet grant one stream no flow-control window.
//	           It also exempts connections that a handler hijacks (exec, attach, port-forward, WebSockets): their peer
//	           may pause for as long as a person does, and what they hold is one small buffer
//	EndBody    the other direction: the body of a request that was announced and does not arrive
//
// The libraries that serve HTTPS for Kubernetes components set their HTTP/2 server up themselves and leave no room for
// the option of that name, which covers HTTP/2 only anyway.
package bytetimeout
