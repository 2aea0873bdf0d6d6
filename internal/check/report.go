// The report: what was asked and found, as JSON with a published schema.

package check

import (
	"encoding/json"
	"io"
	"slices"
	"time"
)

// reportVersion is the version of the JSON report. Fields may be added to it; none changes its
// meaning or goes.
const reportVersion = 1

// Report is the result of a check.
type Report struct {
	Zone     string
	Time     time.Time
	Program  string // name and version of this program
	Queries  int    // that were sent, with repetitions
	Servers  []string
	Parent   []string // the parent's servers
	Findings []Finding
	FailOn   Severity // findings from this severity on make the check fail
}

// Failed reports whether the check has failed.
func (r *Report) Failed() bool {
	gravest, any := worst(r.Findings)
	return any && gravest >= r.FailOn
}

// count returns how many findings have a severity.
func (r *Report) count(s Severity) (n int) {
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// jsonReport is the form of a report in JSON.
type jsonReport struct {
	Version  int           `json:"version"`
	Zone     string        `json:"zone"`
	Time     string        `json:"time"`
	Program  string        `json:"program"`
	Result   string        `json:"result"`
	FailOn   string        `json:"fail_on"`
	Errors   int           `json:"errors"`
	Warnings int           `json:"warnings"`
	Notices  int           `json:"notices"`
	Queries  int           `json:"queries"`
	Servers  []string      `json:"servers"`
	Parent   []string      `json:"parent_servers"`
	Findings []jsonFinding `json:"findings"`
}

// jsonFinding is the form of a finding in JSON.
type jsonFinding struct {
	ID        string   `json:"id"`
	Severity  string   `json:"severity"`
	Area      string   `json:"area"`
	Title     string   `json:"title"`
	Message   string   `json:"message"`
	Servers   []string `json:"servers"`
	Questions []string `json:"questions"`
	Remedy    string   `json:"remedy"`
	Reference string   `json:"reference"`
}

// result is the outcome of a check as a word.
func (r *Report) result() string {
	if r.Failed() {
		return "failed"
	}
	return "passed"
}

// WriteJSON writes the report as the schema has it.
func (r *Report) WriteJSON(w io.Writer) error {
	out := jsonReport{Version: reportVersion, Zone: r.Zone,
		Time: r.Time.UTC().Format(time.RFC3339), Program: r.Program, Result: r.result(),
		FailOn: r.FailOn.String(), Errors: r.count(Error), Warnings: r.count(Warning),
		Notices: r.count(Notice), Queries: r.Queries, Servers: words(r.Servers),
		Parent: words(r.Parent), Findings: []jsonFinding{}}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, jsonFinding{f.ID, f.Severity.String(), f.Area,
			f.Title, f.Message, words(f.Servers), words(f.Questions), f.Remedy, f.Reference})
	}
	return WriteIndented(w, out)
}

// words returns a list that is empty rather than null.
func words(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// WriteIndented writes JSON for people and programs.
func WriteIndented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// Schema writes the JSON schema of the report.
func Schema(w io.Writer) error {
	text := func(about string) map[string]any {
		return map[string]any{"type": "string", "description": about}
	}
	number := func(about string) map[string]any {
		return map[string]any{"type": "integer", "minimum": 0, "description": about}
	}
	texts := func(about string) map[string]any {
		return map[string]any{"type": "array", "description": about,
			"items": map[string]any{"type": "string"}}
	}
	choice := func(about string, values ...string) map[string]any {
		return map[string]any{"type": "string", "enum": values, "description": about}
	}
	object := func(p map[string]any) map[string]any {
		var required []string
		for k := range p {
			required = append(required, k)
		}
		slices.Sort(required)
		return map[string]any{"type": "object", "additionalProperties": false,
			"required": required, "properties": p}
	}
	var ids []string
	for _, r := range rules {
		ids = append(ids, r.ID)
	}
	finding := object(map[string]any{
		"id":        choice("what is wrong; never changes", ids...),
		"severity":  choice("how much it matters", "notice", "warning", "error"),
		"area":      choice("the part of the check", Areas()...),
		"title":     text("what is wrong, in one line"),
		"message":   text("the facts: key tags, dates, addresses"),
		"servers":   texts("name and address of each server where it was seen"),
		"questions": texts("name and type of each question whose reply shows it"),
		"remedy":    text("what to do about it"),
		"reference": text("the section that demands it; may be empty"),
	})
	s := object(map[string]any{
		"version":        map[string]any{"type": "integer", "enum": []int{reportVersion}},
		"zone":           text("the apex, with the final dot"),
		"time":           map[string]any{"type": "string", "format": "date-time"},
		"program":        text("name and version of the program"),
		"result":         choice("whether a finding reaches fail_on", "passed", "failed"),
		"fail_on":        choice("the least that fails", "notice", "warning", "error"),
		"errors":         number("findings of this severity"),
		"warnings":       number("findings of this severity"),
		"notices":        number("findings of this severity"),
		"queries":        number("packets and connections that were sent"),
		"servers":        texts("name and address of each server that was asked"),
		"parent_servers": texts("name and address of each server of the parent that was asked"),
		"findings": map[string]any{"type": "array", "items": finding,
			"description": "the gravest first"},
	})
	s["$schema"], s["title"] = "https://json-schema.org/draft/2020-12/schema",
		"Report of bailiwick check"
	return WriteIndented(w, s)
}
