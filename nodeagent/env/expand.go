// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import "strings"

// Expand replaces $(NAME) by the value of NAME. A reference to a name that is not known stays as it is, and $$(NAME) is
// how to write $(NAME) itself.
func Expand(text string, value func(name string) (string, bool)) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
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
				return out.String()
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
	return out.String()
}

// ExpandAll expands each of texts.
func ExpandAll(texts []string, values map[string]string) []string {
	if texts == nil {
		return nil
	}
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = Expand(text, lookup(values))
	}
	return out
}

func lookup(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, known := values[name]
		return v, known
	}
}
