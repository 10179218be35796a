// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"coxswain.dev/coxswain/internal/images"
)

// write makes a folder of these files; a name that ends in / is a folder, content that begins with -> a link.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, name)
		dir := filepath.Dir(file)
		if strings.HasSuffix(name, "/") {
			dir = file
		}
		err := os.MkdirAll(dir, 0o755)
		if err != nil {
			t.Fatal(err)
		}
		if target, link := strings.CutPrefix(content, "->"); link {
			err = os.Symlink(target, file)
		} else if !strings.HasSuffix(name, "/") {
			err = os.WriteFile(file, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// base is an image as others make them: /bin is a link, and there are users.
func base(t *testing.T) v1.Image {
	t.Helper()
	made, err := images.Build(images.Spec{
		Name: "coxswain.dev/base:v1", Dirs: []string{"/tmp", "/opt"},
		Files: map[string]images.File{
			"/usr/bin/sh":  {Content: []byte("shell"), Mode: 0o4755},
			"/etc/passwd":  {Content: []byte("root:x:0:0::/:\napp:x:10:20:::\n"), Mode: 0o644},
			"/etc/group":   {Content: []byte("root:x:0:\nstaff:x:50:\n"), Mode: 0o644},
			"/data/shared": {Content: []byte("base's"), Mode: 0o644},
		},
		Links: map[string]string{"/bin": "usr/bin"}, Entrypoint: []string{"/bin/sh"}, Cmd: []string{"-l"}, Env: []string{"PATH=/bin", "A=base"}, User: "app",
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.Image
}

type nodes map[string]v1.Image

func (n nodes) find(_ context.Context, name string) (v1.Image, error) {
	if image, ok := n[name]; ok {
		return image, nil
	}
	return nil, ErrNoBase
}

// run builds and returns the configuration and what the whole image holds, one line a path.
func run(t *testing.T, config Config) (*v1.ConfigFile, map[string]string, error) {
	t.Helper()
	config.Base = nodes{"docker.io/library/base:v1": base(t)}.find
	built, err := Build(t.Context(), config)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err := built.Close(); err != nil {
			t.Error(err)
		}
	}()
	made, err := built.Image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	reader := &build{}
	whole, err := reader.bring(t.Context(), built.Image) // as a runtime would lay the layers over each other
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.closeLayers() }()
	found := map[string]string{}
	for name, n := range whole.tree.nodes {
		line := fmt.Sprintf("%o %d:%d", n.header.Mode, n.header.Uid, n.header.Gid)
		switch n.header.Typeflag {
		case tar.TypeReg:
			content, err := whole.tree.open(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(content)
			if err != nil {
				t.Fatal(err)
			}
			line += " " + string(data)
		case tar.TypeDir:
			line = "dir " + line
		case tar.TypeSymlink:
			line = "->" + n.header.Linkname
		}
		if name != "" {
			found[name] = line
		}
	}
	return made, found, nil
}

func tgz(t *testing.T, name, content string) string {
	t.Helper()
	var buffer bytes.Buffer
	zip := gzip.NewWriter(&buffer)
	writer := tar.NewWriter(zip)
	err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Uid: 7, Gid: 8, Size: int64(len(content))})
	if err == nil {
		_, err = io.WriteString(writer, content)
	}
	if err := errors.Join(err, writer.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return buffer.String()
}

func TestFiles(t *testing.T) {
	for name, test := range map[string]struct {
		context map[string]string
		file    string
		args    map[string]string
		target  string
		want    map[string]string
	}{
		"a file, to a name and into a folder": {
			map[string]string{"a": "A"}, "FROM scratch\nCOPY a /x\nCOPY a /d/\nCOPY a .\nCOPY a /d", nil, "",
			map[string]string{"x": "644 0:0 A", "a": "644 0:0 A", "d": "dir 755 0:0", "d/a": "644 0:0 A"},
		},
		"a folder's content, with links as they are": {
			map[string]string{"s/a": "A", "s/e/": "", "s/d/b": "B", "s/l": "->d/b", "s/dangling": "->/none"}, "FROM scratch\nCOPY s /t", nil, "",
			map[string]string{"t": "dir 755 0:0", "t/a": "644 0:0 A", "t/e": "dir 755 0:0", "t/d": "dir 755 0:0", "t/d/b": "644 0:0 B", "t/l": "->d/b", "t/dangling": "->/none"},
		},
		"a link that is named is followed": {
			map[string]string{"a": "A", "l": "->a"}, "FROM scratch\nCOPY l /x/", nil, "",
			map[string]string{"x": "dir 755 0:0", "x/l": "644 0:0 A"},
		},
		"patterns, several sources, the exec form": {
			map[string]string{"a.go": "1", "b.go": "2", "c.txt": "3", "d e": "4"}, "FROM scratch\nCOPY *.go c.txt /s/\nCOPY [\"d e\", \"/\"]", nil, "",
			map[string]string{"s": "dir 755 0:0", "s/a.go": "644 0:0 1", "s/b.go": "644 0:0 2", "s/c.txt": "644 0:0 3", "d e": "644 0:0 4"},
		},
		"owner and mode": {
			map[string]string{"a": "A"}, "FROM scratch\nCOPY --chown=1:2 --chmod=0750 a /d/x", nil, "",
			map[string]string{"d": "dir 755 1:2", "d/x": "750 1:2 A"},
		},
		"what is ignored stays out, and what is not ignored again comes in": {
			map[string]string{".dockerignore": "*\n!src/*.go\nsrc/b.go", "src/a.go": "A", "src/b.go": "B", "secret": "S"}, "FROM scratch\nCOPY . /", nil, "",
			map[string]string{"src": "dir 755 0:0", "src/a.go": "644 0:0 A"},
		},
		"a folder that is made for a user": {
			nil, "FROM scratch\nUSER 5:6\nWORKDIR a\nWORKDIR b", nil, "", map[string]string{"a": "dir 755 5:6", "a/b": "dir 755 5:6"},
		},
		"stages, by name and by number, and those that nobody needs are not built": {
			map[string]string{"a": "A"}, "FROM scratch AS One\nCOPY --chown=3:4 a /x/a\nFROM base:none AS never\nFROM scratch\nCOPY --from=one /x /y\nCOPY --from=0 /x/a /z", nil, "",
			map[string]string{"y": "dir 755 0:0", "y/a": "644 3:4 A", "z": "644 3:4 A"},
		},
		"a stage from a stage": {
			map[string]string{"a": "A", "b": "B"}, "FROM scratch AS one\nCOPY a /\nFROM one\nCOPY b /", nil, "", map[string]string{"a": "644 0:0 A", "b": "644 0:0 B"},
		},
		"the wanted stage": {
			map[string]string{"a": "A"}, "FROM scratch AS one\nCOPY a /\nFROM scratch\nCOPY none /", nil, "one", map[string]string{"a": "644 0:0 A"},
		},
		"arguments": {
			map[string]string{"v2": "V"}, "ARG from=none\nARG v=1\nFROM ${from} AS x\nARG v\nARG d=$v\nENV t=${d}\nCOPY v$t /${TARGETARCH}v${missing:-x}",
			map[string]string{"from": "scratch", "v": "2"}, "", map[string]string{"vx": "644 0:0 V"},
		},
		"text from the file itself": {
			nil, "FROM scratch\nENV a=b\nCOPY <<one <<'two' /d/\n$a\none\n$a\ntwo\nCOPY <<EOF /e\ne\nEOF", nil, "",
			map[string]string{"d": "dir 755 0:0", "d/one": "644 0:0 b\n", "d/two": "644 0:0 $a\n", "e": "644 0:0 e\n"},
		},
		"archives, which ADD unpacks and COPY does not": {
			map[string]string{"a.tgz": tgz(t, "in/x", "X"), "plain": "P"}, "FROM scratch\nADD a.tgz plain /d/\n", nil, "",
			map[string]string{"d": "dir 755 0:0", "d/in": "dir 755 0:0", "d/in/x": "600 7:8 X", "d/plain": "644 0:0 P"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.context = withFile(test.context, test.file)
			_, got, err := run(t, Config{Context: write(t, test.context), File: "", Args: test.args, Target: test.target})
			if err != nil {
				t.Fatal(err)
			}
			delete(got, "Dockerfile")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func withFile(context map[string]string, file string) map[string]string {
	all := map[string]string{"Dockerfile": file}
	for name, content := range context {
		all[name] = content
	}
	return all
}

func TestFilesOnABase(t *testing.T) {
	context := write(t, withFile(map[string]string{"a": "A", "tree/bin/tool": "T", "tree/tmp/t": "t"}, strings.Join([]string{
		"FROM base:v1", "COPY a /bin/a", "COPY a /opt", "COPY --chown=app a /data/new", "COPY --chown=app:staff a /data/shared", "COPY tree /", "COPY --from=base:v1 /bin/sh /sh",
	}, "\n")))
	_, got, err := run(t, Config{Context: context})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"usr": "dir 755 0:0", "usr/bin": "dir 755 0:0", "usr/bin/sh": "4755 0:0 shell", "usr/bin/a": "644 0:0 A", "usr/bin/tool": "644 0:0 T",
		"bin": "->usr/bin", "opt": "dir 755 0:0", "opt/a": "644 0:0 A", "data": "dir 755 0:0", "data/new": "644 10:20 A", "data/shared": "644 10:50 A",
		"tmp": "dir 755 0:0", "tmp/t": "644 0:0 t", "sh": "4755 0:0 shell",
		"etc": "dir 755 0:0", "etc/passwd": "644 0:0 root:x:0:0::/:\napp:x:10:20:::\n", "etc/group": "644 0:0 root:x:0:\nstaff:x:50:\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestConfiguration(t *testing.T) {
	scratch := func(lines string) string { return "FROM scratch\n" + lines }
	path := "PATH=" + defaultPath
	for name, test := range map[string]struct {
		file string
		want v1.Config
	}{
		"the exec and the shell form": {scratch("ENTRYPOINT [\"/a\", \"$b\"]\nCMD c  d $e"), v1.Config{
			Env: []string{path}, Entrypoint: []string{"/a", "$b"}, Cmd: []string{"/bin/sh", "-c", "c  d $e"},
		}},
		"another shell": {scratch("SHELL [\"/x\"]\nCMD c"), v1.Config{Env: []string{path}, Cmd: []string{"/x", "c"}, Shell: []string{"/x"}}},
		"variables, old and new, that see those before": {scratch("ENV A=1 B=\"2 3\"\nENV A=$B$A C=$A\nENV D e f"), v1.Config{
			Env: []string{"B=2 3", "A=2 31", "C=1", "D=e f", path},
		}},
		"the rest": {scratch("LABEL a.b=\"c d\" e=f\nEXPOSE 80 53/udp 1000-1001\nVOLUME [\"/v\"]\nWORKDIR /w\nVOLUME x /y\nUSER 1:2\nSTOPSIGNAL SIGINT\nHEALTHCHECK --interval=1s CMD x"), v1.Config{
			Env: []string{path}, Labels: map[string]string{"a.b": "c d", "e": "f"}, User: "1:2", WorkingDir: "/w", StopSignal: "SIGINT",
			ExposedPorts: map[string]struct{}{"80/tcp": {}, "53/udp": {}, "1000/tcp": {}, "1001/tcp": {}}, Volumes: map[string]struct{}{"/v": {}, "/w/x": {}, "/y": {}},
		}},
		"a base's, less its command when the entrypoint is another": {"FROM base:v1\nENTRYPOINT [\"/x\"]\nENV A=$A-mine", v1.Config{
			Env: []string{"PATH=/bin", "A=base-mine"}, Entrypoint: []string{"/x"}, User: "app",
		}},
		"a base's, with a command of one's own": {"FROM base:v1\nCMD [\"/y\"]\nENTRYPOINT [\"/x\"]", v1.Config{
			Env: []string{"PATH=/bin", "A=base"}, Entrypoint: []string{"/x"}, Cmd: []string{"/y"}, User: "app",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			config, _, err := run(t, Config{Context: write(t, withFile(nil, test.file))})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, config.Config); diff != "" {
				t.Error(diff)
			}
			if config.OS != "linux" || config.Architecture != runtime.GOARCH {
				t.Errorf("made for %s/%s", config.OS, config.Architecture)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	files := map[string]string{"a": "A", "b": "B", "out": "->/etc/passwd", ".dockerignore": "ignored", "ignored": "I", "d/x": "X"}
	for file, want := range map[string]string{
		"COPY a /":                               "Dockerfile:1: COPY: only ARG may come before the first FROM",
		"ARG a":                                  "Dockerfile:1: no FROM says what to begin with; FROM scratch is an empty image",
		"FROM none:v1\nCOPY a /":                 "Dockerfile:1: FROM: no image \"none:v1\" is on a node or in an archive given with --base; put it there with `coxswain images load FILE`",
		"FROM a b":                               "Dockerfile:1: FROM: write FROM image, or FROM image AS name",
		"FROM $x":                                "Dockerfile:1: FROM: $x is empty; only ARGs before the first FROM count here, with their defaults or --build-arg",
		"FROM --platform=linux/vax scratch":      "Dockerfile:1: FROM: the platform linux/vax is not this machine's, linux/" + runtime.GOARCH,
		"FROM scratch\n\nRUN make":               "Dockerfile:3: RUN: running programs needs a node, and no cluster runs here; start one with `coxswain up`, or run it before the build and COPY what it makes",
		"FROM scratch\nONBUILD COPY a /":         "Dockerfile:2: ONBUILD: it is not supported; write its instruction where the image is used",
		"FROM scratch\nCOPY x /":                 `Dockerfile:2: COPY: no such file "x" in the context CONTEXT`,
		"FROM scratch\nCOPY *.x /":               `Dockerfile:2: COPY: nothing in the context CONTEXT matches "*.x"`,
		"FROM scratch\nCOPY ignored /":           `Dockerfile:2: COPY: "ignored" is in the context CONTEXT, but .dockerignore leaves it out`,
		"FROM scratch\nCOPY ../a /":              `Dockerfile:2: COPY: "../a" leads out of the context CONTEXT`,
		"FROM scratch\nCOPY d/../../a /":         `Dockerfile:2: COPY: "d/../../a" leads out of the context CONTEXT`,
		"FROM scratch\nCOPY out /":               `Dockerfile:2: COPY: reading "out" in the context CONTEXT: statat out: path escapes from parent`,
		"FROM scratch\nCOPY a b /x":              "Dockerfile:2: COPY: several files go into a folder, whose name ends in /: /x/",
		"FROM scratch\nCOPY a":                   "Dockerfile:2: COPY: it needs a source and a destination",
		"FROM scratch\nCOPY --parents a /":       "Dockerfile:2: COPY: the flag --parents is not supported; there are --from, --chown, --chmod, --link",
		"FROM scratch\nCOPY --chown a /":         "Dockerfile:2: COPY: the flag --chown needs a value: --chown=…",
		"FROM scratch\nCOPY --chmod=u+x a /":     `Dockerfile:2: COPY: --chmod: "u+x" is no mode in octal digits, such as 0755`,
		"FROM scratch\nCOPY --chown=app a /":     `Dockerfile:2: COPY: --chown: no "app" is in /etc/passwd of the image; use a number`,
		"FROM scratch\nCOPY --from=1 a /":        "Dockerfile:2: COPY: --from: there is no stage 1 before this one",
		"FROM scratch\nADD https://x.example/ /": "Dockerfile:2: ADD: https://x.example/ is not on this machine; download it first, and copy the file",
		"FROM scratch\nCOPY a /f\nCOPY d /f":     `Dockerfile:3: COPY: "d": /f is no folder in the image; a folder can't be put in its place`,
		"FROM scratch\nENV a":                    "Dockerfile:2: ENV: a has no value; write a=value",
		"FROM scratch\nEXPOSE x":                 `Dockerfile:2: EXPOSE: "x" is not of the form port, port/protocol or first-last`,
		"FROM scratch\nEXPOSE 9-8":               `Dockerfile:2: EXPOSE: there are no ports "9-8"`,
		"FROM scratch\nSHELL sh":                 `Dockerfile:2: SHELL: it needs the exec form: SHELL ["/bin/sh", "-c"]`,
		"FROM scratch\nUSER $none":               "Dockerfile:2: USER: $none is empty",
	} {
		context := write(t, withFile(files, file))
		_, _, err := run(t, Config{Context: context})
		if err == nil {
			t.Errorf("%q was accepted", file)
		} else if got := strings.ReplaceAll(err.Error(), context, "CONTEXT"); got != want {
			t.Errorf("%q:\n got %s\nwant %s", file, got, want)
		}
	}
	if _, _, err := run(t, Config{Context: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "neither a Dockerfile nor a Containerfile") {
		t.Errorf("an empty folder: %v", err)
	}
}

func TestTheSameFilesGiveTheSameImage(t *testing.T) {
	files := withFile(map[string]string{"a": "A", "d/b": "B", "d/c": "C"}, "FROM scratch\nLABEL z=1 a=2\nCOPY . /app\nEXPOSE 80 81 82\n")
	var digests []v1.Hash
	for i := range 2 {
		dir := write(t, files)
		if err := os.Chtimes(filepath.Join(dir, "a"), time.Time{}, time.Unix(int64(i)*1000, 0)); err != nil {
			t.Fatal(err)
		}
		built, err := Build(t.Context(), Config{Context: dir})
		if err != nil {
			t.Fatal(err)
		}
		digest, err := built.Image.Digest()
		if err := errors.Join(err, built.Close()); err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("the digests differ: %v", digests)
	}
}

func TestWhiteoutsOfABaseCount(t *testing.T) {
	image := newTree()
	entries := func(from *layer, names ...string) {
		for _, name := range names {
			header := &tar.Header{Typeflag: tar.TypeReg, Name: name}
			if strings.HasSuffix(name, "/") {
				header.Typeflag = tar.TypeDir
			}
			if err := image.apply(header, from, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries(&layer{}, "a/", "a/x", "a/y", "b/", "b/x", "c")
	entries(&layer{}, "a/.wh.x", "b/", "b/new", "b/.wh..wh..opq", ".wh.c")
	got := map[string]bool{}
	for name := range image.nodes {
		got[name] = true
	}
	if diff := cmp.Diff(map[string]bool{"": true, "a": true, "a/y": true, "b": true, "b/new": true}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnInterruptedBuildEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Build(ctx, Config{Context: write(t, withFile(map[string]string{"a": "A"}, "FROM scratch\nCOPY a /"))}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
