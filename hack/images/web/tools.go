// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tools by name. Each returns its exit code and what went wrong.
var tools = map[string]func(arguments []string, stdout io.Writer) (int, error){
	"serve": serve, "web": serve,
	"cat": cat, "ls": list, "echo": echo, "env": environment, "write": write, "hostname": hostname, "id": identity,
	"sleep": sleep, "stubborn": stubborn, "exit": exit, "true": succeed, "false": fail,
	"get": get, "lookup": lookup, "version": printVersion,
}

func cat(files []string, stdout io.Writer) (int, error) {
	if len(files) == 0 {
		_, err := io.Copy(stdout, os.Stdin)
		return codeOf(err), err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return 1, err
		}
		if _, err := stdout.Write(content); err != nil {
			return 1, err
		}
	}
	return 0, nil
}

func list(folders []string, stdout io.Writer) (int, error) {
	if len(folders) == 0 {
		folders = []string{"."}
	}
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return 1, err
		}
		for _, entry := range entries {
			fmt.Fprintln(stdout, entry.Name())
		}
	}
	return 0, nil
}

func echo(words []string, stdout io.Writer) (int, error) {
	_, err := fmt.Fprintln(stdout, strings.Join(words, " "))
	return codeOf(err), err
}

func environment(_ []string, stdout io.Writer) (int, error) {
	all := os.Environ()
	sort.Strings(all)
	_, err := fmt.Fprintln(stdout, strings.Join(all, "\n"))
	return codeOf(err), err
}

// write FILE WORDS… leaves the words in the file.
func write(arguments []string, _ io.Writer) (int, error) {
	if len(arguments) == 0 {
		return 2, errors.New("no file named")
	}
	err := os.WriteFile(arguments[0], []byte(strings.Join(arguments[1:], " ")+"\n"), 0o644)
	return codeOf(err), err
}

func hostname(_ []string, stdout io.Writer) (int, error) {
	name, err := os.Hostname()
	fmt.Fprintln(stdout, name)
	return codeOf(err), err
}

func identity(_ []string, stdout io.Writer) (int, error) {
	groups, err := os.Getgroups()
	fmt.Fprintf(stdout, "uid=%d gid=%d groups=%v\n", os.Getuid(), os.Getgid(), groups)
	return codeOf(err), err
}

func sleep(arguments []string, _ io.Writer) (int, error) {
	if len(arguments) == 0 || arguments[0] == "infinity" {
		time.Sleep(math.MaxInt64) // a select without cases is a deadlock to the Go runtime
	}
	duration, err := time.ParseDuration(arguments[0])
	if err != nil {
		seconds, err := strconv.ParseFloat(arguments[0], 64)
		if err != nil {
			return 2, err
		}
		duration = time.Duration(seconds * float64(time.Second))
	}
	time.Sleep(duration)
	return 0, nil
}

// stubborn sleeps and does not end when it is told to.
func stubborn([]string, io.Writer) (int, error) {
	signal.Ignore(syscall.SIGTERM)
	time.Sleep(math.MaxInt64)
	return 0, nil
}

func exit(arguments []string, _ io.Writer) (int, error) {
	if len(arguments) == 0 {
		return 0, nil
	}
	code, err := strconv.Atoi(arguments[0])
	if err != nil {
		return 2, err
	}
	return code, nil
}

func succeed([]string, io.Writer) (int, error) { return 0, nil }

func fail([]string, io.Writer) (int, error) { return 1, nil }

// get URL prints what a server answers; a status of 400 or more is a failure.
func get(arguments []string, stdout io.Writer) (int, error) {
	if len(arguments) != 1 {
		return 2, errors.New("one URL is needed")
	}
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(arguments[0])
	if err != nil {
		return 1, err
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(stdout, answer.Body); err != nil {
		return 1, err
	}
	if answer.StatusCode >= 400 {
		return 1, errors.New(answer.Status)
	}
	return 0, nil
}

// lookup NAME prints the addresses of a name.
func lookup(arguments []string, stdout io.Writer) (int, error) {
	if len(arguments) != 1 {
		return 2, errors.New("one name is needed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, arguments[0])
	if err != nil {
		return 1, err
	}
	sort.Strings(addresses)
	_, err = fmt.Fprintln(stdout, strings.Join(addresses, "\n"))
	return codeOf(err), err
}

func printVersion(_ []string, stdout io.Writer) (int, error) {
	_, err := fmt.Fprintln(stdout, version)
	return codeOf(err), err
}

func codeOf(err error) int {
	if err != nil {
		return 1
	}
	return 0
}
