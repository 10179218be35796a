// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package kubeconfig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"coxswain.dev/coxswain/internal/pki"
)

// Entry is one cluster, user and context.
type Entry struct {
	// Name is the name of the cluster and of the context.
	Name string
	// User is the name of the user entry; empty means Name.
	User   string
	Server string
	CA     []byte
	Client *pki.Pair
}

func (e Entry) apply(config *api.Config) error {
	key, err := e.Client.KeyPEM()
	if err != nil {
		return err
	}
	user := e.User
	if user == "" {
		user = e.Name
	}
	cluster := api.NewCluster()
	cluster.Server, cluster.CertificateAuthorityData = e.Server, e.CA
	auth := api.NewAuthInfo()
	auth.ClientCertificateData, auth.ClientKeyData = e.Client.CertPEM(), key
	entry := api.NewContext()
	entry.Cluster, entry.AuthInfo = e.Name, user
	config.Clusters[e.Name], config.AuthInfos[user], config.Contexts[e.Name] = cluster, auth, entry
	config.CurrentContext = e.Name
	return nil
}

// Write replaces file with a kubeconfig of one entry, readable by its owner only.
func Write(file string, entry Entry) error {
	config := api.NewConfig()
	if err := entry.apply(config); err != nil {
		return fmt.Errorf("making %s: %w", file, err)
	}
	return write(file, config)
}

// DefaultFile is the file that kubectl would write to: the first of KUBECONFIG, or ~/.kube/config.
func DefaultFile() string {
	return clientcmd.NewDefaultPathOptions().GetDefaultFilename()
}

// Merge adds entry to file and makes it the current context; everything else in the file stays as it was.
// A file that cannot be read as a kubeconfig is left untouched and is an error.
func Merge(file string, entry Entry) error {
	return change(file, func(config *api.Config) (bool, error) {
		return true, entry.apply(config)
	})
}

// Remove takes the entry of that name out of file again. A missing file or entry is not an error.
func Remove(file, name string) error {
	return change(file, func(config *api.Config) (bool, error) {
		found, ok := config.Contexts[name]
		if !ok {
			return false, nil
		}
		delete(config.Contexts, name)
		delete(config.Clusters, found.Cluster)
		delete(config.AuthInfos, found.AuthInfo)
		if config.CurrentContext == name {
			config.CurrentContext = ""
		}
		return true, nil
	})
}

func change(file string, edit func(*api.Config) (bool, error)) (retErr error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("making the folder of %s: %w", file, err)
	}
	// The lock file is the one that kubectl takes, so that neither loses the other's edit.
	lock := file + ".lock"
	held, err := os.OpenFile(lock, os.O_CREATE|os.O_EXCL, 0)
	if err != nil {
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("changing %s: %s exists, another program is changing it; remove the lock if none is", file, lock)
		}
		return fmt.Errorf("locking %s: %w", file, err)
	}
	defer func() { retErr = errors.Join(retErr, held.Close(), os.Remove(lock)) }()
	config, err := clientcmd.LoadFromFile(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		config = api.NewConfig()
	case err != nil:
		return fmt.Errorf("reading kubeconfig %s: %w", file, err)
	}
	changed, err := edit(config)
	if err != nil || !changed {
		return err
	}
	return write(file, config)
}

func write(file string, config *api.Config) error {
	data, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", file, err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("making the folder of %s: %w", file, err)
	}
	next := file + ".new"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return os.Rename(next, file)
}
