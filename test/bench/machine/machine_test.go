// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package machine

import "testing"

func TestWhatIsRead(t *testing.T) {
	for name, c := range map[string]struct {
		read        func(string) string
		input, want string
	}{
		"a processor by its name":             {processor, "processor : 0\nvendor_id : A\nmodel name : Fast One\n\nprocessor : 1\nmodel name : Other\n", "Fast One"},
		"a processor whose name is hidden":    {processor, "vendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 207\nmodel name\t: unknown\n", "GenuineIntel family 6 model 207"},
		"a processor that says nothing":       {processor, "", "unknown"},
		"memory in whole":                     {memory, "MemTotal:       25165824 kB\nMemFree: 1 kB\n", "24.0 GiB"},
		"memory without the line":             {memory, "MemFree: 1 kB\n", "unknown"},
		"load averages without what is after": {load, "0.31 0.42 0.53 1/234 5678\n", "0.31 0.42 0.53"},
		"load averages that are not there":    {load, "", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.read(c.input); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
