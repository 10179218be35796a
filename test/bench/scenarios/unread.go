// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"coxswain.dev/coxswain/test/bench/cluster"
	"coxswain.dev/coxswain/test/bench/scenario"
)

// flooded is an API server, who floods it, and who suffers.
type flooded struct {
	apart     *cluster.Apart
	admin     kubernetes.Interface
	disturbed kubernetes.Interface
	noisy     string // a token
	figures   scenario.Figures
}

// unreadRequests asks for documents and lists, and reads nothing.
func (f *flooded) unreadRequests(ctx context.Context) error {
	return f.during(ctx, "requests", func(ctx context.Context) error {
		return f.leaveUnread(ctx, unreadRequests, func(i int) string { return []string{"/openapi/v2", allConfigMaps}[i%2] })
	})
}

// unreadWatches watches what is being written, and reads nothing.
func (f *flooded) unreadWatches(ctx context.Context) error {
	return f.during(ctx, "watches", func(ctx context.Context) error {
		writing, stop := context.WithCancel(ctx)
		var writers sync.WaitGroup
		defer writers.Wait()
		defer stop() // runs before the wait
		writers.Go(func() { f.write(writing) })
		return f.leaveUnread(ctx, unreadWatches, func(int) string { return allConfigMaps + "?watch=1" })
	})
}

// during measures what happens while work is done: the most memory beyond what there was before, and how long another's
// gets take.
func (f *flooded) during(ctx context.Context, key string, work func(context.Context) error) error {
	before, peak, slowest, err := f.measured(ctx, work)
	f.figures[key+"-memory"], f.figures[key+"-get"] = megabytes(peak-before), milliseconds(slowest)
	return err
}

// lists has many clients list everything at the same time.
func (f *flooded) lists(ctx context.Context) error {
	began := time.Now()
	var took time.Duration
	before, peak, slowest, err := f.measured(ctx, func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		for range listClients {
			group.Go(func() error { return f.listAll(ctx) })
		}
		err := group.Wait()
		took = time.Since(began)
		return err
	})
	if err != nil {
		return err
	}
	if err := pass(ctx, restful); err != nil {
		return err
	}
	after, err := f.apart.UsageOfAPIServer()
	if err != nil {
		return err
	}
	f.figures["lists-memory"], f.figures["lists-kept"] = megabytes(peak), max(0, megabytes(after.RSS-before))
	f.figures["lists-get"], f.figures["lists-time"] = milliseconds(slowest), took.Seconds()
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// measured does work and returns the memory before and the most there was until its end, and the time within which 99 of
// a hundred of another's gets are answered. A get that fails is an error: nobody is to be turned away for another's noise.
func (f *flooded) measured(ctx context.Context, work func(context.Context) error) (before, peak int64, slowest time.Duration, err error) {
	used, err := f.apart.UsageOfAPIServer()
	if err != nil {
		return 0, 0, 0, err
	}
	before, peak = used.RSS, used.RSS
	var times []time.Duration
	watching, stop := context.WithCancel(ctx)
	defer stop()
	group, watching := errgroup.WithContext(watching)
	group.Go(func() error {
		for pass(watching, 100*time.Millisecond) == nil {
			used, err := f.apart.UsageOfAPIServer()
			if err != nil {
				return err
			}
			peak = max(peak, used.RSS)
		}
		return nil
	})
	group.Go(func() error {
		for pass(watching, 20*time.Millisecond) == nil {
			began := time.Now()
			if _, err := f.disturbed.CoreV1().ConfigMaps("bench").Get(ctx, "c-00001", metav1.GetOptions{}); err != nil {
				return fmt.Errorf("reading beside the flood: %w", err)
			}
			times = append(times, time.Since(began))
		}
		return nil
	})
	err = work(ctx)
	stop()
	if err := errors.Join(err, group.Wait()); err != nil {
		return 0, 0, 0, err
	}
	slices.Sort(times)
	return before, peak, times[len(times)*99/100], nil
}

// leaveUnread sends count requests, each on a connection of its own that takes next to nothing, and holds them a while.
// Requests that are refused are no error; that is one way to deal with them.
func (f *flooded) leaveUnread(ctx context.Context, count int, path func(i int) string) error {
	dialer := net.Dialer{Timeout: 10 * time.Second, Control: func(_, _ string, c syscall.RawConn) error {
		var failure error
		err := c.Control(func(fd uintptr) {
			failure = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096)
		})
		return errors.Join(err, failure)
	}}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(f.apart.PKI.CA.CertPEM())
	over := &tls.Dialer{NetDialer: &dialer, Config: &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}}}
	var mu sync.Mutex
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close() // the server may have closed it
		}
	}()
	_, err := inParallel(ctx, count, func(ctx context.Context, i int) error {
		c, err := over.DialContext(ctx, "tcp", strings.TrimPrefix(f.apart.Server, "https://"))
		if err != nil {
			return fmt.Errorf("connecting to leave an answer unread: %w", err)
		}
		mu.Lock()
		open = append(open, c)
		mu.Unlock()
		_, err = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\nAuthorization: Bearer %s\r\n\r\n", path(i), f.noisy)
		return err
	})
	if err != nil {
		return err
	}
	return pass(ctx, holding)
}

// write changes ConfigMaps at an even rate until ctx ends. One that fails is no error here: what is measured is another's
// reads, and memory.
func (f *flooded) write(ctx context.Context) {
	for i := 0; pass(ctx, time.Second/writesBeside) == nil; i++ {
		changed := configMap(i % floodConfigMaps)
		changed.Data["round"] = fmt.Sprint(i)
		_, _ = f.admin.CoreV1().ConfigMaps("bench").Update(ctx, changed, metav1.UpdateOptions{})
	}
}

// listAll lists all ConfigMaps and Pods once, as the client libraries do: whoever is told to come later does.
func (f *flooded) listAll(ctx context.Context) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(f.apart.PKI.CA.CertPEM())
	// A connection of its own, without compression: the processor is for the servers.
	transport := &http.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for _, path := range []string{allConfigMaps, allPods} {
		for {
			again, err := f.listOnce(ctx, client, path)
			if err != nil {
				return fmt.Errorf("listing %s: %w", path, err)
			}
			if !again {
				break
			}
			if err := pass(ctx, time.Second); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *flooded) listOnce(ctx context.Context, client *http.Client, path string) (again bool, _ error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.apart.Server+path, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+f.noisy)
	resp, err := client.Do(req)
	if err != nil {
		return false, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, err != nil && ctx.Err() == nil: // turned away, or cut off after a minute
		return true, nil
	case err == nil && resp.StatusCode != http.StatusOK:
		return false, fmt.Errorf("the answer is %s", resp.Status)
	}
	return false, err
}
