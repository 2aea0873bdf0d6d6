// The report: as text for people, as JSON for programs.

package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/check"
)

// reportVersion is the version of the JSON report. Fields may be added to it; none changes its
// meaning or goes.
const reportVersion = 1

// Report is the result of an examination.
type Report struct {
	Time     time.Time
	Program  string // name and version of this program
	Works    bool   // a program gets an answer
	Path     []string
	Findings []Finding
	Sent     int
	FailOn   check.Severity // findings from this severity on make the examination fail
}

// Failed reports whether the examination has failed.
func (r *Report) Failed() bool { return r.has(r.FailOn) }

// has reports whether a finding has a severity or a graver one.
func (r *Report) has(from check.Severity) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity >= from })
}

// jsonReport is the form of a report in JSON.
type jsonReport struct {
	Version  int           `json:"version"`
	Time     string        `json:"time"`
	Program  string        `json:"program"`
	Works    bool          `json:"works"`
	Result   string        `json:"result"`
	FailOn   string        `json:"fail_on"`
	Path     []string      `json:"path"`
	Queries  int           `json:"queries"`
	Findings []jsonFinding `json:"findings"`
}

// jsonFinding is the form of a finding in JSON.
type jsonFinding struct {
	ID        string   `json:"id"`
	Severity  string   `json:"severity"`
	Area      string   `json:"area"`
	Title     string   `json:"title"`
	Seen      string   `json:"seen"`
	Servers   []string `json:"servers"`
	Cause     string   `json:"cause"`
	Remedy    string   `json:"remedy"`
	Reference string   `json:"reference"`
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	out := jsonReport{Version: reportVersion, Time: r.Time.UTC().Format(time.RFC3339),
		Program: r.Program, Works: r.Works, Result: "passed", FailOn: r.FailOn.String(),
		Path: r.Path, Queries: r.Sent, Findings: []jsonFinding{}}
	if r.Failed() {
		out.Result = "failed"
	}
	for _, f := range r.Findings {
		servers := f.Servers
		if servers == nil {
			servers = []string{}
		}
		out.Findings = append(out.Findings, jsonFinding{f.ID, f.Severity.String(), f.Area, f.Title,
			f.Seen, servers, f.CauseLabel(), f.Remedy, f.Reference})
	}
	return check.WriteIndented(w, out)
}

// CauseLabel returns the label of the cause, "" if there is none.
func (r *Rule) CauseLabel() string {
	if r.Cause == cause.None {
		return ""
	}
	return r.Cause.Label()
}

// WriteText writes the report for people. Colour marks severities for a terminal.
func (r *Report) WriteText(w io.Writer, colour bool) error {
	var b strings.Builder
	switch {
	case !r.Works:
		b.WriteString("DNS does not work on this machine.\n")
	case r.has(check.Warning):
		b.WriteString("DNS works on this machine, with faults.\n")
	default:
		b.WriteString("DNS works on this machine.\n")
	}
	for _, line := range r.Path {
		fmt.Fprintf(&b, "  %s\n", check.Printable(line))
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n%s %s: %s\n  seen: %s\n", f.Severity.Label(colour), f.ID, f.Title,
			check.Printable(f.Seen))
		if len(f.Servers) > 0 {
			fmt.Fprintf(&b, "  at: %s\n", strings.Join(f.Servers, ", "))
		}
		fmt.Fprintf(&b, "  do: %s\n", f.Remedy)
		if l := f.CauseLabel(); l != "" {
			fmt.Fprintf(&b, "  cause: %s (bailiwick causes %s)\n", l, l)
		}
		if f.Reference != "" {
			fmt.Fprintf(&b, "  see: %s\n", f.Reference)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
