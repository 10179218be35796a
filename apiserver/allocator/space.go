// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package allocator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/uuid"
)

// owner is the Service that something is reserved for.
type owner struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	UID       types.UID `json:"uid"`
}

// space is a range of things to give away, each with a name ("10.96.0.1", "30080").
type space interface {
	// size is how many there are to choose from, and reserved how many of the first are only given to those who ask for
	// one by name, as long as others are free.
	size() uint64
	reserved() uint64
	// at is the name of the i-th.
	at(i uint64) string
	// check says why a name cannot be given, nil when it can.
	check(name string) error
	// folder is where reservations are kept, below the prefix of the database; the key is the name.
	folder() string
	encode(name string, o owner, now metav1.Time) ([]byte, error)
	decode(data []byte) (owner, error)
}

// reservedOf is Kubernetes' size of the lower band: at least low, at most high, and a sixteenth between.
func reservedOf(n, share, low, high uint64) uint64 {
	if n <= low {
		return 0
	}
	return min(max(low, n/share), high)
}

// addresses are those of a range, without the first (the network) and, for IPv4, the last (broadcast).
type addresses struct {
	prefix netip.Prefix
	first  netip.Addr
	count  uint64
	codec  runtime.Serializer
}

const (
	// maxChoice bounds how far dynamic allocation reaches into huge IPv6 ranges.
	maxChoice        = 1 << 30
	familyLabel      = "ipaddress.kubernetes.io/ip-family"
	managedByLabel   = "ipaddress.kubernetes.io/managed-by"
	serviceUIDRecord = "coxswain.dev/service-uid"
)

func newAddresses(prefix netip.Prefix) (*addresses, error) {
	prefix = prefix.Masked()
	bits := prefix.Addr().BitLen() - prefix.Bits()
	count := uint64(maxChoice)
	if bits < 30 {
		count = 1 << bits
	}
	if prefix.Addr().Is4() {
		count-- // broadcast
	}
	if count < 4 {
		return nil, fmt.Errorf("the service range %s is too small", prefix)
	}
	scheme := runtime.NewScheme()
	if err := networkingv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return &addresses{
		prefix: prefix, first: prefix.Addr().Next(), count: count - 1, codec: protobuf.NewSerializer(scheme, scheme),
	}, nil
}

func familyOf(a netip.Addr) corev1.IPFamily {
	if a.Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}

func (s *addresses) size() uint64     { return s.count }
func (s *addresses) reserved() uint64 { return reservedOf(s.count, 16, 16, 256) }
func (s *addresses) folder() string   { return "ipaddresses" }

func (s *addresses) at(i uint64) string {
	n := new(big.Int).SetBytes(s.first.AsSlice())
	n.Add(n, new(big.Int).SetUint64(i))
	raw := n.FillBytes(make([]byte, len(s.first.AsSlice())))
	addr, _ := netip.AddrFromSlice(raw)
	return addr.String()
}

func (s *addresses) check(name string) error {
	addr, err := netip.ParseAddr(name)
	if err != nil || !s.prefix.Contains(addr) || addr == s.prefix.Addr() || (addr.Is4() && !s.prefix.Contains(addr.Next())) {
		return fmt.Errorf("the provided IP (%v) is not in the valid range. The range of valid IPs is %v", name, s.prefix)
	}
	return nil
}

func (s *addresses) encode(name string, o owner, now metav1.Time) ([]byte, error) {
	var out bytes.Buffer
	err := s.codec.Encode(&networkingv1.IPAddress{
		TypeMeta: metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "IPAddress"},
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: uuid.NewUUID(), CreationTimestamp: now,
			Labels: map[string]string{
				familyLabel:    string(familyOf(s.first)),
				managedByLabel: "ipallocator.k8s.io",
			},
			Annotations: map[string]string{serviceUIDRecord: string(o.UID)},
		},
		Spec: networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{
			Resource: "services", Namespace: o.Namespace, Name: o.Name,
		}},
	}, &out)
	return out.Bytes(), err
}

func (s *addresses) decode(data []byte) (owner, error) {
	address := &networkingv1.IPAddress{}
	if _, _, err := s.codec.Decode(data, nil, address); err != nil {
		return owner{}, err
	}
	if address.Spec.ParentRef == nil {
		return owner{}, errors.New("no parent reference")
	}
	return owner{
		Namespace: address.Spec.ParentRef.Namespace,
		Name:      address.Spec.ParentRef.Name,
		UID:       types.UID(address.Annotations[serviceUIDRecord]),
	}, nil
}

// ports are the node ports.
type ports struct{ utilnet.PortRange }

func newPorts(r utilnet.PortRange) ports { return ports{r} }

func (s ports) size() uint64       { return uint64(max(0, s.Size)) }
func (s ports) reserved() uint64   { return reservedOf(s.size(), 32, 16, 128) }
func (s ports) folder() string     { return "coxswain.dev/servicenodeports" }
func (s ports) at(i uint64) string { return strconv.FormatUint(uint64(max(0, s.Base))+i, 10) }

func (s ports) check(name string) error {
	port, err := strconv.Atoi(strings.TrimSpace(name))
	if err != nil || !s.Contains(port) {
		return fmt.Errorf("provided port is not in the valid range. The range of valid ports is %v", s.PortRange)
	}
	return nil
}

func (s ports) encode(_ string, o owner, _ metav1.Time) ([]byte, error) { return json.Marshal(o) }

func (s ports) decode(data []byte) (owner, error) {
	var o owner
	err := json.Unmarshal(data, &o)
	return o, err
}
