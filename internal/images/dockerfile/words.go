// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package dockerfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Exec reads the exec form, a JSON list of texts. Anything else is a shell's, as it is to Docker.
func Exec(rest string) ([]string, bool) {
	if !strings.HasPrefix(rest, "[") {
		return nil, false
	}
	words := []string{}
	if err := json.Unmarshal([]byte(rest), &words); err != nil {
		return nil, false
	}
	return words, true
}

// Split takes text apart at white space outside of quotes. Quotes and escapes stay, for Expand.
func (f *File) Split(text string) ([]string, error) {
	var (
		words   []string
		word    strings.Builder
		quote   byte
		started bool
	)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == 0 && isSpace(rune(c)):
			if started {
				words = append(words, word.String())
				word.Reset()
				started = false
			}
			continue
		case c == f.Escape && quote != '\'' && i+1 < len(text):
			word.WriteByte(c)
			i++
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
		started = true
		word.WriteByte(text[i])
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote (%c) does not end", quote)
	}
	if started {
		words = append(words, word.String())
	}
	return words, nil
}

// Variables are what a word may refer to.
type Variables func(name string) (value string, set bool)

// Expand replaces variables in a word and takes its quotes and escapes away.
func (f *File) Expand(word string, variables Variables) (string, error) {
	e := expander{text: word, escape: f.Escape, variables: variables}
	return e.until(0, true)
}

// ExpandText is Expand for text in which quotes mean nothing, such as a here-document.
func (f *File) ExpandText(text string, variables Variables) (string, error) {
	e := expander{text: text, escape: f.Escape, variables: variables}
	return e.until(0, false)
}

type expander struct {
	text      string
	at        int
	escape    byte
	variables Variables
	depth     int
}

const (
	// maxDepth is how deep one reference may lie in another's default.
	maxDepth = 20
	// maxLength is how long a word may become. Variables are made of variables, so that each of forty lines could be
	// twice as long as the one before it; and no program can be started with a longer text anyway.
	maxLength = 128 << 10
)

var errTooLong = fmt.Errorf("it is longer than %d bytes with its variables filled in", maxLength)

// until reads to the end of the text, or to that character outside of quotes, which is consumed.
func (e *expander) until(end byte, quotes bool) (string, error) {
	var out strings.Builder
	double := false
	for e.at < len(e.text) {
		c := e.text[e.at]
		e.at++
		switch {
		case c == end && end != 0 && !double:
			return out.String(), nil
		case c == e.escape && e.at < len(e.text):
			next := e.text[e.at]
			e.at++
			// Within double quotes, and in text, the escape is itself before most characters, as to a shell.
			if (double || !quotes) && !strings.ContainsRune(`"$`, rune(next)) && next != e.escape {
				out.WriteByte(c)
			}
			if !quotes && next == '"' {
				out.WriteByte(c)
			}
			out.WriteByte(next)
		case quotes && c == '\'' && !double:
			closing := strings.IndexByte(e.text[e.at:], '\'')
			if closing < 0 {
				return "", errors.New("a quote (') does not end")
			}
			out.WriteString(e.text[e.at : e.at+closing])
			e.at += closing + 1
		case quotes && c == '"':
			double = !double
		case c == '$':
			value, err := e.reference()
			if err != nil {
				return "", err
			}
			if out.Len()+len(value) > maxLength {
				return "", errTooLong
			}
			out.WriteString(value)
		default:
			out.WriteByte(c)
		}
	}
	if double {
		return "", errors.New(`a quote (") does not end`)
	}
	if end != 0 {
		return "", fmt.Errorf("a reference to a variable does not end in %c", end)
	}
	return out.String(), nil
}

// reference reads what follows a dollar sign.
func (e *expander) reference() (string, error) {
	if e.at == len(e.text) || e.text[e.at] != '{' {
		name := e.name()
		if name == "" {
			return "$", nil
		}
		value, _ := e.variables(name)
		return value, nil
	}
	if e.depth++; e.depth > maxDepth {
		return "", errors.New("references to variables lie too deep in each other")
	}
	defer func() { e.depth-- }()
	e.at++
	name := e.name()
	if name == "" {
		return "", errors.New("${ is not followed by the name of a variable")
	}
	if e.at == len(e.text) {
		return "", fmt.Errorf("${%s does not end in }", name)
	}
	value, set := e.variables(name)
	c := e.text[e.at]
	e.at++
	if c == '}' {
		return value, nil
	}
	if c == ':' && e.at < len(e.text) {
		set = set && value != ""
		c = e.text[e.at]
		e.at++
	}
	word, err := e.until('}', true)
	if err != nil {
		return "", err
	}
	switch c {
	case '-':
		if set {
			return value, nil
		}
		return word, nil
	case '+':
		if set {
			return word, nil
		}
		return "", nil
	case '?':
		if set {
			return value, nil
		}
		if word == "" {
			word = "it is not set"
		}
		return "", fmt.Errorf("variable %s: %s", name, word)
	}
	return "", fmt.Errorf("${%s%c…} is not supported; ${%s}, :-, :+ and :? are", name, c, name)
}

// name reads the name of a variable: letters, digits and _; an empty one if there is none.
func (e *expander) name() string {
	begin := e.at
	for e.at < len(e.text) {
		c := e.text[e.at]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (e.at == begin || c < '0' || c > '9') {
			break
		}
		e.at++
	}
	return e.text[begin:e.at]
}

// Pair is a key with its value.
type Pair struct{ Key, Value string }

// Pairs reads KEY=value KEY=value… of ENV and LABEL, or the older KEY value, whose value is the rest of the line. Words
// stay quoted, for Expand.
func (f *File) Pairs(rest string) ([]Pair, error) {
	words, err := f.Split(rest)
	if err != nil {
		return nil, err
	}
	if len(words) > 0 && !strings.Contains(words[0], "=") {
		key, value, _ := cutSpace(rest)
		if value == "" {
			return nil, fmt.Errorf("%s has no value; write %s=value", key, key)
		}
		return []Pair{{key, value}}, nil
	}
	var pairs []Pair
	for _, word := range words {
		key, value, found := strings.Cut(word, "=")
		if !found || key == "" {
			return nil, fmt.Errorf("%q is not of the form key=value", word)
		}
		pairs = append(pairs, Pair{key, value})
	}
	return pairs, nil
}
