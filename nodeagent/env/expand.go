// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"fmt"
	"strings"
)

// Limits are those of Linux: no program can be started with a longer text, or with more of them together. Variables may
// refer to variables, so that each of forty lines could be twice as long as the one before it, and fill the memory of the
// node before the kernel refused to start anything.
const (
	// maxText is the length of an expanded variable or argument (MAX_ARG_STRLEN).
	maxText = 128 << 10
	// maxTotal is the length of all variables, or of all arguments (three quarters of the largest stack).
	maxTotal = 6 << 20
)

// Expand replaces $(NAME) by the value of NAME. A reference to a name that is not known stays as it is, and $$(NAME) is
// how to write $(NAME) itself. A result of more than 128 KiB is an error, since no program could take it.
func Expand(text string, value func(name string) (string, bool)) (string, error) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if out.Len() > maxText {
			break
		}
		if text[i] != '$' || i+1 == len(text) {
			out.WriteByte(text[i])
			continue
		}
		switch text[i+1] {
		case '$':
			out.WriteByte('$')
			i++
		case '(':
			end := strings.IndexByte(text[i+2:], ')')
			if end < 0 {
				out.WriteString(text[i:])
				return checked(&out)
			}
			name := text[i+2 : i+2+end]
			if v, known := value(name); known {
				out.WriteString(v)
			} else {
				out.WriteString(text[i : i+3+end])
			}
			i += 2 + end
		default:
			out.WriteByte('$')
			out.WriteByte(text[i+1])
			i++
		}
	}
	return checked(&out)
}

func checked(out *strings.Builder) (string, error) {
	if out.Len() > maxText {
		return "", fmt.Errorf("it is longer than %d bytes with its variables filled in", maxText)
	}
	return out.String(), nil
}

// ExpandAll expands each of texts. It is an error when one is too long, or all together are longer than 6 MiB.
func ExpandAll(texts []string, values map[string]string) ([]string, error) {
	if texts == nil {
		return nil, nil
	}
	out, total := make([]string, len(texts)), 0
	for i, text := range texts {
		expanded, err := Expand(text, lookup(values))
		if err != nil {
			return nil, fmt.Errorf("expanding argument %d: %w", i, err)
		}
		if total += len(expanded); total > maxTotal {
			return nil, fmt.Errorf("expanding arguments: together they are longer than %d bytes", maxTotal)
		}
		out[i] = expanded
	}
	return out, nil
}

func lookup(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, known := values[name]
		return v, known
	}
}
