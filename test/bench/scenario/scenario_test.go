// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coxswain.dev/coxswain/test/bench/report"
)

func config(t *testing.T) Config {
	return Config{Run: Run{Dir: t.TempDir()}, Rounds: 3, Limit: time.Minute, Progress: io.Discard}
}

var one = []Row{{Key: "x", Name: "an x", Unit: "s", Better: report.Lower, Target: report.RatioAtMost(2)}}

func TestSidesTakeTurnsInFoldersOfTheirOwn(t *testing.T) {
	var order []string
	side := func(name string, figures ...float64) Side {
		return func(_ context.Context, run Run) (Figures, error) {
			order = append(order, name)
			if entries, err := os.ReadDir(run.Dir); err != nil || len(entries) > 0 {
				t.Errorf("%s is not an empty folder: %v", run.Dir, err)
			}
			if err := os.WriteFile(filepath.Join(run.Dir, "x"), nil, 0o600); err != nil {
				t.Error(err)
			}
			figure := figures[0]
			figures = figures[1:]
			return Figures{"x": figure}, nil
		}
	}
	c := config(t)
	rows, err := Measure(t.Context(), Scenario{Rows: one, We: side("we", 3, 1, 2), Peer: side("peer", 4, 4, 5), PeerIs: "it"}, c)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("we peer we peer we peer", strings.Join(order, " ")); diff != "" {
		t.Error(diff)
	}
	want := report.Question{Name: "an x", Unit: "s", Better: report.Lower, Target: report.RatioAtMost(2), PeerIs: "it"}.Answer([]float64{3, 1, 2}, []float64{4, 4, 5}, "")
	if diff := cmp.Diff([]report.Row{want}, rows); diff != "" {
		t.Error(diff)
	}
	if left, err := os.ReadDir(c.Run.Dir); err != nil || len(left) > 0 {
		t.Errorf("folders stayed behind: %v, %v", left, err)
	}
}

func TestHalfAComparisonIsNone(t *testing.T) {
	fine := func(context.Context, Run) (Figures, error) { return Figures{"x": 1}, nil }
	for name, c := range map[string]struct {
		peer Side
		want string
	}{
		"the peer fails":          {func(context.Context, Run) (Figures, error) { return nil, errors.New("no such flag") }, `measuring "s", peer, round 1: no such flag`},
		"it forgets a figure":     {func(context.Context, Run) (Figures, error) { return nil, nil }, `it gave no figure for "x"`},
		"it has too many figures": {func(context.Context, Run) (Figures, error) { return Figures{"x": 1, "y": 2}, nil }, "it gave 2 figures, not the 1"},
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := Measure(t.Context(), Scenario{Name: "s", Rows: one, We: fine, Peer: c.peer}, config(t))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q in it", err, c.want)
			}
			if len(rows) != 1 || rows[0].We != nil || rows[0].Met != nil {
				t.Errorf("the row has figures: %+v", rows)
			}
		})
	}
}

func TestARowOfOursAlone(t *testing.T) {
	rows := append([]Row{{Key: "y", Name: "a y", Alone: true}}, one...)
	got, err := Measure(t.Context(), Scenario{Rows: rows, PeerIs: "it",
		We:   func(context.Context, Run) (Figures, error) { return Figures{"x": 1, "y": 2}, nil },
		Peer: func(context.Context, Run) (Figures, error) { return Figures{"x": 1}, nil },
	}, config(t))
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Peer != nil || got[0].PeerIs != "" || got[1].PeerIs != "it" {
		t.Errorf("got %+v", got)
	}
}

func TestBothSidesShareWhatWasPrepared(t *testing.T) {
	prepared := 0
	side := func(_ context.Context, run Run) (Figures, error) {
		_, err := os.Stat(filepath.Join(run.Shared, "data"))
		return Figures{"x": 1}, err
	}
	c := config(t)
	_, err := Measure(t.Context(), Scenario{Name: "s", Rows: one, We: side, Peer: side, Prepare: func(_ context.Context, run Run) error {
		prepared++
		return os.WriteFile(filepath.Join(run.Dir, "data"), nil, 0o600)
	}}, c)
	if err != nil || prepared != 1 {
		t.Errorf("prepared %d times, %v", prepared, err)
	}
	if left, err := os.ReadDir(c.Run.Dir); err != nil || len(left) > 0 {
		t.Errorf("folders stayed behind: %v, %v", left, err)
	}
	_, err = Measure(t.Context(), Scenario{Name: "s", Rows: one, We: side, Prepare: func(context.Context, Run) error { return errors.New("no disk") }}, c)
	if err == nil || !strings.Contains(err.Error(), `preparing "s": no disk`) {
		t.Errorf("got %v", err)
	}
}

func TestSelect(t *testing.T) {
	all := []Scenario{{Name: "start", Rows: []Row{{Name: "ready API"}, {Name: "restart"}}}, {Name: "idle", Rows: []Row{{Name: "memory"}}}}
	for expression, want := range map[string]string{"": "start idle", "^re": "start", "memory|start": "start idle", "nothing": ""} {
		var names []string
		for _, s := range Select(all, regexp.MustCompile(expression)) {
			names = append(names, s.Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%q chooses %q, want %q", expression, got, want)
		}
	}
}
