// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func serve(arguments []string, stdout io.Writer) (int, error) {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	address := flags.String("listen", ":8080", "where to listen")
	message := flags.String("message-file", "/etc/web/message", "file whose content the page shows; read at each request")
	drain := flags.Duration("drain", 2*time.Second, "how long to go on answering after SIGTERM")
	if err := flags.Parse(arguments); err != nil {
		return 2, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var leaving atomic.Bool
	server := &http.Server{Addr: *address, Handler: logged(stdout, handler(*message, &leaving)), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	fmt.Fprintf(stdout, "web %s listens on %s\n", version, *address)
	select {
	case err := <-ended:
		return 1, err
	case <-ctx.Done():
	}
	leaving.Store(true)
	fmt.Fprintf(stdout, "told to stop; answering for another %v\n", *drain)
	time.Sleep(*drain)
	closing, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		return 1, err
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return 1, err
	}
	return 0, nil
}

// logged writes a line for each request.
func logged(log io.Writer, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(log, "%s %s from %s\n", r.Method, r.URL.RequestURI(), r.RemoteAddr)
		next.ServeHTTP(w, r)
	})
}

func handler(messageFile string, leaving *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	text := func(path string, content func() string) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, content()) })
	}
	text("/version", func() string { return version })
	text("/hostname", podName)
	text("/env", func() string { return strings.Join(os.Environ(), "\n") })
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, page(messageFile))
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if leaving.Load() {
			http.Error(w, "stopping", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /burn", func(w http.ResponseWriter, r *http.Request) {
		seconds, err := strconv.ParseFloat(r.FormValue("seconds"), 64)
		if err != nil {
			seconds = 0.1
		}
		fmt.Fprintf(w, "%d\n", burn(r.Context(), time.Duration(seconds*float64(time.Second))))
	})
	mux.HandleFunc("GET /lookup", func(w http.ResponseWriter, r *http.Request) {
		addresses, err := net.DefaultResolver.LookupHost(r.Context(), r.FormValue("host"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		sort.Strings(addresses)
		fmt.Fprintln(w, strings.Join(addresses, "\n"))
	})
	mux.HandleFunc("GET /fetch", fetch)
	return mux
}

// fetch relays another server's answer. Each request has its own connection, so that a Service picks an endpoint anew.
func fetch(w http.ResponseWriter, r *http.Request) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, r.FormValue("url"), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request.Close = true
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = answer.Body.Close() }()
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body) // the status is out; a broken body breaks the connection
}

// burn keeps one core busy.
func burn(ctx context.Context, duration time.Duration) (rounds uint64) {
	for deadline := time.Now().Add(duration); time.Now().Before(deadline) && ctx.Err() == nil; {
		for range 100_000 {
			rounds = rounds*6364136223846793005 + 1442695040888963407
		}
	}
	return rounds
}

func podName() string {
	if name := os.Getenv("POD_NAME"); name != "" {
		return name
	}
	name, err := os.Hostname()
	if err != nil {
		return err.Error()
	}
	return name
}

func page(messageFile string) string {
	message, err := os.ReadFile(messageFile)
	if err != nil {
		message = []byte("no message: " + err.Error())
	}
	node := os.Getenv("NODE_NAME")
	if node == "" {
		node = "unknown"
	}
	return fmt.Sprintf("<!doctype html>\n<title>Coxswain</title>\n<h1>%s</h1>\n<p>pod %s\n<p>node %s\n<p>version %s\n",
		html.EscapeString(strings.TrimSpace(string(message))), html.EscapeString(podName()), html.EscapeString(node), html.EscapeString(version))
}
