// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

const (
	// stopGrace is how long requests in flight may still take once the server was told to stop: as long as a webhook by
	// default, and some. Nearly all need milliseconds.
	stopGrace = 15 * time.Second
	// failedGrace is how long they may take when the store is gone, without which few can be answered.
	failedGrace = 300 * time.Millisecond
	// shutdownTimeout is how long the library may wait after that.
	shutdownTimeout = time.Second
	// readyPoll is how often the server looks whether all that it started is up.
	readyPoll = 5 * time.Millisecond
)

// run is Start. What it opens it closes in reverse order: listeners, the chain of servers, the store.
func (s *Server) run(ctx context.Context) error {
	listeners, err := listen(s.config.Serving)
	if err != nil {
		return err
	}
	defer listeners.close()
	s.mu.Lock()
	s.address = listeners.secure[0].Addr()
	s.mu.Unlock()

	// etcd needs most of its time to wait for a disk and an election; the chain is made meanwhile.
	store := s.openStore(ctx)
	defer store.close()
	c, err := s.build(ctx, listeners, store)
	if err != nil {
		return err
	}
	return s.serve(ctx, c, listeners, store)
}

// serve runs the chain until ctx ends or the store fails.
func (s *Server) serve(ctx context.Context, c *chain, listeners *listeners, store *store) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	handler := http.Handler(c.aggregator.GenericAPIServer.Handler)
	s.handler.Store(&handler)
	s.chain.Store(c)
	close(s.handling)

	var beside sync.WaitGroup
	defer beside.Wait()
	defer stop()
	for _, p := range c.parts {
		beside.Go(func() {
			if err := p.start(serving); err != nil {
				klog.ErrorS(err, "A part of the API server stopped", "part", p.name)
			}
		})
	}

	prepared, err := c.aggregator.PrepareRun()
	if err != nil {
		return fmt.Errorf("preparing the API server: %w", err)
	}
	c.aggregator.GenericAPIServer.ShutdownTimeout = shutdownTimeout
	answering, drained := context.WithCancel(context.WithoutCancel(ctx))
	defer drained()
	abort, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	err = c.aggregator.GenericAPIServer.AddPreShutdownHook("drain", func() error {
		defer time.AfterFunc(drainLinger, listeners.hangUp)
		defer drained()
		select {
		case <-time.After(s.config.Serving.ShutdownDelay):
		case <-abort.Done():
		}
		c.endWatches()
		c.drain.run(abort)
		return nil
	})
	if err != nil {
		return fmt.Errorf("preparing to stop: %w", err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- prepared.Run(serving) }()
	if err := listeners.serveInsecure(answering, handler); err != nil {
		stop()
		return errors.Join(err, <-stopped)
	}
	go s.announce(serving, c.client)

	var failure error
	grace := s.config.Serving.ShutdownDelay + stopGrace
	select {
	case <-ctx.Done():
	case failure = <-store.failed():
		failure, grace = fmt.Errorf("etcd stopped: %w", failure), failedGrace
	case err := <-stopped:
		return errors.Join(errors.New("the API server stopped by itself"), err)
	}
	stop()
	defer time.AfterFunc(grace, func() { cancel(); c.abort(); listeners.hangUp() }).Stop()
	return errors.Join(failure, <-stopped)
}

// announce closes Ready when /readyz says ok, but for an alarm of the store.
func (s *Server) announce(ctx context.Context, client rest.Interface) {
	ticker := time.NewTicker(readyPoll)
	defer ticker.Stop()
	for {
		err := client.Get().AbsPath("/readyz").Param("exclude", alarmCheck).Do(ctx).Error()
		if err == nil {
			klog.V(1).InfoS("The API server is ready")
			close(s.ready)
			return
		}
		klog.V(5).InfoS("Not ready yet", "err", err)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
