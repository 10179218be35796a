// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

func ownAPI(addresses ...string) func(netip.AddrPort) bool {
	return func(a netip.AddrPort) bool { return slices.Contains(addresses, a.String()) }
}

func TestPolicy(t *testing.T) {
	usual := Policy{
		Own:      ownAPI("10.245.0.1:6443", "127.0.0.1:6443", "[fd00::1]:6443"),
		Services: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16"), netip.MustParsePrefix("fd96::/112")},
	}
	agents := usual
	agents.Except = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:10250"), netip.MustParseAddrPort("127.0.0.1:6443")}
	services := Policy{Own: usual.Own, Loopback: true}

	for name, c := range map[string]struct {
		policy  Policy
		allowed []string
		refused []string
	}{
		"global unicast addresses are dialled, private ones too": {usual, []string{
			"10.244.0.7:80", "192.168.1.1:443", "172.16.0.1:1", "100.64.0.9:10250", "8.8.8.8:53", "240.0.0.1:80", "128.0.0.1:80", "126.255.255.255:80",
			"[fd00::2]:6443", "[2001:db8::1]:80", "[fec0::1]:80", "[2001:4860:4860::8888]:53",
		}, nil},
		"loopback is not, in any form": {usual, nil, []string{
			"127.0.0.1:80", "127.0.0.1:10250", "127.255.255.254:80", "[::1]:80", "[::1%lo]:80", "[::ffff:127.0.0.1]:80", "[::ffff:7f00:1]:80", "[::ffff:127.0.0.1%eth0]:80",
			"[::127.0.0.1]:80", "[64:ff9b::127.0.0.1]:80", "[64:ff9b::7f00:1]:80", "[::ffff:0:127.0.0.1]:80", "[2002:7f00:1::]:80", "[2002:7f00:1::5]:80",
			"[2001:0:7f00:1::]:80", "[2001:0:808:808:0:0:80ff:fffe]:80", "[fd00::5efe:127.0.0.1]:80", "[fd00::200:5efe:127.0.0.1]:80", "[64:ff9b:1::7f00:1]:80",
		}},
		"this network and the unspecified address are not": {usual, nil, []string{
			"0.0.0.0:80", "0.1.2.3:80", "[::]:80", "[::ffff:0.0.0.0]:80", "[64:ff9b::]:80", "[::%eth0]:80",
		}},
		"link-local addresses are not, nor are metadata services": {usual, nil, []string{
			"169.254.169.254:80", "169.254.0.1:80", "169.254.255.255:1", "[fe80::1]:80", "[fe80::1%eth0]:80", "[febf::1]:80", "[::ffff:169.254.169.254]:80",
			"[64:ff9b::169.254.169.254]:80", "[2002:a9fe:a9fe::]:80", "[fd00:ec2::254]:80", "[fd20:ce::254]:80",
		}},
		"addresses of several are not": {usual, nil, []string{
			"224.0.0.1:80", "239.255.255.255:80", "255.255.255.255:80", "[ff02::1]:80", "[ff0e::1]:80", "[::ffff:224.0.0.1]:80",
		}},
		"our own API is not, in any form, while its neighbours are": {usual, []string{
			"10.245.0.1:10250", "10.245.0.1:6444", "10.245.0.2:6443",
		}, []string{
			"10.245.0.1:6443", "[::ffff:10.245.0.1]:6443", "[64:ff9b::10.245.0.1]:6443", "[fd00::1]:6443", "[fd00::1%eth0]:6443", "[2002:0af5:0001::]:6443",
		}},
		"a cluster address is nobody's node, pod or endpoint": {usual, []string{"10.97.0.1:443", "10.95.255.255:443"}, []string{
			"10.96.0.1:443", "10.96.255.255:80", "[fd96::1]:443", "[::ffff:10.96.0.1]:443",
		}},
		"an exception is one address and port, and never our own API": {agents, []string{"127.0.0.1:10250", "[::ffff:127.0.0.1]:10250"}, []string{
			"127.0.0.1:10251", "127.0.0.2:10250", "[::1]:10250", "127.0.0.1:6443", "[::ffff:127.0.0.1]:6443", "169.254.169.254:10250",
		}},
		"a Service may lead to this machine, and not to our own API": {services, []string{"127.0.0.1:443", "[::1]:443", "10.96.3.4:443"}, []string{
			"127.0.0.1:6443", "10.245.0.1:6443", "169.254.169.254:80", "[::]:443", "0.0.0.0:443", "[fe80::1]:443",
		}},
		"the zero value knows the ranges": {Policy{}, []string{"10.0.0.1:1"}, []string{"127.0.0.1:1", "169.254.169.254:80"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, address := range c.allowed {
				if err := c.policy.Check(netip.MustParseAddrPort(address)); err != nil {
					t.Errorf("%s: %v", address, err)
				}
			}
			for _, address := range c.refused {
				if err := c.policy.Check(netip.MustParseAddrPort(address)); !errors.Is(err, ErrNotAllowed) {
					t.Errorf("%s: got %v, want %v", address, err, ErrNotAllowed)
				}
			}
			if err := c.policy.Check(netip.AddrPort{}); !errors.Is(err, ErrNotAllowed) {
				t.Errorf("no address at all: %v", err)
			}
		})
	}
}

