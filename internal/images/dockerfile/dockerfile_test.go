// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package dockerfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		file string
		want []Instruction
	}{
		"an instruction a line, in any case": {
			"from scratch\nCopy a /b\n",
			[]Instruction{{Line: 1, Keyword: "FROM", Rest: "scratch"}, {Line: 2, Keyword: "COPY", Rest: "a /b"}},
		},
		"comments, empty lines, and lines that go on": {
			"# a comment\n\n  # another\nENV a=b \\\n  # between\n\n  c=d\nUSER 1\r\n",
			[]Instruction{{Line: 4, Keyword: "ENV", Rest: "a=b   c=d"}, {Line: 8, Keyword: "USER", Rest: "1"}},
		},
		"flags": {
			"COPY --from=build --link --chown=1:2 a b --c",
			[]Instruction{{Line: 1, Keyword: "COPY", Flags: []Flag{{"from", "build"}, {"link", ""}, {"chown", "1:2"}}, Rest: "a b --c"}},
		},
		"no flags where there are none": {"CMD --serve", []Instruction{{Line: 1, Keyword: "CMD", Rest: "--serve"}}},
		"another escape character": {
			"# syntax=docker/dockerfile:1\n# escape=`\nCMD a `\n  b\\\n",
			[]Instruction{{Line: 3, Keyword: "CMD", Rest: "a   b\\"}},
		},
		"a directive below a comment is a comment": {
			"# hello\n# escape=`\nCMD a \\\nb",
			[]Instruction{{Line: 3, Keyword: "CMD", Rest: "a b"}},
		},
		"here-documents": {
			"COPY <<a <<-'b' /x/\n1 # no comment\na\n\t2 \\\n\tb\nUSER 1\n",
			[]Instruction{
				{Line: 1, Keyword: "COPY", Rest: "<<a <<-'b' /x/", Heredocs: []Heredoc{
					{Word: "<<a", Name: "a", Content: "1 # no comment\n", Expand: true}, {Word: "<<-'b'", Name: "b", Content: "2 \\\n"},
				}},
				{Line: 6, Keyword: "USER", Rest: "1"},
			},
		},
		"a byte order mark": {"\xef\xbb\xbfUSER 1", []Instruction{{Line: 1, Keyword: "USER", Rest: "1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := Parse("Dockerfile", []byte(test.file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, file.Instructions); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for file, want := range map[string]string{
		"":                             "Dockerfile:1: the file has no instructions",
		"# only\n# comments":           "Dockerfile:1: the file has no instructions",
		"FROM scratch\n\nCOPPY a b":    `Dockerfile:3: there is no instruction "COPPY"`,
		"FROM scratch\nUSER":           "Dockerfile:2: USER: something has to follow it",
		"COPY --from=a":                "Dockerfile:1: COPY: something has to follow it",
		"# escape=x\nUSER 1":           "Dockerfile:1: the escape character is \"x\"; it may be \\ or `",
		"COPY <<EOF /a\ntext\n":        "Dockerfile:1: COPY: the text after <<EOF does not end: no line is EOF",
		strings.Repeat("#\n", maxSize): "Dockerfile:1: the file has 2097152 bytes, too many for a Dockerfile",
	} {
		if _, err := Parse("Dockerfile", []byte(file)); err == nil || err.Error() != want {
			t.Errorf("%.40q: got %v, want %s", file, err, want)
		}
	}
}

func TestExpand(t *testing.T) {
	variables := func(name string) (string, bool) {
		value, set := map[string]string{"a": "A", "a_1": "A1", "empty": ""}[name]
		return value, set
	}
	for word, want := range map[string]string{
		"plain": "plain", "$a": "A", "${a}b": "Ab", "$ab": "", "$a_1": "A1", "$": "$", "$1": "$1", "a$": "a$",
		`'$a'`: "$a", `"$a b"`: "A b", `\$a`: "$a", `"\$a\x\""`: `$a\x"`, `a\ b`: "a b", `'a\b'`: `a\b`,
		"${no:-x}": "x", "${no-x}": "x", "${empty:-x}": "x", "${empty-x}": "", "${a:-x}": "A", "${a:+x}": "x", "${no:+x}": "",
		"${empty+x}": "x", "${no:-${a}y}": "Ay", `${no:-"}"}`: "}", "${a:?needed}": "A", "/${a}/$a/": "/A/A/",
	} {
		got, err := (&File{Escape: '\\'}).Expand(word, variables)
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", word, got, err, want)
		}
	}
	for word, want := range map[string]string{
		"${a": "does not end", "${": "not followed by the name", "${a#x}": "not supported", `"$a`: `a quote (") does not end`, "'": "a quote (') does not end",
		"${no:?say why}": "variable no: say why", "${no?}": "variable no: it is not set", strings.Repeat("${no:-", 30): "too deep",
	} {
		if got, err := (&File{Escape: '\\'}).Expand(word, variables); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v; want %q", word, got, err, want)
		}
	}
	if got, err := (&File{Escape: '\\'}).ExpandText("it's \"$a\" \\$a \\n \\\"\n", variables); err != nil || got != "it's \"A\" $a \\n \\\"\n" {
		t.Errorf("text: got %q, %v", got, err)
	}
}

