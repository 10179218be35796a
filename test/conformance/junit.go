// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/xml"
	"fmt"
	"os"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Seconds float64       `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// writeJUnit accounts for every test; those not run are skipped ones.
func writeJUnit(file string, tests []string, results map[string]Result) error {
	data, err := xml.MarshalIndent(junit(tests, results), "", "  ")
	if err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	if err := os.WriteFile(file, append([]byte(xml.Header), data...), 0o644); err != nil {
		return fmt.Errorf("writing JUnit: %w", err)
	}
	return nil
}

func junit(tests []string, results map[string]Result) junitSuite {
	suite := junitSuite{Name: "Kubernetes conformance", Tests: len(tests)}
	for _, test := range tests {
		result, ran := results[test]
		c := junitCase{Name: test, Class: sigOf(test), Seconds: result.Seconds}
		switch {
		case !ran:
			suite.Skipped++
			c.Skipped = &junitMessage{Message: "not run"}
		case !result.Passed:
			suite.Failures++
			c.Failure = &junitMessage{Message: firstLine(result.Failure), Text: result.Failure}
		}
		suite.Cases = append(suite.Cases, c)
	}
	return suite
}
