// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"coxswain.dev/coxswain/internal/images/dockerfile"
)

// stage is a FROM with what follows it.
type stage struct {
	name  string
	from  dockerfile.Instruction
	base  string
	body  []dockerfile.Instruction
	built *image
}

// read checks every instruction as far as that goes without doing it, splits the file into stages, and returns which to
// build.
func (b *build) read() (*stage, error) {
	for _, instruction := range b.file.Instructions {
		if err := b.check(instruction); err != nil {
			return nil, b.fail(instruction, err)
		}
		switch {
		case instruction.Keyword == "FROM":
			if err := b.from(instruction); err != nil {
				return nil, b.fail(instruction, err)
			}
		case len(b.stages) > 0:
			last := b.stages[len(b.stages)-1]
			last.body = append(last.body, instruction)
		case instruction.Keyword == "ARG":
			if err := b.globalArgs(instruction); err != nil {
				return nil, b.fail(instruction, err)
			}
		default:
			return nil, b.fail(instruction, errors.New("only ARG may come before the first FROM"))
		}
	}
	if len(b.stages) == 0 {
		return nil, &dockerfile.Error{File: b.file.Name, Line: 1, Err: errors.New("no FROM says what to begin with; FROM scratch is an empty image")}
	}
	if b.Target == "" {
		return b.stages[len(b.stages)-1], nil
	}
	if found := b.find(b.Target, len(b.stages)); found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("%s has no stage %q", b.file.Name, b.Target)
}

// find is the stage of that name or number among the first few.
func (b *build) find(name string, before int) *stage {
	for i := before - 1; i >= 0; i-- {
		if strings.EqualFold(b.stages[i].name, name) && name != "" {
			return b.stages[i]
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < before {
		return b.stages[n]
	}
	return nil
}

// platform values that every build has.
func platform(name string) (string, bool) {
	value, ok := map[string]string{
		"TARGETPLATFORM": "linux/" + runtime.GOARCH, "TARGETOS": "linux", "TARGETARCH": runtime.GOARCH, "TARGETVARIANT": "",
		"BUILDPLATFORM": "linux/" + runtime.GOARCH, "BUILDOS": "linux", "BUILDARCH": runtime.GOARCH, "BUILDVARIANT": "",
	}[name]
	return value, ok
}

// global is a variable as FROM sees it.
func (b *build) global(name string) (string, bool) {
	if value, ok := b.globals[name]; ok {
		return value, true
	}
	return platform(name)
}

func (b *build) globalArgs(instruction dockerfile.Instruction) error {
	return b.eachArg(instruction, b.global, func(name, value string, set bool) {
		if set {
			b.globals[name] = value
		}
	})
}

// eachArg calls do for each NAME[=default] of an ARG, with the value that the user or the default gives it.
func (b *build) eachArg(instruction dockerfile.Instruction, variables dockerfile.Variables, do func(name, value string, set bool)) error {
	words, err := b.file.Split(instruction.Rest)
	if err != nil {
		return err
	}
	for _, word := range words {
		name, value, set := strings.Cut(word, "=")
		if name == "" {
			return fmt.Errorf("%q is not of the form name=default", word)
		}
		if given, ok := b.Args[name]; ok {
			b.used[name] = true
			value, set = given, true
		} else if value, err = b.file.Expand(value, variables); err != nil {
			return err
		}
		do(name, value, set)
	}
	return nil
}

func (b *build) from(instruction dockerfile.Instruction) error {
	for _, flag := range instruction.Flags {
		value, err := b.file.Expand(flag.Value, b.global)
		if err != nil {
			return err
		}
		if here := "linux/" + runtime.GOARCH; flag.Name == "platform" && value != here {
			return fmt.Errorf("the platform %s is not this machine's, %s", value, here)
		}
	}
	words := strings.Fields(instruction.Rest)
	next := &stage{from: instruction}
	switch {
	case len(words) == 3 && strings.EqualFold(words[1], "AS"):
		next.name = words[2]
	case len(words) != 1:
		return errors.New("write FROM image, or FROM image AS name")
	}
	base, err := b.file.Expand(words[0], b.global)
	if err != nil {
		return err
	}
	if base == "" {
		return fmt.Errorf("%s is empty; only ARGs before the first FROM count here, with their defaults or --build-arg", words[0])
	}
	next.base = base
	b.stages = append(b.stages, next)
	return nil
}
