// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"path/filepath"
	"time"
)

// Cluster is everything that signs or proves an identity in a cluster.
type Cluster struct {
	Dir string

	CA           *Pair // signs servers and clients
	FrontProxyCA *Pair // signs the aggregator's client certificate

	APIServer *Pair
	// APIServerKubeletClient is the API server towards node agents. Its rights are those of the role that its name is
	// bound to: an agent, or who poses as one, gets to see nothing that is of use elsewhere.
	APIServerKubeletClient *Pair
	FrontProxyClient       *Pair
	Admin                  *Pair // the only member of system:masters

	// ServiceAccountKey signs service account tokens; it is at sa.key, its public half at sa.pub.
	ServiceAccountKey crypto.Signer
}

// ServiceAccountKeyFile is where the private half is.
func (c *Cluster) ServiceAccountKeyFile() string { return filepath.Join(c.Dir, "sa.key") }

// ServiceAccountPublicKeyFile is where the public half is.
func (c *Cluster) ServiceAccountPublicKeyFile() string { return filepath.Join(c.Dir, "sa.pub") }

// Ensure loads the cluster's certificates from dir and makes what is missing or near its end. serverNames are the
// addresses and names of the API server beyond those that every cluster has.
func Ensure(dir string, serverNames []string, now time.Time) (*Cluster, error) {
	c := &Cluster{Dir: dir}
	var err error
	at := func(name string) string { return filepath.Join(dir, name) }
	if c.CA, err = Authority(at("ca"), "kubernetes", now); err != nil {
		return nil, err
	}
	if c.FrontProxyCA, err = Authority(at("front-proxy-ca"), "front-proxy-ca", now); err != nil {
		return nil, err
	}
	if c.ServiceAccountKey, err = SigningKey(at("sa")); err != nil {
		return nil, err
	}
	names := append([]string{
		"localhost", "127.0.0.1", "::1",
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}, serverNames...)
	for _, issue := range []struct {
		into **Pair
		ca   *Pair
		name string
		leaf Leaf
	}{
		{&c.APIServer, c.CA, "apiserver", Leaf{CommonName: "kube-apiserver", Names: names, Server: true}},
		{&c.APIServerKubeletClient, c.CA, "apiserver-kubelet-client", Leaf{CommonName: "kube-apiserver-kubelet-client", Client: true}},
		{&c.FrontProxyClient, c.FrontProxyCA, "front-proxy-client", Leaf{CommonName: "front-proxy-client", Client: true}},
		{&c.Admin, c.CA, "admin", Leaf{CommonName: "kubernetes-admin", Organizations: []string{"system:masters"}, Client: true}},
	} {
		if *issue.into, err = issue.ca.Issue(at(issue.name), issue.leaf, now); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Node issues the certificate with which the node agent of name both serves and speaks to the API server.
func (c *Cluster) Node(name string, addresses []string, now time.Time) (*Pair, error) {
	return c.CA.Issue(filepath.Join(c.Dir, "node-"+name), Leaf{
		CommonName:    "system:node:" + name,
		Organizations: []string{"system:nodes"},
		Names:         append([]string{name}, addresses...),
		Server:        true,
		Client:        true,
	}, now)
}

// Component issues a client certificate for one of the cluster's own parts, for example system:kube-scheduler.
func (c *Cluster) Component(file, user string, groups []string, now time.Time) (*Pair, error) {
	return c.CA.Issue(filepath.Join(c.Dir, file), Leaf{CommonName: user, Organizations: groups, Client: true}, now)
}
