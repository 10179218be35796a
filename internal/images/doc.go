// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package images makes container images from static programs and puts them into containerd, with no registry and no
// container software on the machine that builds them.
//
//	Build(Spec)  files on an empty file system → an OCI image; the same input gives the same digest
//	Save         images → a tar file that `docker load` and `ctr images import` read as well
//	Open, Read   a tar file of docker save, an OCI layout or Save, plain or compressed → images
//	Nodes, Load  images → containerds that run, over their own API (content, images, leases), all at once
package images
