// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package adoption keeps the controller references of objects in step with the selector of the controller that should
// manage them: orphans that match are adopted, owned ones that no longer match are released.
//
// Both are patches that name the UID of the object, so that an object that was replaced meanwhile is left alone.
// Before the first adoption the controller itself is read from the API server, not from the cache: a controller that was
// deleted (and perhaps made again under its name) must not adopt, or orphaning deletion would never end.
package adoption
