// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package containerd

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"text/template"
	"time"

	"k8s.io/utils/clock"
)

// SandboxImage holds a pod's namespaces open. It is built from the pause program among the assets and never pulled.
const SandboxImage = "coxswain.dev/pause:1"

// Config of a containerd. Only Root is needed; what is empty derives from it.
type Config struct {
	// Root is where images, snapshots and containers are kept. It survives a reboot.
	Root string
	// State is where sockets and running containers are kept, on a file system that a reboot empties. Shim sockets
	// lie in it, so it must be short.
	State string
	// BinDir is where the programs are unpacked. Several nodes of one machine may share it.
	BinDir string
	// CNIDir is where the node's network configuration is looked for.
	CNIDir string
	// RegistryDir has one folder per registry host with its hosts.toml (optional).
	RegistryDir string
	// ImageDir has tar files of images that are loaded at start (optional).
	ImageDir string
	// LogFile receives what containerd prints.
	LogFile string
	Clock   clock.WithTicker
}

// maxState is how long State may be: a shim's socket is <State>/s/<64 hexadecimal digits>, and a socket's path must
// stay under 108 bytes.
const maxState = 107 - len("/s/") - 64

func (c *Config) complete() error {
	if c.Root == "" {
		return fmt.Errorf("containerd needs a root directory")
	}
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	fill(&c.State, filepath.Join(c.Root, "run"))
	fill(&c.BinDir, filepath.Join(c.Root, "bin"))
	fill(&c.CNIDir, filepath.Join(c.Root, "cni"))
	fill(&c.LogFile, filepath.Join(c.Root, "containerd.log"))
	if len(c.State) > maxState {
		return fmt.Errorf("the state directory %s of containerd is too long for its sockets: at most %d characters", c.State, maxState)
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	return nil
}

// Socket is where containerd listens for both CRI and its own API.
func (c *Config) Socket() string { return filepath.Join(c.State, "c.sock") }

// Endpoint is Socket as CRI clients name it.
func (c *Config) Endpoint() string { return "unix://" + c.Socket() }

func (c *Config) pidFile() string    { return filepath.Join(c.State, "containerd.pid") }
func (c *Config) configFile() string { return filepath.Join(c.Root, "config.toml") }
func (c *Config) program() string    { return filepath.Join(c.BinDir, "containerd") }

var configTemplate = template.Must(template.New("config.toml").Funcs(template.FuncMap{"q": strconv.Quote}).Parse(
	`# Written by coxswain at each start; changes are lost.
version = 4
root = {{q .Root}}
state = {{q .State}}
imports = []
disabled_plugins = ["io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs", "io.containerd.differ.v1.erofs", "io.containerd.mount-handler.v1.erofs", "io.containerd.snapshotter.v1.native", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing", "io.containerd.monitor.container.v1.restart"]

[plugins."io.containerd.server.v1.grpc"]
  address = {{q .Socket}}
[plugins."io.containerd.server.v1.ttrpc"]
  address = {{q .TTRPC}}
[plugins."io.containerd.shim.v1.manager"]
  socket_dir = {{q .ShimSockets}}
[plugins."io.containerd.internal.v1.opt"]
  path = {{q .Opt}}
[plugins."io.containerd.nri.v1.nri"]
  disable = true

[plugins."io.containerd.grpc.v1.cri"]
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = {{q .SandboxImage}}
{{- if .RegistryDir}}
[plugins."io.containerd.cri.v1.images".registry]
  config_path = {{q .RegistryDir}}
[plugins."io.containerd.transfer.v1.local"]
  config_path = {{q .RegistryDir}}
{{- end}}

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = {{.RestrictOOMScoreAdj}}
  netns_mounts_under_state_dir = true
  enable_criu = false
[plugins."io.containerd.cri.v1.runtime".cni]
  bin_dirs = [{{q .BinDir}}]
  conf_dir = {{q .CNIDir}}
  use_internal_loopback = true
[plugins."io.containerd.cri.v1.runtime".containerd]
  default_runtime_name = "runc"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  runtime_path = {{q .Shim}}
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
  BinaryName = {{q .Runc}}
  Root = {{q .RuncRoot}}
  SystemdCgroup = false
`))

// render returns containerd's configuration file.
func (c *Config) render(restrictOOMScoreAdj bool) ([]byte, error) {
	values := struct {
		Root, State, Socket, TTRPC, ShimSockets, Opt, SandboxImage, RegistryDir, BinDir, CNIDir, Shim, Runc, RuncRoot string
		RestrictOOMScoreAdj                                                                                           bool
	}{
		Root:         filepath.Join(c.Root, "root"),
		State:        filepath.Join(c.State, "state"),
		Socket:       c.Socket(),
		TTRPC:        c.Socket() + ".ttrpc",
		ShimSockets:  filepath.Join(c.State, "s"),
		Opt:          filepath.Join(c.Root, "opt"),
		SandboxImage: SandboxImage,
		RegistryDir:  c.RegistryDir,
		BinDir:       c.BinDir,
		CNIDir:       c.CNIDir,
		Shim:         filepath.Join(c.BinDir, "containerd-shim-runc-v2"),
		Runc:         filepath.Join(c.BinDir, "runc"),
		RuncRoot:     filepath.Join(c.State, "runc"),

		RestrictOOMScoreAdj: restrictOOMScoreAdj,
	}
	var out bytes.Buffer
	if err := configTemplate.Execute(&out, values); err != nil {
		return nil, fmt.Errorf("writing containerd's configuration: %w", err)
	}
	return out.Bytes(), nil
}

// startTimeout is how long containerd may take until it answers; it normally takes a tenth of a second.
const startTimeout = 30 * time.Second
