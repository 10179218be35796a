// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kind is the vocabulary in which a kind of the API is described.
//
// A description is data and small pure functions: names, scope, defaults, validation, what a create or an update may
// touch, table columns, selectable fields. The API server serves any kind from its description alone and knows none by
// name; what needs wiring (allocators, streams to a node, token signing) lives in the API server and is attached there
// by resource.
//
// Each kind is one file in its group's folder and holds one exported variable of type Of; the group's group.go lists
// them. Of is written by people and checked by the compiler against the kind's Go type; Describe erases the types into
// a Description, which is what the server reads.
//
// Every function of a description must be safe for concurrent use and must not keep or change what it is given, except
// for those whose job is to change it (Default, OnCreate, OnUpdate, OnStatusUpdate, conversions).
package kind
