// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package kubectl

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"coxswain.dev/coxswain/cmd/cli"
)

// serverVariable makes the test binary kubectl, asking the server of that address.
const serverVariable = "COXSWAIN_TEST_KUBECTL_SERVER"

func TestMain(m *testing.M) {
	server, ok := os.LookupEnv(serverVariable)
	if !ok {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command := New(cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, []string{"kubectl"})
	command.SetArgs([]string{"get", "--raw", "/hangs", "--kubeconfig=" + os.DevNull, "--server=" + server})
	_ = command.ExecuteContext(ctx)
}

// A command that waits for the server ends on Ctrl-C, though the program around it catches signals.
func TestSignalsEndKubectl(t *testing.T) {
	for _, sent := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sent.String(), func(t *testing.T) {
			asked := make(chan string, 1)
			server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				asked <- r.UserAgent()
				<-r.Context().Done()
			}))
			defer server.Close()

			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			child := exec.CommandContext(ctx, os.Args[0])
			child.Env = append(os.Environ(), serverVariable+"="+server.URL)
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			select {
			case agent := <-asked:
				if !strings.HasPrefix(agent, "kubectl/") {
					t.Errorf("the server sees %q, which becomes the field manager; want kubectl", agent)
				}
			case <-ctx.Done():
				t.Fatal("kubectl asked nothing")
			}
			if err := child.Process.Signal(sent); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait() // reports the signal
			status, ok := child.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || !status.Signaled() || status.Signal() != sent {
				t.Fatalf("kubectl ended with %v, want %v", child.ProcessState, sent)
			}
		})
	}
}
