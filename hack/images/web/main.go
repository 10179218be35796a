// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// version is set by the build, so that two tags of the image differ.
var version = "unknown"

func main() {
	name, arguments := filepath.Base(os.Args[0]), os.Args[1:]
	if name == "web" && len(arguments) > 0 && !strings.HasPrefix(arguments[0], "-") {
		name, arguments = arguments[0], arguments[1:]
	}
	os.Exit(run(name, arguments, os.Stdout, os.Stderr))
}

// run is the program, by the name it was called with or its first argument.
func run(name string, arguments []string, stdout, stderr io.Writer) int {
	tool, known := tools[name]
	if !known {
		fmt.Fprintf(stderr, "web: no tool is named %q\n", name)
		return 127
	}
	code, err := tool(arguments, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
	}
	return code
}
