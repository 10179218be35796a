// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package ignore

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Rules tell what is left out.
type Rules struct {
	rules []rule
	again bool
}

type rule struct {
	matches *regexp.Regexp
	keeps   bool
}

// Parse reads a file, one pattern a line.
func Parse(data []byte) (Rules, error) {
	var rules Rules
	for i, line := range strings.Split(strings.TrimPrefix(string(data), "\xef\xbb\xbf"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		pattern, keeps := strings.CutPrefix(strings.TrimSpace(line), "!")
		pattern = strings.TrimSpace(pattern)
		if pattern == "" {
			continue
		}
		pattern = strings.TrimPrefix(path.Clean("/"+pattern), "/")
		expression, err := regexp.Compile(translate(pattern))
		if err != nil {
			return Rules{}, fmt.Errorf("line %d: %q is no pattern", i+1, line)
		}
		rules.rules = append(rules.rules, rule{matches: expression, keeps: keeps})
		rules.again = rules.again || keeps
	}
	return rules, nil
}

// Ignored tells whether a path, relative to the folder and with slashes, is left out.
func (r Rules) Ignored(name string) bool {
	ignored := false
	for _, rule := range r.rules {
		if ignored == rule.keeps && rule.matches.MatchString(name) {
			ignored = !rule.keeps
		}
	}
	return ignored
}

// KeepsBelow tells whether something below a folder that is left out may be taken in again.
func (r Rules) KeepsBelow() bool { return r.again }

// translate makes a pattern a regular expression that also matches all below a match.
func translate(pattern string) string {
	if pattern == "" { // the folder itself
		return `\A.*\z`
	}
	var out strings.Builder
	out.WriteString(`(?s)\A`)
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case strings.HasPrefix(pattern[i:], "**/"):
			out.WriteString(`(?:.*/)?`)
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			out.WriteString(`.*`)
			i++
		case c == '*':
			out.WriteString(`[^/]*`)
		case c == '?':
			out.WriteString(`[^/]`)
		case c == '[':
			end := strings.IndexByte(pattern[i:], ']')
			if end < 0 {
				return `[` // does not compile
			}
			class := pattern[i+1 : i+end]
			negated := strings.HasPrefix(class, "^")
			class = strings.NewReplacer(`\`, `\\`, `[`, `\[`, `^`, `\^`).Replace(strings.TrimPrefix(class, "^"))
			out.WriteByte('[')
			if negated {
				out.WriteByte('^')
			}
			out.WriteString(class + "]")
			i += end
		case c == '\\' && i+1 < len(pattern):
			i++
			out.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		default:
			out.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	return out.String() + `(?:/.*)?\z`
}
