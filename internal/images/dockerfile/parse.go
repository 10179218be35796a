// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// File is a Dockerfile, read.
type File struct {
	Name string
	// Escape continues lines and takes a character's meaning away: a backslash, unless the file says otherwise.
	Escape       byte
	Instructions []Instruction
}

// Instruction of a Dockerfile.
type Instruction struct {
	// Line is where it begins, counted from 1.
	Line int
	// Keyword in upper case.
	Keyword string
	Flags   []Flag
	// Rest is what follows, with continued lines joined.
	Rest string
	// Heredocs are the documents that follow the instruction's line, in the order in which Rest names them.
	Heredocs []Heredoc
}

// Flag is --name=value, or --name, whose value is empty.
type Flag struct{ Name, Value string }

// Heredoc is text that stands in the file itself.
type Heredoc struct {
	// Word is how the instruction names it, such as <<EOF, and Name what is between the brackets and quotes.
	Word, Name, Content string
	// Expand says that variables in it are replaced.
	Expand bool
}

// maxSize of a file: one that is larger is no Dockerfile.
const maxSize = 1 << 20

// keywords are the instructions there are, and whether flags may follow them.
var keywords = map[string]bool{
	"ADD": true, "ARG": false, "CMD": false, "COPY": true, "ENTRYPOINT": false, "ENV": false, "EXPOSE": false, "FROM": true,
	"HEALTHCHECK": true, "LABEL": false, "MAINTAINER": false, "ONBUILD": false, "RUN": true, "SHELL": false, "STOPSIGNAL": false,
	"USER": false, "VOLUME": false, "WORKDIR": false,
}

// takesHeredocs are the instructions after which << begins a document.
var takesHeredocs = []string{"ADD", "COPY", "RUN"}

var (
	directive = regexp.MustCompile(`^#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$`)
	heredoc   = regexp.MustCompile(`<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_]*)(["']?)`)
)

// Parse reads a Dockerfile; name is what errors call it.
func Parse(name string, data []byte) (*File, error) {
	file := &File{Name: name, Escape: '\\'}
	fail := func(line int, keyword string, err error) (*File, error) {
		return nil, &Error{File: name, Line: line, Keyword: keyword, Err: err}
	}
	if len(data) > maxSize {
		return fail(1, "", fmt.Errorf("the file has %d bytes, too many for a Dockerfile", len(data)))
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	if err := file.directives(lines); err != nil {
		return fail(1, "", err)
	}
	for at := 0; at < len(lines); {
		begin := at
		if blank(lines[at]) {
			at++
			continue
		}
		text := ""
		text, at = file.join(lines, at)
		instruction, err := read(text)
		instruction.Line = begin + 1
		if err != nil {
			return fail(instruction.Line, instruction.Keyword, err)
		}
		if slices.Contains(takesHeredocs, instruction.Keyword) {
			if at, err = instruction.documents(lines, at); err != nil {
				return fail(instruction.Line, instruction.Keyword, err)
			}
		}
		file.Instructions = append(file.Instructions, instruction)
	}
	if len(file.Instructions) == 0 {
		return fail(1, "", errors.New("the file has no instructions"))
	}
	return file, nil
}

func blank(line string) bool {
	trimmed := strings.TrimSpace(line)
	return trimmed == "" || trimmed[0] == '#'
}

// directives are comments at the very top that say how the file is to be read.
func (f *File) directives(lines []string) error {
	for _, line := range lines {
		found := directive.FindStringSubmatch(strings.TrimSpace(line))
		if found == nil {
			return nil
		}
		if strings.EqualFold(found[1], "escape") {
			if found[2] != `\` && found[2] != "`" {
				return fmt.Errorf("the escape character is %q; it may be \\ or `", found[2])
			}
			f.Escape = found[2][0]
		}
	}
	return nil
}

// join puts a line and those that continue it together; comments and empty lines between them do not count.
func (f *File) join(lines []string, at int) (string, int) {
	var text strings.Builder
	for first := true; at < len(lines); first = false {
		line := lines[at]
		at++
		if !first && blank(line) {
			continue
		}
		trimmed := strings.TrimRight(line, " \t")
		rest, continued := strings.CutSuffix(trimmed, string(f.Escape))
		if !continued {
			text.WriteString(line)
			break
		}
		text.WriteString(rest)
	}
	return strings.TrimSpace(text.String()), at
}

// read takes an instruction's text apart.
func read(text string) (Instruction, error) {
	word, rest, _ := cutSpace(text)
	instruction := Instruction{Keyword: strings.ToUpper(word)}
	flags, known := keywords[instruction.Keyword]
	if !known {
		return Instruction{}, fmt.Errorf("there is no instruction %q", word)
	}
	for flags && strings.HasPrefix(rest, "--") {
		word, rest, _ = cutSpace(rest)
		if word == "--" {
			break
		}
		name, value, _ := strings.Cut(word[2:], "=")
		instruction.Flags = append(instruction.Flags, Flag{Name: name, Value: value})
	}
	instruction.Rest = rest
	if rest == "" {
		return instruction, errors.New("something has to follow it")
	}
	return instruction, nil
}

// cutSpace splits text around its first run of white space.
func cutSpace(text string) (before, after string, found bool) {
	at := strings.IndexFunc(text, isSpace)
	if at < 0 {
		return text, "", false
	}
	return text[:at], strings.TrimLeftFunc(text[at:], isSpace), true
}

func isSpace(r rune) bool {
	return r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == '\v' || r == '\f'
}

// documents reads the here-documents that the instruction names, from the lines that follow it.
func (i *Instruction) documents(lines []string, at int) (int, error) {
	if _, exec := Exec(i.Rest); exec {
		return at, nil
	}
	for _, found := range heredoc.FindAllStringSubmatch(i.Rest, -1) {
		if found[2] != found[4] {
			continue // not a name in quotes
		}
		document := Heredoc{Word: found[0], Name: found[3], Expand: found[2] == ""}
		var content strings.Builder
		for ended := false; !ended; at++ {
			if at == len(lines) {
				return at, fmt.Errorf("the text after %s does not end: no line is %s", document.Word, document.Name)
			}
			line := lines[at]
			if found[1] == "-" {
				line = strings.TrimLeft(line, "\t")
			}
			if ended = line == document.Name; !ended {
				content.WriteString(line + "\n")
			}
		}
		document.Content = content.String()
		i.Heredocs = append(i.Heredocs, document)
	}
	return at, nil
}
