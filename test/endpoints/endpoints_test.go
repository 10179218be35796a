// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package endpoints

import (
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOwnListenersAreFound(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads Linux' tables")
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("without %s: %v", address, err)
			continue
		}
		defer func() { _ = listener.Close() }() // nobody calls
		found, err := Listeners(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if want := netip.MustParseAddrPort(listener.Addr().String()); !slices.Contains(found, want) {
			t.Errorf("%s is not in %v", want, found)
		}
	}
}

func TestProblemsNameWhatIsMissingAndWhatIsOthers(t *testing.T) {
	body := `# TYPE go_goroutines gauge
go_goroutines 3
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1
# TYPE coredns_panics_total counter
coredns_panics_total 0
`
	if problems := Problems(DNS, body); problems != nil {
		t.Errorf("a right answer: %v", problems)
	}
	body += "# TYPE etcd_server_has_leader gauge\netcd_server_has_leader 1\n"
	if diff := cmp.Diff([]string{"coredns shows etcd_server_has_leader, which is another component's"}, Problems(DNS, body)); diff != "" {
		t.Error(diff)
	}
	want := []string{"coredns does not show go_goroutines", "coredns does not show process_start_time_seconds", "coredns does not show coredns_panics_total"}
	if diff := cmp.Diff(want, Problems(DNS, "")); diff != "" {
		t.Error(diff)
	}
}
