// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Table lays rows out in Markdown with aligned columns, so that it reads the same on a terminal. Numbers in brackets
// lead to the notes.
func Table(rows []Row) string {
	numbers, _ := notes(rows)
	lines := [][]string{{"measured", "unit", "we", "peer", "ratio", "target", "met"}}
	for i, row := range rows {
		name := row.Name
		if numbers[i] > 0 {
			name += fmt.Sprintf(" [%d]", numbers[i])
		}
		lines = append(lines, []string{
			name, row.Unit, cell(row.We, row.WeRuns), cell(row.Peer, row.PeerRuns), ratio(row.Ratio), dash(row.Target), metWord(row),
		})
	}
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	for n, line := range lines {
		for i, text := range line {
			fill := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if right(i) {
				text = fill + text
			} else {
				text += fill
			}
			b.WriteString("| " + text + " ")
		}
		b.WriteString("|\n")
		if n == 0 {
			for i, width := range widths {
				rule := strings.Repeat("-", width)
				if right(i) {
					rule = rule[1:] + ":"
				}
				b.WriteString("| " + rule + " ")
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

// right is whether a column holds figures.
func right(column int) bool { return column >= 2 && column <= 4 }

// cell is a median with the least and the greatest figure behind it.
func cell(median *float64, runs []float64) string {
	if median == nil {
		return "–"
	}
	if len(runs) < 2 {
		return short(*median)
	}
	return fmt.Sprintf("%s (%s–%s)", short(*median), short(slices.Min(runs)), short(slices.Max(runs)))
}

func ratio(value *float64) string {
	if value == nil {
		return "–"
	}
	if *value != 0 && math.Abs(*value) < 0.095 { // two digits, where two places would leave one or none
		return strconv.FormatFloat(*value, 'g', 2, 64)
	}
	return strconv.FormatFloat(*value, 'f', 2, 64)
}

// short writes three digits, which is what people compare.
func short(value float64) string {
	if value == 0 {
		return "0"
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(value))))
	return strconv.FormatFloat(value, 'f', min(max(digits, 0), 3), 64)
}

func dash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

func metWord(row Row) string {
	switch {
	case row.Target == "":
		return "–"
	case row.Met == nil:
		return "not measured"
	case *row.Met:
		return "yes"
	default:
		return "no"
	}
}
