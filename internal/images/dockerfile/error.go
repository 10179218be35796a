// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package dockerfile

import "fmt"

// Error is something wrong with an instruction.
type Error struct {
	File    string
	Line    int
	Keyword string // empty when there is no instruction in the line
	Err     error
}

// Error implements error.
func (e *Error) Error() string {
	if e.Keyword == "" {
		return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
	}
	return fmt.Sprintf("%s:%d: %s: %v", e.File, e.Line, e.Keyword, e.Err)
}

// Unwrap gives errors.Is and errors.As the cause.
func (e *Error) Unwrap() error { return e.Err }
