// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"coxswain.dev/coxswain/internal/images/dockerfile"
)

// defaultShell runs what is written in the shell form.
var defaultShell = []string{"/bin/sh", "-c"}

// state is a stage while its instructions are done one by one.
type state struct {
	*build
	*image
	stage *stage
	args  map[string]string
	shell []string
	// command says that this stage has a CMD of its own, which an ENTRYPOINT after it leaves alone.
	command bool
}

// instructions that only change the configuration. Those that bring files are in files.go.
var instructions = map[string]func(*state, dockerfile.Instruction) error{
	"ARG":        (*state).arg,
	"CMD":        (*state).cmd,
	"ENTRYPOINT": (*state).entrypoint,
	"ENV":        (*state).env,
	"EXPOSE":     (*state).expose,
	"HEALTHCHECK": func(s *state, i dockerfile.Instruction) error {
		s.Note(fmt.Sprintf("%s:%d: HEALTHCHECK is left out: Kubernetes looks at a pod's probes alone", s.file.Name, i.Line))
		return nil
	},
	"LABEL": (*state).label,
	"MAINTAINER": func(s *state, i dockerfile.Instruction) error {
		s.config.Author = i.Rest
		return nil
	},
	"SHELL":      (*state).setShell,
	"STOPSIGNAL": (*state).stopSignal,
	"USER":       (*state).user,
	"VOLUME":     (*state).volume,
}

// do does one instruction and notes it in the image's history.
func (s *state) do(ctx context.Context, instruction dockerfile.Instruction) error {
	before := len(s.layers)
	var err error
	switch instruction.Keyword {
	case "COPY", "ADD":
		err = s.copy(ctx, instruction)
	case "WORKDIR":
		err = s.workdir(ctx, instruction)
	case "RUN":
		err = s.run(ctx, instruction)
	default:
		do, known := instructions[instruction.Keyword]
		if !known {
			return fmt.Errorf("it is not supported")
		}
		err = do(s, instruction)
	}
	if err != nil {
		return err
	}
	s.config.History = append(s.config.History, v1.History{
		Created: v1.Time{Time: epoch}, CreatedBy: written(instruction), EmptyLayer: len(s.layers) == before,
	})
	return nil
}

// written is the instruction as text, on one line.
func written(instruction dockerfile.Instruction) string {
	words := []string{instruction.Keyword}
	for _, flag := range instruction.Flags {
		word := "--" + flag.Name
		if flag.Value != "" {
			word += "=" + flag.Value
		}
		words = append(words, word)
	}
	return strings.Join(append(words, instruction.Rest), " ")
}

