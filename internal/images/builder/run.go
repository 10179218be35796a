// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"coxswain.dev/coxswain/internal/images"
	"coxswain.dev/coxswain/internal/images/dockerfile"
)

var errNoRun = errors.New("running programs needs a node, and no cluster runs here; start one with `coxswain up`, or run it before the build and COPY what it makes")

// run runs a program on what the image holds so far. What it changes is the next layer.
func (s *state) run(ctx context.Context, instruction dockerfile.Instruction) error {
	step := images.Step{Args: s.argsOf(instruction), Env: s.runEnv(), Dir: s.config.Config.WorkingDir, Output: s.Output}
	if user := s.config.Config.User; user != "" {
		found, err := ownerOf(ctx, s.tree, user)
		if err != nil {
			return err
		}
		step.UID, step.GID = found.uid, found.gid
	}
	for _, layer := range s.layers {
		step.Layers = append(step.Layers, layer.blob)
		step.DiffIDs = append(step.DiffIDs, layer.diffID)
	}
	file, err := s.Run(ctx, step)
	if err != nil {
		return fmt.Errorf("running %s: %w", shown(instruction.Rest), err)
	}
	made, err := adopt(file)
	if err != nil {
		return err
	}
	s.opened = append(s.opened, made)
	s.layers = append(s.layers, made)
	return s.tree.add(ctx, made)
}

// argsOf is the command line of RUN. A here-document is the shell's script, or what the shell makes of it.
func (s *state) argsOf(instruction dockerfile.Instruction) []string {
	if words, exec := dockerfile.Exec(instruction.Rest); exec {
		return words
	}
	script := instruction.Rest
	for i, document := range instruction.Heredocs {
		if i == 0 && script == document.Word {
			return append(slices.Clone(s.shell), document.Content)
		}
		script += "\n" + document.Content + document.Name
	}
	return append(slices.Clone(s.shell), script)
}

// runEnv is what a program sees: the image's variables, and before them the arguments of the build.
func (s *state) runEnv() []string {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(s.args)) {
		if _, set := lookupEnv(s.config.Config.Env, name); !set {
			env = append(env, name+"="+s.args[name])
		}
	}
	env = append(env, s.config.Config.Env...)
	if _, set := lookupEnv(env, "PATH"); !set {
		env = append(env, "PATH="+defaultPath)
	}
	return env
}

// shown is a command in an error: its beginning, on one line.
func shown(command string) string {
	const limit = 60
	command = strings.Join(strings.Fields(command), " ")
	if len(command) > limit {
		command = command[:limit] + "…"
	}
	return fmt.Sprintf("%q", command)
}
