// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package instance

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Record is what a run leaves for those who come after it.
type Record struct {
	Name        string `json:"name"`
	RunDir      string `json:"runDir"`
	Kubeconfig  string `json:"kubeconfig,omitempty"` // the user's file that the context was merged into
	Server      string `json:"server"`
	NodeName    string `json:"nodeName,omitempty"` // of the first node; empty when nodes are simulated
	PodCIDR     string `json:"podCIDR,omitempty"`  // the cluster's
	NodeCIDR    string `json:"nodeCIDR,omitempty"`
	ServiceCIDR string `json:"serviceCIDR,omitempty"`
	// MoreNodes are the names of the second node and those after it, each in namespaces of its own. A node's place in
	// this list decides about its address and folders, so only the last ones ever come and go.
	MoreNodes []string `json:"moreNodes,omitempty"`
}

// NodeNames are the names of all real nodes of this machine.
func (r Record) NodeNames() []string {
	if r.NodeName == "" {
		return nil
	}
	return append([]string{r.NodeName}, r.MoreNodes...)
}

// Dir is a data directory.
type Dir string

// DefaultDir is the data directory of the user who asks.
func DefaultDir() Dir {
	if os.Geteuid() == 0 {
		return "/var/lib/coxswain"
	}
	if base := os.Getenv("XDG_DATA_HOME"); base != "" {
		return Dir(filepath.Join(base, "coxswain"))
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = os.TempDir()
	}
	return Dir(filepath.Join(home, ".local", "share", "coxswain"))
}

// DefaultRunDir is where the sockets of the cluster called name are.
func DefaultRunDir(name string) string {
	if os.Geteuid() == 0 {
		return filepath.Join("/run/coxswain", name)
	}
	if base := os.Getenv("XDG_RUNTIME_DIR"); base != "" {
		return filepath.Join(base, "coxswain", name)
	}
	return filepath.Join(os.TempDir(), "coxswain-"+strconv.Itoa(os.Geteuid()), name)
}

// Path is a path below the directory.
func (d Dir) Path(elements ...string) string {
	return filepath.Join(append([]string{string(d)}, elements...)...)
}

// PKI is the folder of certificates.
func (d Dir) PKI() string { return d.Path("pki") }

// AdminKubeconfig is the administrator's kubeconfig.
func (d Dir) AdminKubeconfig() string { return d.Path("admin.conf") }

// Log is the log file.
func (d Dir) Log() string { return d.Path("coxswain.log") }

// InUseError says that another process holds a data directory.
type InUseError struct {
	Dir Dir
	PID int
}

// Error implements error.
func (e *InUseError) Error() string {
	return fmt.Sprintf("data directory %s is in use by process %d; run `coxswain down --data-dir=%s` to stop it, or choose another with --data-dir", e.Dir, e.PID, e.Dir)
}

// Lock makes the directory and takes its lock until the returned function is called or the process ends.
// It returns an *InUseError when another process holds it.
func (d Dir) Lock() (unlock func(), err error) {
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return nil, fmt.Errorf("making data directory %s: %w; choose another with --data-dir", d, cause(err))
	}
	file, err := os.OpenFile(d.Path("lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking data directory %s: %w; choose another with --data-dir", d, cause(err))
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close() // only read from so far
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &InUseError{Dir: d, PID: d.pid()}
		}
		return nil, fmt.Errorf("locking data directory %s: %w", d, err)
	}
	err = errors.Join(file.Truncate(0), writeAt(file, strconv.Itoa(os.Getpid())+"\n"))
	if err != nil {
		_ = file.Close() // the first error is the one to show
		return nil, fmt.Errorf("locking data directory %s: %w", d, err)
	}
	return func() { _ = file.Close() }, nil // closing gives the lock up, whatever it returns
}

// Holder is the process that holds the lock, 0 when none does.
func (d Dir) Holder() (int, error) {
	file, err := os.OpenFile(d.Path("lock"), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("looking at the lock of %s: %w", d, err)
	}
	defer func() { _ = file.Close() }() // gives up the lock, if it was free
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
		return 0, nil
	}
	return d.pid(), nil
}

// Save writes the record.
func (d Dir) Save(record Record) error {
	data, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return err
	}
	next := d.Path(".instance.json")
	if err := os.WriteFile(next, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", d.Path("instance.json"), err)
	}
	return os.Rename(next, d.Path("instance.json"))
}

// Load reads the record; os.ErrNotExist when no cluster was ever started there.
func (d Dir) Load() (Record, error) {
	var record Record
	data, err := os.ReadFile(d.Path("instance.json"))
	if err != nil {
		return record, err
	}
	if err := json.Unmarshal(data, &record); err != nil {
		return record, fmt.Errorf("reading %s: %w", d.Path("instance.json"), err)
	}
	return record, nil
}

func (d Dir) pid() int {
	data, err := os.ReadFile(d.Path("lock"))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return pid
}

// Prefix is what the names of kernel objects (bridges, tables, cgroups) of the cluster called name begin with. The
// default cluster has plain names; others get a short hash, since interface names end at 15 characters.
func Prefix(name string) string {
	if name == "coxswain" {
		return "cox"
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name)) // never fails
	return fmt.Sprintf("cox%04x", hash.Sum32()&0xffff)
}

func writeAt(file *os.File, text string) error {
	_, err := file.WriteAt([]byte(text), 0)
	return err
}

// cause strips what the caller says anyway: the operation and the path.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
