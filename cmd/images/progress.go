// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"
)

// showAfter is how long something must take until its progress is shown, and showEvery how often it is shown anew.
const (
	showAfter = 300 * time.Millisecond
	showEvery = 100 * time.Millisecond
)

// progress counts bytes and, on a terminal, shows them as they go. Other outputs get the line at the end alone.
type progress struct {
	sent   atomic.Int64
	stop   chan struct{}
	drawer sync.WaitGroup
}

// show begins to count towards total.
func show(out io.Writer, name string, total int64) *progress {
	p := &progress{stop: make(chan struct{})}
	file, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return p
	}
	p.drawer.Go(func() {
		tick := time.NewTicker(showEvery)
		defer tick.Stop()
		for began := time.Now(); ; {
			select {
			case <-p.stop:
				fmt.Fprint(out, "\r\x1b[K") // the last line takes this one's place
				return
			case now := <-tick.C:
				if now.Sub(began) > showAfter {
					fmt.Fprintf(out, "\r\x1b[K   %s  %s of %s", name, bytesOf(p.sent.Load()), bytesOf(total))
				}
			}
		}
	})
	return p
}

func (p *progress) add(n int64) { p.sent.Add(n) }

// end stops showing; the count stays.
func (p *progress) end() {
	close(p.stop)
	p.drawer.Wait()
}

// bytesOf is a size as people read it, in the units of crictl images.
func bytesOf(n int64) string {
	const unit = 1000.0
	value, units := float64(n), []string{"B", "kB", "MB", "GB", "TB"}
	for value >= unit && len(units) > 1 {
		value /= unit
		units = units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", n)
	}
	decimals := 0 // three digits in all
	for digits := value; digits < 100 && decimals < 2; digits *= 10 {
		decimals++
	}
	return fmt.Sprintf("%.*f %s", decimals, value, units[0])
}
