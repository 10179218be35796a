// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package housekeeping

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// youngest is how long an image stays at least: its pod may be about to start.
const youngest = 2 * time.Minute

// CollectImages removes unused images when the disk is too full.
func (k *Keeper) CollectImages(ctx context.Context) error {
	images, err := k.config.Runtime.Images(ctx)
	if err != nil {
		return err
	}
	states, err := k.config.Runtime.Pods(ctx)
	if err != nil {
		return err
	}
	inUse := sets.New[string]()
	for i := range states {
		for _, c := range states[i].Containers {
			inUse.Insert(c.ImageRef, c.Image)
		}
	}
	now := k.config.Clock.Now()
	k.note(images, inUse, now)
	filesystem, err := k.config.Runtime.ImageFilesystem(ctx)
	if err != nil {
		return err
	}
	used, total, err := k.config.Disk(filesystem.Mountpoint)
	if err != nil {
		return err
	}
	if total == 0 || used*100 < total*int64(k.config.High) {
		return nil
	}
	var errs []error
	for _, id := range choose(images, inUse, k.used, now, used-total*int64(k.config.Low)/100) {
		errs = append(errs, k.config.Runtime.RemoveImage(ctx, id))
	}
	return errors.Join(errs...)
}

// note remembers when images were used last.
func (k *Keeper) note(images []runtime.Image, inUse sets.Set[string], now time.Time) {
	present := sets.New[string]()
	for i := range images {
		present.Insert(images[i].ID)
		if _, known := k.used[images[i].ID]; !known || isUsed(&images[i], inUse) {
			k.used[images[i].ID] = now
		}
	}
	for id := range k.used {
		if !present.Has(id) {
			delete(k.used, id)
		}
	}
}

// choose returns images to remove, those unused for longest first, until about that many bytes are freed.
func choose(images []runtime.Image, inUse sets.Set[string], used map[string]time.Time, now time.Time, bytes int64) []string {
	var candidates []runtime.Image
	for i := range images {
		if image := &images[i]; !image.Pinned && !isUsed(image, inUse) && now.Sub(used[image.ID]) >= youngest {
			candidates = append(candidates, *image)
		}
	}
	slices.SortFunc(candidates, func(a, b runtime.Image) int {
		return cmp.Or(used[a.ID].Compare(used[b.ID]), cmp.Compare(a.ID, b.ID))
	})
	var ids []string
	for i := range candidates {
		if bytes <= 0 {
			break
		}
		ids = append(ids, candidates[i].ID)
		bytes -= int64(candidates[i].Size)
	}
	return ids
}

func isUsed(image *runtime.Image, inUse sets.Set[string]) bool {
	if inUse.Has(image.ID) {
		return true
	}
	return slices.ContainsFunc(append(slices.Clone(image.Tags), image.Digests...), inUse.Has)
}
