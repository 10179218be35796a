// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package durability

import (
	"strings"
	"testing"
)

func made(uid string, number int, revision int64) version {
	return version{exists: true, uid: uid, number: number, revision: revision}
}

// acknowledged is a ledger with one object that was made and replaced.
func acknowledged(t *testing.T) *ledger {
	t.Helper()
	l := newLedger()
	floor := l.issue("a", version{exists: true, number: 1})
	if err := l.acknowledge("a", made("u", 1, 10), floor); err != nil {
		t.Fatal(err)
	}
	floor = l.issue("a", version{exists: true, number: 2})
	if err := l.acknowledge("a", made("u", 2, 12), floor); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWhatMustBeThereAfterAStart(t *testing.T) {
	for name, c := range map[string]struct {
		unanswered *version
		got        version
		want       string // part of the error
	}{
		"what was acknowledged":              {nil, made("u", 2, 12), ""},
		"an older version":                   {nil, made("u", 1, 10), "write 2 (uid u, resourceVersion 12) was acknowledged, and write 1"},
		"the same with another version":      {nil, made("u", 2, 13), "was acknowledged"},
		"another life":                       {nil, made("v", 2, 12), "was acknowledged"},
		"nothing":                            {nil, version{}, "was acknowledged, and nothing is there"},
		"a write without an answer":          {&version{exists: true, number: 3}, made("u", 3, 14), ""},
		"that was not done":                  {&version{exists: true, number: 3}, made("u", 2, 12), ""},
		"or in another life":                 {&version{exists: true, number: 3}, made("v", 3, 14), "without a deletion"},
		"or at a version that others have":   {&version{exists: true, number: 3}, made("u", 3, 10), "already given"},
		"or lost with what was before":       {&version{exists: true, number: 3}, version{}, "neither"},
		"a deletion without an answer":       {&version{}, version{}, ""},
		"a deletion that was not done":       {&version{}, made("u", 2, 12), ""},
		"a deletion that left something old": {&version{}, made("u", 1, 10), "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			l := acknowledged(t)
			if c.unanswered != nil {
				l.issue("a", *c.unanswered)
			}
			err := l.resolve("a", c.got)
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAnswersThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		next, got version
		floor     int64
		want      string
	}{
		"the next version":                   {version{exists: true, number: 3}, made("u", 3, 13), 12, ""},
		"a resourceVersion before others":    {version{exists: true, number: 3}, made("u", 3, 11), 12, "resourceVersion 11 was given after 12"},
		"a resourceVersion that others have": {version{exists: true, number: 3}, made("u", 3, 10), 9, "already given"},
		"what somebody else wrote":           {version{exists: true, number: 3}, made("u", 7, 13), 12, "write 3 was asked for"},
		"another life":                       {version{exists: true, number: 3}, made("v", 3, 13), 12, "without a deletion"},
	} {
		t.Run(name, func(t *testing.T) {
			l := acknowledged(t)
			l.issue("a", c.next)
			err := l.acknowledge("a", c.got, c.floor)
			if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	t.Run("a uid that was used before", func(t *testing.T) {
		l := acknowledged(t)
		if err := l.acknowledge("a", version{}, l.issue("a", version{})); err != nil {
			t.Fatal(err)
		}
		if err := l.acknowledge("a", made("u", 3, 15), l.issue("a", version{exists: true, number: 3})); err == nil {
			t.Error("no error")
		}
	})
}

func TestCounts(t *testing.T) {
	l := newLedger()
	for _, n := range []int{1, 2, 4} {
		if err := l.counted("c", n, true); err != nil {
			t.Error(err)
		}
	}
	if err := l.counted("c", 2, true); err == nil {
		t.Error("two have counted to two")
	}
	if err := l.counted("c", 3, false); err != nil {
		t.Error(err)
	}
	for n, ok := range map[int]bool{2: false, 3: true, 4: true, 5: false} {
		if err := l.resolveCount("c", n); (err == nil) != ok {
			t.Errorf("%d: %v", n, err)
		}
	}
}

func TestWhatAWatchMustDeliver(t *testing.T) {
	acks := []acknowledgement{
		{name: "a", version: made("u", 1, 10)},
		{name: "a", version: made("u", 2, 12)},
		{name: "a", version: made("u", 2, 12), deleted: true},
	}
	all := []happening{{name: "a", version: made("u", 1, 10)}, {name: "a", version: made("u", 2, 12)}, {name: "a", version: made("u", 2, 14), deleted: true}}
	for name, c := range map[string]struct {
		events []happening
		gap    int64 // jump there after the first event
		want   []string
	}{
		"everything":                {all, 0, nil},
		"not the second":            {[]happening{all[0], all[2]}, 0, []string{"write 2 (uid u, resourceVersion 12) of a was acknowledged and not delivered"}},
		"not the deletion":          {all[:2], 0, []string{"the deletion of a"}},
		"something else":            {[]happening{{name: "a", version: made("u", 7, 10)}, all[1], all[2]}, 0, []string{"write 7"}},
		"what a list has passed by": {[]happening{all[0], all[2]}, 13, nil},
		"all of it":                 {all[:1], 20, nil},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJournal()
			for i, e := range c.events {
				if i == 1 && c.gap != 0 {
					j.jump(c.gap)
				}
				if err := j.add(e); err != nil {
					t.Fatal(err)
				}
			}
			if len(c.events) == 1 {
				j.jump(c.gap)
			}
			_, errs := j.verify(acks, 100)
			if len(errs) != len(c.want) {
				t.Fatalf("got %v, want %q", errs, c.want)
			}
			for i, err := range errs {
				if !strings.Contains(err.Error(), c.want[i]) {
					t.Errorf("got %v, want %q", err, c.want[i])
				}
			}
		})
	}
	t.Run("nothing twice", func(t *testing.T) {
		j := newJournal()
		for _, e := range all {
			if err := j.add(e); err != nil {
				t.Fatal(err)
			}
		}
		if err := j.add(all[1]); err == nil {
			t.Error("an event came twice")
		}
		if err := j.add(happening{name: "a", version: made("u", 2, 20), deleted: true}); err == nil {
			t.Error("a life has ended twice")
		}
	})
}
