// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers is the controller manager: the loops that make the cluster what its objects say it should be.
//
// Each controller has a folder of its own and stands in the list of controllers.go. All are built on controller-runtime
// and reconcile in the same four steps: observe (every read), a plan made by a pure function, apply, status. None keeps
// state that it could not rebuild from the API, so the manager may be killed at any point and started again.
//
// New checks a Config and starts nothing; Start runs all controllers until its context ends. In a process with other
// parts, Config.NewCache hands in the cache that they share.
package controllers
