// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"
	"strings"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Image implements Images.
func (r *CRI) Image(ctx context.Context, reference string) (*Image, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := r.images.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: reference}})
	if err != nil {
		return nil, fmt.Errorf("looking for image %q: %w", reference, plain(err))
	}
	if answer.Image == nil {
		return nil, nil
	}
	image := imageOf(answer.Image)
	return &image, nil
}

// Images implements Images.
func (r *CRI) Images(ctx context.Context) ([]Image, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := r.images.ListImages(ctx, &cri.ListImagesRequest{})
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", plain(err))
	}
	images := make([]Image, 0, len(answer.Images))
	for _, item := range answer.Images {
		images = append(images, imageOf(item))
	}
	return images, nil
}

// PullImage implements Images. It has no time limit: the runtime gives up by itself when nothing arrives.
func (r *CRI) PullImage(ctx context.Context, reference string, auth *cri.AuthConfig, sandbox *cri.PodSandboxConfig) (string, error) {
	answer, err := r.images.PullImage(ctx, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: reference}, Auth: auth, SandboxConfig: sandbox})
	if err != nil {
		err = plain(err)
		reason := "ErrImagePull"
		for _, known := range []string{"RegistryUnavailable", "SignatureValidationFailed"} {
			if strings.HasPrefix(err.Error(), known) { // how CRI runtimes name these, for want of a code
				reason = known
			}
		}
		return "", &ImageError{Reason: reason, Reference: reference, Err: err}
	}
	return answer.ImageRef, nil
}

// RemoveImage implements Images.
func (r *CRI) RemoveImage(ctx context.Context, reference string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := r.images.RemoveImage(ctx, &cri.RemoveImageRequest{Image: &cri.ImageSpec{Image: reference}})
	return done("removing image", reference, err)
}

// ImageFilesystem implements Images.
func (r *CRI) ImageFilesystem(ctx context.Context) (Filesystem, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := r.images.ImageFsInfo(ctx, &cri.ImageFsInfoRequest{})
	if err != nil {
		return Filesystem{}, fmt.Errorf("measuring images: %w", plain(err))
	}
	if len(answer.ImageFilesystems) == 0 {
		return Filesystem{}, fmt.Errorf("measuring images: the runtime names no file system")
	}
	first := answer.ImageFilesystems[0]
	return Filesystem{
		Mountpoint: first.GetFsId().GetMountpoint(),
		UsedBytes:  first.GetUsedBytes().GetValue(),
		UsedInodes: first.GetInodesUsed().GetValue(),
	}, nil
}

func imageOf(item *cri.Image) Image {
	image := Image{ID: item.Id, Tags: item.RepoTags, Digests: item.RepoDigests, Size: item.Size, Pinned: item.Pinned, Username: item.Username}
	if item.Uid != nil {
		uid := item.Uid.Value
		image.UID = &uid
	}
	return image
}
