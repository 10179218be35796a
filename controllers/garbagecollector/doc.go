// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package garbagecollector deletes objects whose owners are gone, and carries out foreground and orphaning deletion.
//
// It watches the metadata of every resource that can be listed, watched and deleted, custom ones included, and keeps a
// graph of who owns whom (graph.go, no I/O). Changes of the graph put the objects they concern in the queue; an object is
// then judged (judge.go) from a fresh copy of it and from its owners:
//
//	an owner is there and stays ─────────────► keep; drop references to owners that are not
//	an owner waits for its dependents ───────► delete, in the foreground when it has dependents itself
//	all owners are gone ─────────────────────► delete, as its own finalizers say
//
// An owner in foreground deletion loses its finalizer when no dependent blocks it any more; one in orphaning deletion
// when no dependent refers to it any more.
//
// What always holds: an object is deleted only when the API server itself has said, for each of its owners, that it is
// gone or going, and only in the version of the object that says so (UID and resource version preconditions). Nothing is
// judged while watches are being added.
package garbagecollector
