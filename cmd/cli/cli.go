// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
	ctrl "sigs.k8s.io/controller-runtime"
)

// Streams are where a command reads and writes; tests give their own.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// ExitError carries an exit code other than 1; a nil Err says nothing on the way out.
type ExitError struct {
	Code int
	Err  error
}

// Error implements error.
func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap gives errors.Is and errors.As the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// OneLine is err as the single line that a user is shown.
func OneLine(err error) string {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' })
	return strings.Join(lines, "; ")
}

// Logger makes the process's logger, of that verbosity, and gives it to the libraries that log by themselves.
func Logger(out io.Writer, verbosity int) logr.Logger {
	logger := textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(out), textlogger.Verbosity(verbosity)))
	klog.SetLoggerWithOptions(logger, klog.ContextualLogger(true))
	ctrl.SetLogger(logger)
	return logger
}

// LogFile opens name for appending; a file above 64 MiB is first set aside as name.1, replacing an older one.
func LogFile(name string) (*os.File, error) {
	const limit = 64 << 20
	if info, err := os.Stat(name); err == nil && info.Size() > limit {
		if err := os.Rename(name, name+".1"); err != nil {
			return nil, fmt.Errorf("setting the old log aside: %w", err)
		}
	}
	return os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
}

// Progress prints one line a step with the time it took.
type Progress struct {
	Out io.Writer
}

// Done says that step is over.
func (p Progress) Done(step string, took time.Duration) {
	fmt.Fprintf(p.Out, " ✓ %-44s %6s\n", step, Took(took))
}

// Note prints a line that is no step.
func (p Progress) Note(format string, args ...any) {
	fmt.Fprintf(p.Out, "   "+format+"\n", args...)
}

// Took is a duration as progress lines show it.
func Took(d time.Duration) string {
	return fmt.Sprintf("%.2fs", d.Seconds())
}

// LogFlags are the flags that every part has for its log.
type LogFlags struct {
	verbosity int
}

// AddLogFlags adds the flags to flags.
func AddLogFlags(flags *pflag.FlagSet) *LogFlags {
	l := &LogFlags{}
	flags.IntVarP(&l.verbosity, "v", "v", 1, "how much to log, 0 to 10")
	return l
}

// Context is ctx with a logger in it that writes to out.
func (l *LogFlags) Context(ctx context.Context, out io.Writer) context.Context {
	return ctrl.LoggerInto(ctx, Logger(out, l.verbosity))
}
