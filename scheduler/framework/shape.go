// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"encoding/binary"
	"maps"
	"slices"
)

// Shape collects what plugins look at in a pod, as bytes that are equal exactly when the parts are: every value is
// written with its length or at a fixed width.
type Shape struct {
	buf []byte
}

// Reset empties the shape and keeps its memory.
func (s *Shape) Reset() { s.buf = s.buf[:0] }

// Bytes is what was written; valid until the next write.
func (s *Shape) Bytes() []byte { return s.buf }

// String writes a string.
func (s *Shape) String(v string) {
	s.buf = binary.AppendUvarint(s.buf, uint64(len(v)))
	s.buf = append(s.buf, v...)
}

// Int writes a number.
func (s *Shape) Int(v int64) { s.buf = binary.AppendVarint(s.buf, v) }

// Len writes the length of a list, which comes before its elements.
func (s *Shape) Len(n int) { s.Int(int64(n)) }

// Strings writes a list.
func (s *Shape) Strings(list []string) {
	s.Len(len(list))
	for _, v := range list {
		s.String(v)
	}
}

// Map writes a map in the order of its keys.
func (s *Shape) Map(m map[string]string) {
	s.Len(len(m))
	if len(m) == 0 {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		s.String(k)
		s.String(m[k])
	}
}

// Marshaler is a part of the API's types that can write itself, as all of them can.
type Marshaler interface{ Marshal() ([]byte, error) }

// Object writes a part of a pod as the API encodes it.
func (s *Shape) Object(m Marshaler) error {
	raw, err := m.Marshal()
	if err != nil {
		return err
	}
	s.String(string(raw))
	return nil
}
