// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

// Source hands out the bytes of a fuzzer as decisions; when they are used up every decision is 0, the simplest.
type Source struct{ data []byte }

// NewSource reads data.
func NewSource(data []byte) *Source { return &Source{data: data} }

// Empty is whether all bytes are used.
func (s *Source) Empty() bool { return len(s.data) == 0 }

// Int returns a number below n, which is at least 1.
func (s *Source) Int(n int) int {
	v := int(s.byte())
	if n > 256 {
		v = v<<8 | int(s.byte())
	}
	return v % n
}

// Text returns up to 32 bytes as they are.
func (s *Source) Text() string {
	n := min(s.Int(33), len(s.data))
	text := string(s.data[:n])
	s.data = s.data[n:]
	return text
}

func (s *Source) byte() byte {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return b
}
