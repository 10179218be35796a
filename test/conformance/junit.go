// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"fmt"
	"slices"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Seconds  float64     `xml:"time,attr"`                // wall time of all parts of the run
	When     string      `xml:"timestamp,attr,omitempty"` // of the last result
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Seconds float64       `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit accounts for every test; those not run are skipped ones.
func writeJUnit(file string, tests []string, h history) error {
	data, err := xml.MarshalIndent(junit(tests, h), "", "  ")
	if err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	return writeWhole(file, append([]byte(xml.Header), data...))
}

func junit(tests []string, h history) junitSuite {
	suite := junitSuite{Name: "Kubernetes conformance", Tests: len(tests)}
	for _, session := range h.gave() {
		suite.Seconds += session.Elapsed
		suite.When = max(suite.When, session.At.UTC().Format("2006-01-02T15:04:05Z"))
	}
	for _, test := range slices.Sorted(slices.Values(tests)) {
		result, ran := h.last[test]
		c := junitCase{Name: test, Class: sigOf(test), Seconds: result.Seconds}
		switch {
		case !ran:
			suite.Skipped++
			c.Skipped = &junitMessage{Message: "not run"}
		case !result.Passed:
			suite.Failures++
			c.Failure = &junitMessage{Message: firstLine(result.Failure), Text: result.Failure}
		case result.Flaky != "":
			c.Output = "FLAKY: passed when run again; at first: " + result.Flaky
		}
		suite.Cases = append(suite.Cases, c)
	}
	return suite
}
