// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOnlyWhatTheFileHoldsIsGivenBack(t *testing.T) { // not what was relocated (the third mapping)
	const maps = `00400000-03a00000 r-xp 00000000 fe:00 1                  /bin/coxswain
Size:              55296 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
03a00000-09000000 r--p 03600000 fe:00 1                  /bin/coxswain
Anonymous:             0 kB
09000000-09080000 r--p 08c00000 fe:00 1                  /bin/coxswain
Anonymous:           512 kB
09080000-09100000 rw-p 08c80000 fe:00 1                  /bin/coxswain
Anonymous:             0 kB
09100000-09200000 rw-p 00000000 00:00 0
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 fe:00 2          /lib/libc.so.6
Anonymous:             0 kB
`
	got, err := readOnly(strings.NewReader(maps), "/bin/coxswain")
	if err != nil {
		t.Fatal(err)
	}
	want := []region{{0x400000, 0x3600000}, {0x3a00000, 0x5600000}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(region{})); diff != "" {
		t.Error(diff)
	}
}

// TestTheProgramGoesOn would crash if a page were lost that cannot be read again.
func TestTheProgramGoesOn(t *testing.T) {
	before := strings.Repeat("x", 1<<20)
	if err := AfterStart(); err != nil {
		t.Fatal(err)
	}
	if strings.Count(before, "x") != 1<<20 {
		t.Error("memory was lost")
	}
}