func TestPairs(t *testing.T) {
	for rest, want := range map[string][]Pair{
		"a=b":                {{"a", "b"}},
		`a="b c" d='e f' g=`: {{"a", `"b c"`}, {"d", `'e f'`}, {"g", ""}},
		`a=b\ c`:             {{"a", `b\ c`}},
		"a b c=d":            {{"a", "b c=d"}},
	} {
		got, err := (&File{Escape: '\\'}).Pairs(rest)
		if err != nil {
			t.Errorf("%s: %v", rest, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", rest, diff)
		}
	}
	for _, rest := range []string{"a", "a=b c", "=b", `a="b`} {
		if got, err := (&File{Escape: '\\'}).Pairs(rest); err == nil {
			t.Errorf("%s: accepted as %v", rest, got)
		}
	}
}

func TestExec(t *testing.T) {
	for rest, want := range map[string][]string{`["a", "b c"]`: {"a", "b c"}, "[]": {}, "a b": nil, "[ -f x ] && y": nil, "['a']": nil, "[1]": nil} {
		got, exec := Exec(rest)
		if exec != (want != nil) {
			t.Errorf("%s: exec form is %v", rest, exec)
		}
		if diff := cmp.Diff(want, got); exec && diff != "" {
			t.Errorf("%s: %s", rest, diff)
		}
	}
}

func TestWordsDoNotGrowWithoutEnd(t *testing.T) {
	file, err := Parse("f", []byte("FROM scratch\n"))
	if err != nil {
		t.Fatal(err)
	}
	value, lines := "0123456789", 0
	for ; lines < 64; lines++ { // each ENV twice as long as the one before it
		next, err := file.Expand("$a${b:-$a}", func(name string) (string, bool) { return value, name == "a" })
		if err != nil {
			if !strings.Contains(err.Error(), "longer than 131072 bytes") {
				t.Errorf("got %v", err)
			}
			break
		}
		value = next
	}
	if lines != 13 {
		t.Errorf("it took %d lines, to %d bytes", lines, len(value))
	}
}

// FuzzParse reads any bytes: an error that names a line, or instructions whose words can be read, and never a panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte("# escape=`\nFROM a AS b\nCOPY --from=b <<E \"x y\" ['z'] /\n$a\nE\nENV a=${b:-\"c\"} d='e' \\\n f=g\n"))
	f.Add([]byte("CMD [\"a\", \"b\"]\nENV a b\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("f", data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("the error names no line: %v", err)
			}
			return
		}
		for _, instruction := range file.Instructions {
			if instruction.Keyword != strings.ToUpper(instruction.Keyword) || instruction.Rest == "" || instruction.Line < 1 {
				t.Errorf("read %+v", instruction)
			}
			words, err := file.Split(instruction.Rest)
			for _, word := range words {
				_, _ = file.Expand(word, func(string) (string, bool) { return "", false }) // may fail, too
			}
			if err == nil {
				_, _ = file.Pairs(instruction.Rest)
			}
		}
	})
}
