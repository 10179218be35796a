// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"coxswain.dev/coxswain/internal/images"
)

// The suite names its images by registry. Nodes have them by that name and so never ask it.
const (
	registry = "registry.k8s.io/"
	tests    = registry + "e2e-test-images/"
)

// sources are the folders that hack/conformance/build.sh has filled.
type sources struct {
	programs, roots, data string
}

// archive is a file of images; those that share layers are together, so that the layers are in it once.
type archive struct {
	name   string
	images []images.Spec
}

// conformance builds every image that the conformance suite runs.
func conformance(ctx context.Context, from sources, out string) error {
	server, err := compile(ctx, "./hack/images/nginx", "")
	if err != nil {
		return err
	}
	contents, err := from.read()
	if err != nil {
		return fmt.Errorf("collecting what the images are made of: %w", err)
	}
	contents.nginx = server
	base, err := images.Build(contents.busybox(tests + "busybox:1.37.0-2"))
	if err != nil {
		return err
	}
	host, err := images.Build(contents.agnhost(tests + "agnhost:2.66.1"))
	if err != nil {
		return err
	}
	for _, archive := range contents.archives(base.Image, host.Image) {
		if err := pack(archive, out); err != nil {
			return err
		}
	}
	return nil
}

func pack(archive archive, out string) error {
	var built []images.Named
	for _, spec := range archive.images {
		image, err := images.Build(spec)
		if err != nil {
			return err
		}
		built = append(built, image)
	}
	file := filepath.Join(out, archive.name+".tar")
	if err := images.Save(file, built...); err != nil {
		return err
	}
	for _, image := range built {
		fmt.Printf("images: %s in %s\n", image.Name, file)
	}
	return nil
}

// contents is everything that goes into the images, read.
type contents struct {
	roots        map[string]root
	programs     map[string][]byte
	certificate  map[string]images.File
	nginx        []byte
	kitten, fish map[string]images.File
}

func (s sources) read() (contents, error) {
	c := contents{roots: map[string]root{}, programs: map[string][]byte{}}
	for _, name := range []string{"agnhost", "busybox"} {
		tree, err := readRoot(filepath.Join(s.roots, name))
		if err != nil {
			return c, err
		}
		c.roots[name] = tree
	}
	for _, name := range []string{"agnhost", "nnp", "pause", "etcd", "sample-apiserver"} {
		program, err := os.ReadFile(filepath.Join(s.programs, name))
		if err != nil {
			return c, err
		}
		c.programs[name] = program
	}
	for folder, into := range map[string]*map[string]images.File{
		"kitten/html": &c.kitten, "nautilus/html": &c.fish, "agnhost/porter": &c.certificate,
	} {
		tree, err := readRoot(filepath.Join(s.data, folder))
		if err != nil {
			return c, err
		}
		maps.DeleteFunc(tree.files, func(path string, _ images.File) bool { return filepath.Ext(path) == ".go" })
		*into = tree.files
	}
	return c, nil
}

func (c contents) archives(busybox, agnhost v1.Image) []archive {
	path := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	page := func(name string, files map[string]images.File) images.Spec {
		return images.Spec{Name: tests + name, Base: agnhost, Files: files, Env: path, Entrypoint: []string{"/agnhost"}, Cmd: []string{"test-webserver"}}
	}
	run := func(name, file string, program []byte, mode int64) images.Spec {
		return images.Spec{Name: name, Base: busybox, Env: path, Files: map[string]images.File{file: {Content: program, Mode: mode}}}
	}
	nonewprivs := run(tests+"nonewprivs:1.4", "/usr/local/bin/nnp", c.programs["nnp"], 0o6755)
	nonewprivs.Cmd = []string{"nnp"}
	etcd := run(registry+"etcd:3.7.0-0", "/usr/local/bin/etcd", c.programs["etcd"], 0o755)
	aggregated := run(tests+"sample-apiserver:1.29.2", "/sample-apiserver", c.programs["sample-apiserver"], 0o755)
	aggregated.Entrypoint = []string{"/sample-apiserver"}
	server := func(version string) images.Spec {
		spec := run(tests+"nginx:"+version, "/usr/sbin/nginx", c.nginx, 0o755)
		spec.Cmd = []string{"nginx", "-g", "daemon off;"}
		spec.ExposedPorts = []string{"80/tcp"}
		return spec
	}
	return []archive{
		{"pause", []images.Spec{{
			Name: registry + "pause:3.10.2", User: "65535:65535", Entrypoint: []string{"/pause"},
			Files: map[string]images.File{"/pause": {Content: c.programs["pause"], Mode: 0o755}},
		}}},
		{"busybox", []images.Spec{
			c.busybox(tests + "busybox:1.36.1-1"), c.busybox(tests + "busybox:1.37.0-2"), nonewprivs,
			{Name: tests + "nonroot:1.5", Base: busybox, Env: path, User: "1234", Cmd: []string{"sh"}},
			server("1.27.0-2"), server("1.28.0-2"),
		}},
		{"agnhost", []images.Spec{
			c.agnhost(tests + "agnhost:2.55"), c.agnhost(tests + "agnhost:2.66.1"), c.agnhost(tests + "glibc-dns-testing:2.1.1"),
			page("kitten:1.8", c.kitten), page("nautilus:1.8", c.fish),
		}},
		{"aggregation", []images.Spec{etcd, aggregated}},
	}
}

// accounts are the users and groups of an image.
func accounts(users, groups string) map[string]images.File {
	return map[string]images.File{
		"/etc/passwd": {Mode: 0o644, Content: []byte("root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\n" +
			"nobody:x:65534:65534:nobody:/home:/bin/false\n" + users)},
		"/etc/group": {Mode: 0o644, Content: []byte("root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n" + groups)},
	}
}

func (c contents) busybox(name string) images.Spec {
	root := c.roots["busybox"]
	files := accounts("", "")
	maps.Copy(files, root.files)
	return images.Spec{
		Name: name, Files: files, Links: root.links, Dirs: []string{"/tmp", "/root", "/home", "/var/spool", "/usr/sbin", "/usr/lib", "/usr/lib64"},
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, Cmd: []string{"sh"},
	}
}

// agnhost is the suite's own program, with the tools that tests call beside it.
func (c contents) agnhost(name string) images.Spec {
	root := c.roots["agnhost"]
	files := accounts("user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n",
		"user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n")
	maps.Copy(files, root.files)
	maps.Copy(files, c.certificate)
	// Debian's package of getent writes this file in a script, which did not run.
	files["/etc/nsswitch.conf"] = images.File{Content: []byte("passwd: files\ngroup: files\nhosts: files dns\n"), Mode: 0o644}
	files["/agnhost"] = images.File{Content: c.programs["agnhost"], Mode: 0o755}
	links := maps.Clone(root.links)
	links["/agnhost-2"] = "agnhost"
	return images.Spec{
		Name: name, Files: files, Links: links, Dirs: []string{"/tmp", "/root", "/uploads", "/home/user-defined-in-image"},
		Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, Entrypoint: []string{"/agnhost"}, Cmd: []string{"pause"},
	}
}
