// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"coxswain.dev/coxswain/test/bench/report"
)

// Config of a measurement.
type Config struct {
	// Run is what every side gets; Dir is the folder below which each gets its own.
	Run Run
	// Rounds is how often each side runs.
	Rounds int
	// Limit is the longest that one side may take.
	Limit time.Duration
	// Commit is the build that is measured.
	Commit string
	// Keep leaves the folder of a side that failed, for a look at its logs.
	Keep bool
	// Calm, when there is one, waits before each side until the machine has nothing else to do.
	Calm func(context.Context)
	// Progress gets a line a side.
	Progress io.Writer
}

// Measure runs both sides in turns and answers every row. The first error ends the scenario: half of a comparison is
// none. The rows come with it nevertheless, without figures, so that a table shows what is missing.
func Measure(ctx context.Context, s Scenario, config Config) (_ []report.Row, retErr error) {
	we, peer := map[string][]float64{}, map[string][]float64{}
	shared, failure := prepare(ctx, s, config)
	config.Run.Shared = shared
	defer func() {
		if shared != "" {
			retErr = errors.Join(retErr, os.RemoveAll(shared))
		}
	}()
	for round := range config.Rounds {
		for _, side := range []struct {
			name string
			do   Side
			into map[string][]float64
		}{{"we", s.We, we}, {"peer", s.Peer, peer}} {
			if side.do == nil || failure != nil {
				continue
			}
			figures, err := once(ctx, s, side.name, side.do, round, config)
			if err != nil {
				failure = fmt.Errorf("measuring %q, %s, round %d: %w", s.Name, side.name, round+1, err)
				continue
			}
			for key, value := range figures {
				side.into[key] = append(side.into[key], value)
			}
		}
	}
	if failure != nil {
		we, peer = nil, nil
	}
	var rows []report.Row
	for _, row := range s.Rows {
		question := report.Question{Name: row.Name, Unit: row.Unit, Better: row.Better, Target: row.Target, Note: row.Note}
		if s.Peer != nil && !row.Alone {
			question.PeerIs = s.PeerIs
		}
		rows = append(rows, question.Answer(we[row.Key], peer[row.Key], config.Commit))
	}
	return rows, failure
}

// prepare runs Prepare in a folder that both sides share; without one there is no such folder.
func prepare(ctx context.Context, s Scenario, config Config) (string, error) {
	if s.Prepare == nil {
		return "", nil
	}
	run := config.Run
	run.Dir = filepath.Join(config.Run.Dir, s.Name+"-shared")
	if err := os.Mkdir(run.Dir, 0o755); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, config.Limit)
	defer cancel()
	if err := s.Prepare(ctx, run); err != nil {
		return run.Dir, fmt.Errorf("preparing %q: %w", s.Name, err)
	}
	return run.Dir, nil
}

func once(ctx context.Context, s Scenario, name string, do Side, round int, config Config) (figures Figures, retErr error) {
	run := config.Run
	run.Dir = filepath.Join(config.Run.Dir, fmt.Sprintf("%s-%s%d", s.Name, name, round))
	if err := os.Mkdir(run.Dir, 0o755); err != nil {
		return nil, err
	}
	defer func() {
		if retErr != nil && config.Keep {
			fmt.Fprintf(config.Progress, "  its folder is kept: %s\n", run.Dir)
			return
		}
		retErr = errors.Join(retErr, os.RemoveAll(run.Dir))
	}()
	if config.Calm != nil {
		config.Calm(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, config.Limit)
	defer cancel()
	figures, err := do(ctx, run)
	if err != nil {
		return nil, err
	}
	if err := complete(s.Rows, figures, name == "peer"); err != nil {
		return nil, err
	}
	fmt.Fprintf(config.Progress, "  %-4s %s\n", name, line(s.Rows, figures))
	return figures, nil
}

// complete checks that a side has measured what its scenario says, no less and no more.
func complete(rows []Row, figures Figures, peer bool) error {
	wanted := 0
	for _, row := range rows {
		if peer && row.Alone {
			continue
		}
		wanted++
		if _, there := figures[row.Key]; !there {
			return fmt.Errorf("it gave no figure for %q", row.Key)
		}
	}
	if wanted != len(figures) {
		return fmt.Errorf("it gave %d figures, not the %d that are asked for", len(figures), wanted)
	}
	return nil
}

func line(rows []Row, figures Figures) string {
	var parts []string
	for _, row := range rows {
		if value, there := figures[row.Key]; there {
			parts = append(parts, fmt.Sprintf("%s %.4g %s", row.Key, value, row.Unit))
		}
	}
	return strings.Join(parts, ", ")
}
