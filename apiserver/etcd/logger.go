// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"k8s.io/klog/v2"
)

// fatal is the error with which etcd wanted to end the process.
type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// newLogger sends etcd's log to klog, quieter by two levels than etcd means it: an operator asks for etcd's life story
// with -v=3. Fatal entries become a panic of type fatal instead of os.Exit.
func newLogger(known exceptions) *zap.Logger {
	return zap.New(core{known: known}, zap.WithFatalHook(panicker{}), zap.WithPanicHook(panicker{known}))
}

// exceptions are messages that etcd takes too seriously, by how they begin.
type exceptions struct {
	// information is what is not worth a warning.
	information []string
	// survivable is what would end the process, and need not: who logs it goes on.
	survivable []string
}

func begins(message string, with []string) bool {
	return slices.ContainsFunc(with, func(w string) bool { return strings.HasPrefix(message, w) })
}

type panicker struct{ known exceptions }

func (p panicker) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	if begins(entry.Message, p.known.survivable) {
		return
	}
	message := entry.Message
	for _, f := range fields {
		if err, ok := f.Interface.(error); ok && f.Type == zapcore.ErrorType {
			message += ": " + err.Error()
		}
	}
	panic(fatal{errors.New(message)})
}

type core struct {
	fields []zapcore.Field
	known  exceptions
}

func (c core) Enabled(level zapcore.Level) bool { return bool(klog.V(verbosity(level)).Enabled()) }

func (c core) With(fields []zapcore.Field) zapcore.Core {
	return core{fields: append(c.fields[:len(c.fields):len(c.fields)], fields...), known: c.known}
}

func (c core) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if entry.Level < zapcore.ErrorLevel && begins(entry.Message, c.known.information) {
		entry.Level = zapcore.InfoLevel
	}
	if c.Enabled(entry.Level) {
		return checked.AddCore(entry, c)
	}
	return checked
}

func (c core) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	encoder := zapcore.NewMapObjectEncoder()
	for _, f := range append(c.fields[:len(c.fields):len(c.fields)], fields...) {
		f.AddTo(encoder)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "etcd: %s", entry.Message)
	for key, value := range encoder.Fields {
		fmt.Fprintf(&text, " %s=%q", key, fmt.Sprint(value))
	}
	switch {
	case entry.Level >= zapcore.DPanicLevel: // returned as an error by who started etcd
		klog.V(2).Info(text.String())
	case entry.Level >= zapcore.ErrorLevel && !slices.Contains(expected, entry.Message):
		klog.Error(text.String())
	default:
		klog.V(verbosity(entry.Level)).Info(text.String())
	}
	return nil
}

func (core) Sync() error { return nil }

// expected are errors to etcd alone: what every new member says before its first snapshot, and every one at its end (a
// listener that really fails ends the member, with an error that is returned).
var expected = []string{"failed to update storage version", "setting up serving from embedded etcd failed."}

func verbosity(level zapcore.Level) klog.Level {
	switch {
	case level >= zapcore.ErrorLevel:
		return 0
	case level == zapcore.WarnLevel:
		return 1
	case level == zapcore.InfoLevel:
		return 3
	default:
		return 6
	}
}
