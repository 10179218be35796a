// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pull

import (
	"encoding/base64"
	"encoding/json"
	"path"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// entry of a docker configuration file.
type entry struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Auth     string `json:"auth"`
}

// Credentials returns those of the secrets that are meant for the registry of an image, the most specific first.
// Secrets that can't be read are passed over: another one may fit.
func Credentials(image string, secrets []*corev1.Secret) []*cri.AuthConfig {
	reference, err := name.ParseReference(image)
	if err != nil {
		return nil
	}
	repository := reference.Context().Name() // index.docker.io/library/nginx
	type match struct {
		length int
		auth   *cri.AuthConfig
	}
	var matches []match
	for _, secret := range secrets {
		for server, e := range entries(secret) {
			pattern := normalize(server)
			if !fits(pattern, repository) {
				continue
			}
			if auth := e.config(); auth != nil {
				matches = append(matches, match{len(pattern), auth})
			}
		}
	}
	slices.SortStableFunc(matches, func(a, b match) int { return b.length - a.length })
	list := make([]*cri.AuthConfig, 0, len(matches))
	for _, m := range matches {
		list = append(list, m.auth)
	}
	return list
}

func entries(secret *corev1.Secret) map[string]entry {
	all := map[string]entry{}
	switch secret.Type {
	case corev1.SecretTypeDockerConfigJson:
		var file struct {
			Auths map[string]entry `json:"auths"`
		}
		if json.Unmarshal(secret.Data[corev1.DockerConfigJsonKey], &file) == nil {
			all = file.Auths
		}
	case corev1.SecretTypeDockercfg:
		if json.Unmarshal(secret.Data[corev1.DockerConfigKey], &all) != nil {
			return nil
		}
	}
	return all
}

func (e entry) config() *cri.AuthConfig {
	if e.Auth != "" {
		raw, err := base64.StdEncoding.DecodeString(e.Auth)
		if err != nil {
			return nil
		}
		user, password, found := strings.Cut(string(raw), ":")
		if !found {
			return nil
		}
		return &cri.AuthConfig{Username: user, Password: strings.TrimRight(password, "\x00")}
	}
	if e.Username == "" {
		return nil
	}
	return &cri.AuthConfig{Username: e.Username, Password: e.Password}
}

// normalize turns https://registry/v1/ into registry, and docker.io into the name that references have for it.
func normalize(server string) string {
	server = strings.TrimPrefix(strings.TrimPrefix(server, "https://"), "http://")
	server = strings.TrimSuffix(server, "/")
	for _, version := range []string{"/v1", "/v2"} {
		server = strings.TrimSuffix(server, version)
	}
	if server == "docker.io" {
		server = name.DefaultRegistry
	}
	return server
}

// fits tells whether a pattern (a host, with a star for a label, and perhaps a path) covers a repository.
func fits(pattern, repository string) bool {
	host, folder, _ := strings.Cut(pattern, "/")
	imageHost, imagePath, _ := strings.Cut(repository, "/")
	patterns, labels := strings.Split(host, "."), strings.Split(imageHost, ".")
	if len(patterns) != len(labels) {
		return false
	}
	for i := range patterns {
		if ok, err := path.Match(patterns[i], labels[i]); err != nil || !ok {
			return false
		}
	}
	return folder == "" || strings.HasPrefix(imagePath, folder)
}