func lookupEnv(env []string, name string) (string, bool) {
	for _, variable := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// variable is what instructions of the stage see: ENV before ARG.
func (s *state) variable(name string) (string, bool) {
	if value, set := lookupEnv(s.config.Config.Env, name); set {
		return value, true
	}
	value, set := s.args[name]
	return value, set
}

func (s *state) expand(word string) (string, error) { return s.file.Expand(word, s.variable) }

// words is the rest of an instruction, in either form, expanded.
func (s *state) words(rest string) ([]string, error) {
	words, exec := dockerfile.Exec(rest)
	if !exec {
		var err error
		if words, err = s.file.Split(rest); err != nil {
			return nil, err
		}
	}
	for i, word := range words {
		expanded, err := s.expand(word)
		if err != nil {
			return nil, err
		}
		words[i] = expanded
	}
	return words, nil
}

// one is the rest of an instruction as a single text.
func (s *state) one(rest string) (string, error) {
	text, err := s.expand(rest)
	if err == nil && text == "" {
		err = fmt.Errorf("%s is empty", rest)
	}
	return text, err
}

// commandOf is the rest of CMD or ENTRYPOINT.
func (s *state) commandOf(rest string) []string {
	if words, exec := dockerfile.Exec(rest); exec {
		return words
	}
	return append(slices.Clone(s.shell), rest)
}

func (s *state) arg(instruction dockerfile.Instruction) error {
	return s.eachArg(instruction, s.variable, func(name, value string, set bool) {
		if !set { // without a default, it is the one before the first FROM
			if value, set = s.global(name); !set {
				return
			}
		}
		s.args[name] = value
	})
}

func (s *state) cmd(instruction dockerfile.Instruction) error {
	s.config.Config.Cmd = s.commandOf(instruction.Rest)
	s.command = true
	return nil
}

func (s *state) entrypoint(instruction dockerfile.Instruction) error {
	s.config.Config.Entrypoint = s.commandOf(instruction.Rest)
	if !s.command {
		s.config.Config.Cmd = nil // the base's is meant for the base's entrypoint
	}
	return nil
}

// pairs calls set for each key and value of an instruction, expanded. All see the variables as they were before it.
func (s *state) pairs(instruction dockerfile.Instruction, set func(key, value string)) error {
	pairs, err := s.file.Pairs(instruction.Rest)
	if err != nil {
		return err
	}
	expanded := make([]dockerfile.Pair, len(pairs))
	for i, pair := range pairs {
		if expanded[i].Key, err = s.expand(pair.Key); err != nil {
			return err
		}
		if expanded[i].Value, err = s.expand(pair.Value); err != nil {
			return err
		}
	}
	for _, pair := range expanded {
		set(pair.Key, pair.Value)
	}
	return nil
}

func (s *state) env(instruction dockerfile.Instruction) error {
	return s.pairs(instruction, func(key, value string) {
		env := slices.DeleteFunc(slices.Clone(s.config.Config.Env), func(old string) bool { return strings.HasPrefix(old, key+"=") })
		s.config.Config.Env = append(env, key+"="+value)
	})
}

func (s *state) label(instruction dockerfile.Instruction) error {
	return s.pairs(instruction, func(key, value string) {
		if s.config.Config.Labels == nil {
			s.config.Config.Labels = map[string]string{}
		}
		s.config.Config.Labels[key] = value
	})
}

var port = regexp.MustCompile(`^([0-9]+)(?:-([0-9]+))?(?:/(tcp|udp|sctp))?$`)

func (s *state) expose(instruction dockerfile.Instruction) error {
	words, err := s.words(instruction.Rest)
	if err != nil {
		return err
	}
	for _, word := range words {
		found := port.FindStringSubmatch(strings.ToLower(word))
		if found == nil {
			return fmt.Errorf("%q is not of the form port, port/protocol or first-last", word)
		}
		first, err1 := strconv.ParseUint(found[1], 10, 16)
		last, err2 := first, error(nil)
		if found[2] != "" {
			last, err2 = strconv.ParseUint(found[2], 10, 16)
		}
		if err1 != nil || err2 != nil || first > last {
			return fmt.Errorf("there are no ports %q", word)
		}
		protocol := found[3]
		if protocol == "" {
			protocol = "tcp"
		}
		if s.config.Config.ExposedPorts == nil {
			s.config.Config.ExposedPorts = map[string]struct{}{}
		}
		for ; first <= last; first++ {
			s.config.Config.ExposedPorts[fmt.Sprintf("%d/%s", first, protocol)] = struct{}{}
		}
	}
	return nil
}

func (s *state) setShell(instruction dockerfile.Instruction) error {
	words, exec := dockerfile.Exec(instruction.Rest)
	if !exec || len(words) == 0 {
		return fmt.Errorf(`it needs the exec form: SHELL ["/bin/sh", "-c"]`)
	}
	s.shell, s.config.Config.Shell = words, words
	return nil
}

func (s *state) stopSignal(instruction dockerfile.Instruction) (err error) {
	s.config.Config.StopSignal, err = s.one(instruction.Rest)
	return err
}

func (s *state) user(instruction dockerfile.Instruction) (err error) {
	s.config.Config.User, err = s.one(instruction.Rest)
	return err
}

func (s *state) volume(instruction dockerfile.Instruction) error {
	words, err := s.words(instruction.Rest)
	if err != nil {
		return err
	}
	for _, word := range words {
		if word == "" {
			return fmt.Errorf("a path is empty")
		}
		if s.config.Config.Volumes == nil {
			s.config.Config.Volumes = map[string]struct{}{}
		}
		s.config.Config.Volumes[absolute(s.config.Config.WorkingDir, word)] = struct{}{}
	}
	return nil
}

// absolute is a path as an instruction means it.
func absolute(workdir, name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join("/", workdir, name)
}
