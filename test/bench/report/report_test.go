// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func ptr[T any](value T) *T { return &value }

func TestMedian(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   *float64
	}{
		"nothing has none":                    {nil, nil},
		"one is its own":                      {[]float64{3}, ptr(3.0)},
		"an odd number has a middle":          {[]float64{9, 1, 5}, ptr(5.0)},
		"an even number takes the mean":       {[]float64{4, 1, 3, 2}, ptr(2.5)},
		"one outlier changes nothing":         {[]float64{1, 1, 1, 1, 1000}, ptr(1.0)},
		"four digits are enough":              {[]float64{0.123456}, ptr(0.1235)},
		"large figures keep four digits, too": {[]float64{123456}, ptr(123500.0)},
	} {
		t.Run(name, func(t *testing.T) {
			before := append([]float64(nil), c.values...)
			if diff := cmp.Diff(c.want, median(c.values)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, c.values); diff != "" {
				t.Errorf("the figures were changed: %s", diff)
			}
		})
	}
}

func TestAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		target   Target
		we, peer []float64
		ratio    *float64
		text     string
		met      *bool
	}{
		"a limit that is kept":                {AtMost(0.8), []float64{0.7}, []float64{3.5}, ptr(0.2), "≤ 0.8 s", ptr(true)},
		"a limit that is met exactly":         {AtMost(0.8), []float64{0.8}, nil, nil, "≤ 0.8 s", ptr(true)},
		"a limit that is missed":              {AtMost(0.8), []float64{0.9}, nil, nil, "≤ 0.8 s", ptr(false)},
		"twice the peer where 1.2 is wanted":  {RatioAtLeast(1.2), []float64{200}, []float64{100}, ptr(2.0), "≥ 1.2 ×", ptr(true)},
		"as good as the peer is not 1.2":      {RatioAtLeast(1.2), []float64{100}, []float64{100}, ptr(1.0), "≥ 1.2 ×", ptr(false)},
		"half the memory":                     {RatioAtMost(0.5), []float64{100}, []float64{200}, ptr(0.5), "≤ 0.5 ×", ptr(true)},
		"a ratio without a peer is not known": {RatioAtMost(0.5), []float64{100}, nil, nil, "≤ 0.5 ×", nil},
		"nothing measured is not known":       {AtMost(1), nil, nil, nil, "≤ 1 s", nil},
		"no target is neither met nor missed": {Target{}, []float64{1}, []float64{2}, ptr(0.5), "", nil},
		"a peer of zero has no ratio":         {RatioAtLeast(2), []float64{1}, []float64{0}, nil, "≥ 2 ×", nil},
	} {
		t.Run(name, func(t *testing.T) {
			row := Question{Unit: "s", Target: c.target}.Answer(c.we, c.peer, "abc")
			if diff := cmp.Diff(c.ratio, row.Ratio); diff != "" {
				t.Errorf("ratio: %s", diff)
			}
			if diff := cmp.Diff(c.met, row.Met); diff != "" {
				t.Errorf("met: %s", diff)
			}
			if row.Target != c.text {
				t.Errorf("target is %q, want %q", row.Target, c.text)
			}
		})
	}
}

func rows() []Row {
	return []Row{
		Question{Name: "start", Unit: "s", Better: Lower, Target: AtMost(0.8), PeerIs: "both", Note: "Warm."}.Answer([]float64{0.7, 0.6, 0.812}, []float64{4, 3.5, 3.9}, "abc"),
		Question{Name: "writes", Unit: "1/s", Better: Higher, Target: RatioAtLeast(1.2), PeerIs: "both", Note: "Warm."}.Answer([]float64{1000, 1010}, []float64{1111, 1000}, "abc"),
		Question{Name: "alone", Unit: "MB", Better: Lower}.Answer([]float64{150}, nil, "abc"),
		Question{Name: "absent", Unit: "s", Better: Lower, Target: AtMost(2)}.Answer(nil, nil, "abc"),
	}
}

func TestTable(t *testing.T) {
	want := `| measured   | unit |                  we |             peer | ratio | target  | met          |
| ---------- | ---- | ------------------: | ---------------: | ----: | ------- | ------------ |
| start [1]  | s    | 0.700 (0.600–0.812) | 3.90 (3.50–4.00) |  0.18 | ≤ 0.8 s | yes          |
| writes [1] | 1/s  |    1005 (1000–1010) | 1056 (1000–1111) |  0.95 | ≥ 1.2 × | no           |
| alone      | MB   |                 150 |                – |     – | –       | –            |
| absent     | s    |                   – |                – |     – | ≤ 2 s   | not measured |
`
	if diff := cmp.Diff(want, Table(rows())); diff != "" {
		t.Error(diff)
	}
}

func TestSmallRatiosKeepTheirDigits(t *testing.T) {
	for value, want := range map[float64]string{0: "0.00", 0.00134: "0.0013", 0.0949: "0.095", 0.1: "0.10", 1.234: "1.23", 12: "12.00"} {
		if got := ratio(&value); got != want {
			t.Errorf("%v is written %q, want %q", value, got, want)
		}
	}
}

func TestNotesAreGivenOnce(t *testing.T) {
	got := Page{Facts: []string{"CPU: one"}, Rows: rows()}.Text()
	if want := "not measured |\n\n[1] The peer is both. Warm.\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want it to end in %q", got, want)
	}
}

func TestJSONIsAListWithTheFieldsThatToolsRead(t *testing.T) {
	data, err := JSON(rows())
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 {
		t.Fatalf("got %d objects, want 4", len(got))
	}
	want := map[string]any{"name": "start", "unit": "s", "we": 0.7, "peer": 3.9, "ratio": 0.1795, "target": "≤ 0.8 s", "met": true}
	for field, value := range want {
		if diff := cmp.Diff(value, got[0][field]); diff != "" {
			t.Errorf("%s: %s", field, diff)
		}
	}
	for _, field := range []string{"we", "peer", "ratio", "met"} {
		if value, there := got[3][field]; !there || value != nil {
			t.Errorf("%s of a row without figures is %v (there: %v), want null", field, value, there)
		}
	}
}

func TestWriteLeavesTheOldFilesWhenItCannotWriteBoth(t *testing.T) {
	folder := t.TempDir()
	old := Page{Rows: rows()[:1]}
	if err := Write(folder, old); err != nil {
		t.Fatal(err)
	}
	// A folder in the place of the second new file stops the write after the first one.
	if err := os.Mkdir(filepath.Join(folder, ".benchmarks.json.new"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, ".benchmarks.json.new", "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(folder, Page{Rows: rows()}); err == nil {
		t.Fatal("writing over a folder succeeded")
	}
	for name, want := range map[string]string{"benchmarks.md": old.Markdown()} {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, ".benchmarks.md.new")); !os.IsNotExist(err) {
		t.Errorf("a half of the pair stayed behind: %v", err)
	}
}
