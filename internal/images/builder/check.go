// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"errors"
	"fmt"
	"slices"

	"coxswain.dev/coxswain/internal/images/dockerfile"
)

// flags that each instruction may have. --link says how to store a layer, and ours are stored so anyway.
var flags = map[string][]string{
	"FROM": {"platform"},
	"COPY": {"from", "chown", "chmod", "link"},
	"ADD":  {"chown", "chmod", "link"},
}

// check refuses what can't be done, so that a build fails before it begins.
func (b *build) check(instruction dockerfile.Instruction) error {
	switch instruction.Keyword {
	case "RUN":
		if b.Run == nil {
			return errNoRun
		}
	case "ONBUILD":
		return errors.New("it is not supported; write its instruction where the image is used")
	case "HEALTHCHECK":
		return nil // its flags are for others
	}
	known := flags[instruction.Keyword]
	var seen []string
	for _, flag := range instruction.Flags {
		switch {
		case !slices.Contains(known, flag.Name):
			return fmt.Errorf("the flag --%s is not supported; %s", flag.Name, choice(known))
		case slices.Contains(seen, flag.Name):
			return fmt.Errorf("the flag --%s is given twice", flag.Name)
		case flag.Value == "" && flag.Name != "link":
			return fmt.Errorf("the flag --%s needs a value: --%s=…", flag.Name, flag.Name)
		}
		seen = append(seen, flag.Name)
	}
	return nil
}

func choice(known []string) string {
	if len(known) == 0 {
		return "there are none"
	}
	text := "there are"
	for i, name := range known {
		if i > 0 {
			text += ","
		}
		text += " --" + name
	}
	return text
}

func flagOf(instruction dockerfile.Instruction, name string) (string, bool) {
	for _, flag := range instruction.Flags {
		if flag.Name == name {
			return flag.Value, true
		}
	}
	return "", false
}
