// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package housekeeping

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// RotateLogs moves logs that are too big aside and has the runtime begin new ones.
func (k *Keeper) RotateLogs(ctx context.Context) error {
	states, err := k.config.Runtime.Pods(ctx)
	if err != nil {
		return err
	}
	paths, err := k.logPaths(ctx, states)
	errs := []error{err}
	for id, log := range paths {
		if info, err := os.Stat(log); err == nil && info.Size() >= k.config.MaxBytes {
			errs = append(errs, k.rotate(ctx, id, log))
		}
	}
	return errors.Join(errs...)
}

// logPaths returns the logs of running containers by container ID. Listing does not tell where they are, so each
// container is asked for once.
func (k *Keeper) logPaths(ctx context.Context, states []runtime.State) (map[string]string, error) {
	paths := map[string]string{}
	var errs []error
	for i := range states {
		known := true
		for _, c := range states[i].Containers {
			if c.Phase != runtime.Running {
				continue
			}
			log, here := k.logs[c.ID]
			known = known && here
			if log != "" {
				paths[c.ID] = log
			}
		}
		if known {
			continue
		}
		state, err := k.config.Runtime.Pod(ctx, states[i].UID)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, c := range state.Containers {
			if c.Phase == runtime.Running {
				paths[c.ID] = c.LogPath
			}
		}
	}
	k.logs = paths
	return paths, errors.Join(errs...)
}

// rotate keeps the newest files: 0.log, one rotated just now that readers may still follow, and older ones compressed.
func (k *Keeper) rotate(ctx context.Context, id, log string) error {
	older, err := filepath.Glob(log + ".*")
	if err != nil {
		return fmt.Errorf("rotating %s: %w", log, err)
	}
	slices.Sort(older) // by time, which is in their names
	for len(older) > max(k.config.MaxFiles-2, 0) {
		if err := os.Remove(older[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotating %s: %w", log, err)
		}
		older = older[1:]
	}
	for _, file := range older {
		if !strings.HasSuffix(file, ".gz") {
			if err := compress(file); err != nil {
				return fmt.Errorf("compressing %s: %w", file, err)
			}
		}
	}
	rotated := log + "." + k.config.Clock.Now().UTC().Format("20060102-150405.000")
	if err := os.Rename(log, rotated); err != nil {
		return fmt.Errorf("rotating %s: %w", log, err)
	}
	if err := k.config.Runtime.ReopenLog(ctx, id); err != nil {
		return errors.Join(err, os.Rename(rotated, log)) // the runtime still writes there
	}
	return nil
}

func compress(file string) (retErr error) {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	temporary := file + ".tmp"
	out, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	defer func() {
		if retErr != nil {
			_ = out.Close()
			_ = os.Remove(temporary)
		}
	}()
	packer := gzip.NewWriter(out)
	if _, err := io.Copy(packer, in); err != nil {
		return err
	}
	if err := packer.Close(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	if err := os.Rename(temporary, file+".gz"); err != nil {
		return err
	}
	return os.Remove(file)
}
