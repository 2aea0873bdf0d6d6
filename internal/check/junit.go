// The report as JUnit XML, as CI systems show tests.

package check

import (
	"encoding/xml"
	"io"
	"strings"
)

// The elements of JUnit's XML that all readers know: those of the Jenkins and GitLab plug-ins.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Time      string      `xml:"time,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report as test results: an area is a suite, and a rule a test, which fails
// if it has findings that make the check fail. Other findings are the output of their test.
func (r *Report) WriteJUnit(w io.Writer) error {
	out := junitSuites{Name: "bailiwick check " + Printable(r.Zone)}
	for _, area := range Areas() {
		suite := junitSuite{Name: area, Time: "0", Timestamp: r.Time.UTC().Format(
			"2006-01-02T15:04:05")}
		for _, rule := range rules {
			if rule.Area != area {
				continue
			}
			c := r.testCase(rule)
			suite.Tests++
			if c.Failure != nil {
				suite.Failures++
			}
			suite.Cases = append(suite.Cases, c)
		}
		out.Tests, out.Failures = out.Tests+suite.Tests, out.Failures+suite.Failures
		out.Suites = append(out.Suites, suite)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// testCase returns a rule as a test.
func (r *Report) testCase(rule Rule) junitCase {
	c := junitCase{Name: rule.ID, Class: strings.TrimSuffix(Printable(r.Zone), ".") + "." +
		rule.Area, Time: "0"}
	var lines []string
	for _, f := range r.Findings {
		if f.ID == rule.ID {
			lines = append(lines, f.line())
		}
	}
	switch {
	case len(lines) == 0:
	case rule.Severity >= r.FailOn:
		c.Failure = &junitFailure{Message: rule.Title, Type: rule.Severity.String(),
			Text: strings.Join(lines, "\n") + "\n" + rule.Remedy + "\n" + rule.Reference}
	default:
		c.Out = rule.Severity.String() + ": " + rule.Title + "\n" + strings.Join(lines, "\n")
	}
	return c
}

// line returns the facts of a finding in one line.
func (f *Finding) line() string {
	s := f.Message
	if len(f.Servers) > 0 {
		s += "; at " + list(f.Servers)
	}
	if len(f.Questions) > 0 {
		s += "; asked " + list(f.Questions)
	}
	return Printable(s)
}