func TestCheckLiteral(t *testing.T) {
	p := Policy{Own: ownAPI("10.245.0.1:6443")}
	for _, c := range []struct {
		host, port string
		refused    bool
	}{
		{"10.0.0.1", "80", false},
		{"10.245.0.1", "6443", true},
		{"10.245.0.1", "06443", true},
		{"10.245.0.1", "10250", false},
		{"127.0.0.1", "10250", true},
		{"::1", "80", true},
		{"localhost", "80", false}, // a name: the dialer looks at what it resolves to
		{"127.1", "80", false},     // the same: some resolvers take it for an address
		{"10.0.0.1", "https", true},
		{"10.0.0.1", "65536", true},
		{"10.0.0.1", "-1", true},
	} {
		if err := p.CheckLiteral(c.host, c.port); errors.Is(err, ErrNotAllowed) != c.refused {
			t.Errorf("%s port %s: %v", c.host, c.port, err)
		}
	}
	if !apierrors.IsBadRequest(BadRequest()) {
		t.Errorf("%v is no bad request", BadRequest())
	}
}

// Whatever form an IPv4 address is given, the decision about it is the same, except where the form itself is refused.
func TestFormsOfAnAddressAreDecidedAlike(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	policy := Policy{Services: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")}, Own: ownAPI("10.245.0.1:443")}
	heads := [][2]byte{{127, 0}, {169, 254}, {0, 0}, {224, 0}, {10, 96}, {10, 245}, {10, 244}, {192, 168}, {8, 8}}
	for range 5000 {
		head := heads[random.IntN(len(heads))]
		v4 := [4]byte{head[0], head[1], byte(random.IntN(3)), byte(random.IntN(3))}
		want := policy.Check(netip.AddrPortFrom(netip.AddrFrom4(v4), 443))
		mapped := netip.AddrFrom16(netip.AddrFrom4(v4).As16())
		var nat, six, old [16]byte
		nat = netip.MustParseAddr("64:ff9b::").As16()
		copy(nat[12:], v4[:])
		six = netip.MustParseAddr("2002::1").As16()
		copy(six[2:], v4[:])
		old = netip.MustParseAddr("2001:db8::5efe:0:0").As16()
		copy(old[12:], v4[:])
		for _, form := range []netip.Addr{mapped, mapped.WithZone("eth0"), netip.AddrFrom16(nat), netip.AddrFrom16(six), netip.AddrFrom16(old)} {
			if got := policy.Check(netip.AddrPortFrom(form, 443)); !errors.Is(got, want) && got != want {
				t.Fatalf("%s as %s: got %v, want %v", netip.AddrFrom4(v4), form, got, want)
			}
		}
	}
}
