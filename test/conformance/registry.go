// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"coxswain.dev/coxswain/internal/images"
)

// mirrored is the registry that the suite's images are named after.
const mirrored = "registry.k8s.io"

// registry answers pulls of images that are in archives, for tests that pull although the image is there. It speaks the
// part of the OCI distribution protocol that a pull needs, and stores nothing.
type registry struct {
	archives  []*images.Archive
	manifests map[string]v1.Image // by repository:tag and repository@digest
	blobs     map[string]func() (io.ReadCloser, error)
	sizes     map[string]int64

	listener net.Listener
	server   *http.Server
}

// newRegistry reads what the archives have. Names without mirrored in front are left out.
func newRegistry(ctx context.Context, files []string) (_ *registry, retErr error) {
	r := &registry{manifests: map[string]v1.Image{}, blobs: map[string]func() (io.ReadCloser, error){}, sizes: map[string]int64{}}
	defer func() {
		if retErr != nil {
			retErr = errors.Join(fmt.Errorf("preparing a registry: %w", retErr), r.close())
		}
	}()
	for _, file := range files {
		archive, err := images.Open(ctx, file, "")
		if err != nil {
			return nil, err
		}
		r.archives = append(r.archives, archive)
		for _, image := range archive.Images {
			if err := r.add(image); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

func (r *registry) add(image images.Named) error {
	called, found := strings.CutPrefix(image.Name, mirrored+"/")
	if !found {
		return nil
	}
	repository, _, _ := strings.Cut(called, ":")
	digest, err := image.Image.Digest()
	if err != nil {
		return err
	}
	r.manifests[called], r.manifests[repository+"@"+digest.String()] = image.Image, image.Image
	config, err := image.Image.RawConfigFile()
	if err != nil {
		return err
	}
	name, err := image.Image.ConfigName()
	if err != nil {
		return err
	}
	r.blobs[name.String()] = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(config)), nil }
	r.sizes[name.String()] = int64(len(config))
	layers, err := image.Image.Layers()
	if err != nil {
		return err
	}
	for _, layer := range layers {
		digest, err := layer.Digest()
		if err != nil {
			return err
		}
		size, err := layer.Size()
		if err != nil {
			return err
		}
		r.blobs[digest.String()], r.sizes[digest.String()] = layer.Compressed, size
	}
	return nil
}

var pull = regexp.MustCompile(`^/v2/(.+)/(manifests|blobs)/([^/]+)$`)

// ServeHTTP implements http.Handler.
func (r *registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method != http.MethodGet && request.Method != http.MethodHead {
		http.Error(w, "this registry only answers pulls", http.StatusMethodNotAllowed)
		return
	}
	if request.URL.Path == "/v2/" {
		return
	}
	parts := pull.FindStringSubmatch(request.URL.Path)
	var err error
	switch {
	case parts == nil:
		http.NotFound(w, request)
	case parts[2] == "manifests":
		err = r.manifest(w, request, parts[1], parts[3])
	default:
		err = r.blob(w, request, parts[3])
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (r *registry) manifest(w http.ResponseWriter, request *http.Request, repository, reference string) error {
	separator := ":"
	if strings.Contains(reference, ":") {
		separator = "@"
	}
	image, found := r.manifests[repository+separator+reference]
	if !found {
		http.NotFound(w, request)
		return nil
	}
	manifest, err := image.RawManifest()
	if err != nil {
		return err
	}
	kind, err := image.MediaType()
	if err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", string(kind))
	w.Header().Set("Content-Length", strconv.Itoa(len(manifest)))
	w.Header().Set("Docker-Content-Digest", digest.String())
	if request.Method == http.MethodGet {
		_, _ = w.Write(manifest) // a client that has gone does not matter
	}
	return nil
}

func (r *registry) blob(w http.ResponseWriter, request *http.Request, digest string) error {
	open, found := r.blobs[digest]
	if !found {
		http.NotFound(w, request)
		return nil
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(r.sizes[digest], 10))
	w.Header().Set("Docker-Content-Digest", digest)
	if request.Method == http.MethodHead {
		return nil
	}
	content, err := open()
	if err != nil {
		return err
	}
	_, _ = io.Copy(w, content) // a client that has gone does not matter
	return content.Close()
}

// serve begins to answer at the address, with a free port, and tells containerd about it: registries is the folder in
// which the cluster's nodes look for HOST/hosts.toml.
func (r *registry) serve(address, registries string) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		return fmt.Errorf("starting a registry: %w", err)
	}
	r.listener, r.server = listener, &http.Server{Handler: r}
	go func() { _ = r.server.Serve(listener) }() // ends with close
	folder := filepath.Join(registries, mirrored)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("telling the nodes about the registry: %w", err)
	}
	hosts := fmt.Sprintf("server = \"https://%s\"\n[host.\"http://%s\"]\n  capabilities = [\"pull\", \"resolve\"]\n", mirrored, listener.Addr())
	if err := os.WriteFile(filepath.Join(folder, "hosts.toml"), []byte(hosts), 0o644); err != nil {
		return fmt.Errorf("telling the nodes about the registry: %w", err)
	}
	return nil
}

// close ends the answering. It may be called twice.
func (r *registry) close() error {
	var errs []error
	if r.server != nil {
		errs = append(errs, r.server.Close())
		r.server = nil
	}
	for _, archive := range r.archives {
		errs = append(errs, archive.Close())
	}
	r.archives = nil
	return errors.Join(errs...)
}
