// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// said is an error of containerd in its own words, without gRPC's, which mean nothing to users. status.Code still reads
// its code.
type said struct{ status *status.Status }

// Error implements error.
func (s said) Error() string { return s.status.Message() }

// GRPCStatus is what package status looks for.
func (s said) GRPCStatus() *status.Status { return s.status }

// Unwrap gives errors.Is the end of a context that ended the call.
func (s said) Unwrap() error {
	switch s.status.Code() {
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	}
	return nil
}

// plainly is err as containerd said it, if it did.
func plainly(err error) error {
	if found, ok := err.(interface{ GRPCStatus() *status.Status }); ok { //nolint:errorlint // not one that has been wrapped
		return said{found.GRPCStatus()}
	}
	return err
}

// saidPlainly is plainly for every call that has one answer.
func saidPlainly(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	return plainly(invoke(ctx, method, request, reply, conn, options...))
}
