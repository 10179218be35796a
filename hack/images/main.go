// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"coxswain.dev/coxswain/internal/images"
)

func main() {
	set := flag.String("set", "sample", "which images: sample or conformance")
	out := flag.String("out", "bin/images", "folder to put the tar files into")
	source := flag.String("source", "./hack/images/web", "package of the web server")
	var from sources
	flag.StringVar(&from.programs, "programs", "", "conformance: folder of the programs that the images run")
	flag.StringVar(&from.roots, "roots", "", "conformance: folder of the root file systems that the images begin with")
	flag.StringVar(&from.data, "data", "", "conformance: test/images of Kubernetes")
	flag.Parse()
	ctx := context.Background()
	var err error
	switch *set {
	case "sample":
		err = run(ctx, *source, *out)
	case "conformance":
		err = conformance(ctx, from, *out)
	default:
		err = fmt.Errorf("there is no set %q of images", *set)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, source, out string) error {
	for _, version := range []string{"v1", "v2"} {
		program, err := compile(ctx, source, "-X main.version="+version)
		if err != nil {
			return err
		}
		image, err := images.Build(web(version, program))
		if err != nil {
			return err
		}
		file := filepath.Join(out, "web-"+version+".tar")
		if err := images.Save(file, image); err != nil {
			return err
		}
		fmt.Printf("images: %s in %s\n", image.Name, file)
	}
	return nil
}

// compile builds a package as a static program.
func compile(ctx context.Context, source, ldflags string) (_ []byte, retErr error) {
	folder, err := os.MkdirTemp("", "coxswain-images-")
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", source, err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	program := filepath.Join(folder, "program")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w "+ldflags, "-o", program, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if output, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building %s: %w\n%s", source, err, output)
	}
	return os.ReadFile(program)
}

// web describes the image: the program, its tools by name, and what a user expects of a root file system.
func web(version string, program []byte) images.Spec {
	links := map[string]string{}
	for _, tool := range strings.Fields("cat ls echo env write hostname id sleep exit true false get lookup version") {
		links["/bin/"+tool] = "/web"
	}
	return images.Spec{
		Name: "coxswain.dev/web:" + version,
		Files: map[string]images.File{
			"/web":        {Content: program, Mode: 0o755},
			"/etc/passwd": {Content: []byte("root:x:0:0:root:/:/web\nnobody:x:65534:65534:nobody:/:/web\n"), Mode: 0o644},
			"/etc/group":  {Content: []byte("root:x:0:\nnobody:x:65534:\n"), Mode: 0o644},
		},
		Links:        links,
		Dirs:         []string{"/tmp"},
		Entrypoint:   []string{"/web"},
		Env:          []string{"PATH=/bin"},
		ExposedPorts: []string{"8080/tcp"},
	}
}
