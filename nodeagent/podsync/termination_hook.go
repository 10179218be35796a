// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// Limits of a termination message: from its file, and from the end of a log.
const (
	maxMessage      = 4096
	maxLogMessage   = 2048
	maxMessageLines = 80
)

// terminationHook mounts the file into which a container may write why it ends, and reads it afterwards.
type terminationHook struct{ NodeConfig }

func (h *terminationHook) file(pod *corev1.Pod, container string, attempt uint32) string {
	return filepath.Join(h.Volumes.PodDir(pod.UID), "containers", container, strconv.Itoa(int(attempt)))
}

func (h *terminationHook) PrepareContainer(_ context.Context, r *ContainerRequest) error {
	if r.Container.TerminationMessagePath == "" {
		return nil
	}
	file := h.file(r.Pod, r.Container.Name, r.Attempt)
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("making the termination message file of container %s: %w", r.Container.Name, err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return fmt.Errorf("making the termination message file of container %s: %w", r.Container.Name, err)
	}
	if err := os.Chmod(file, 0o666); err != nil { // any user of the container may write
		return fmt.Errorf("making the termination message file of container %s: %w", r.Container.Name, err)
	}
	r.Config.Mounts = append(r.Config.Mounts, &cri.Mount{ContainerPath: r.Container.TerminationMessagePath, HostPath: file})
	return nil
}

// Message implements MessageHook.
func (h *terminationHook) Message(pod *corev1.Pod, c *corev1.Container, run *runtime.Container) string {
	message := ""
	if c.TerminationMessagePath != "" {
		content, err := head(h.file(pod, c.Name, run.Attempt), maxMessage)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			message = "Error reading termination message: " + err.Error()
		}
		message += content
	}
	if message == "" && run.ExitCode != 0 && c.TerminationMessagePolicy == corev1.TerminationMessageFallbackToLogsOnError {
		message = lastLines(run.LogPath)
	}
	return message
}

func head(file string, limit int64) (string, error) {
	opened, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer func() { _ = opened.Close() }()
	content, err := io.ReadAll(io.LimitReader(opened, limit))
	return string(content), err
}

// lastLines returns the end of a CRI log without its time stamps.
func lastLines(file string) string {
	opened, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer func() { _ = opened.Close() }()
	// Each line carries up to 45 bytes of time stamp, stream and tag.
	const window = maxLogMessage + maxMessageLines*64
	if info, err := opened.Stat(); err == nil && info.Size() > window {
		if _, err := opened.Seek(-window, io.SeekEnd); err != nil {
			return ""
		}
	}
	content, err := io.ReadAll(opened)
	if err != nil {
		return ""
	}
	var lines []string
	for line := range strings.Lines(string(content)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 4)
		if len(parts) < 4 {
			continue
		}
		if _, err := time.Parse(time.RFC3339Nano, parts[0]); err != nil {
			continue // the first one of the window is cut
		}
		end := "\n"
		if parts[2] == "P" { // a part of a longer line
			end = ""
		}
		lines = append(lines, parts[3]+end)
	}
	if len(lines) > maxMessageLines {
		lines = lines[len(lines)-maxMessageLines:]
	}
	text := strings.Join(lines, "")
	if len(text) > maxLogMessage {
		text = text[len(text)-maxLogMessage:]
	}
	return text
}
