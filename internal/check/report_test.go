package check_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"bailiwick/internal/check"
)

// hostile has what servers may put into texts, and writers may not pass on: a terminal obeys the
// one, and XML has no way to write it (schemathesis/schemathesis#4794, DataDog/datadog-ci#2477).
const hostile = "\x1b[31m<\x00&]]>\xff\u0085"

// example returns a report with a finding of every rule.
func example(failOn check.Severity) *check.Report {
	r := &check.Report{Zone: zoneName, Time: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC),
		Program: "bailiwick 1.0 test", Queries: 7, Servers: []string{"ns1 192.0.2.1"},
		FailOn: failOn}
	for _, rule := range check.Rules() {
		r.Findings = append(r.Findings, check.Finding{Rule: rule, Message: "facts " + hostile,
			Servers: []string{"ns1 192.0.2.1"}, Questions: []string{zoneName + " SOA"}})
	}
	return r
}

// compiled returns a JSON schema.
func compiled(t *testing.T, name string, text io.Reader) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// holds compares a document with a schema.
func holds(t *testing.T, s *jsonschema.Schema, text []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err == nil {
		err = s.Validate(doc)
	}
	if err != nil {
		t.Errorf("%v\n%.2000s", err, text)
	}
}

// The report is as the schema has it, which leaves nothing open: with a field too many or too few,
// or a finding of no rule, it is not.
func TestJSONIsAsTheSchemaSays(t *testing.T) {
	var schema, full, empty bytes.Buffer
	if err := check.Schema(&schema); err != nil {
		t.Fatal(err)
	}
	s := compiled(t, "https://bailiwick.invalid/check.json", &schema)
	if err := example(check.Error).WriteJSON(&full); err != nil {
		t.Fatal(err)
	}
	holds(t, s, full.Bytes())
	if err := (&check.Report{Zone: zoneName}).WriteJSON(&empty); err != nil {
		t.Fatal(err)
	}
	holds(t, s, empty.Bytes())
	for _, change := range []func(map[string]any){
		func(m map[string]any) { m["more"] = 1 },
		func(m map[string]any) { delete(m, "queries") },
		func(m map[string]any) { m["findings"].([]any)[0].(map[string]any)["id"] = "no-such" },
		func(m map[string]any) { delete(m["findings"].([]any)[0].(map[string]any), "remedy") },
	} {
		var m map[string]any
		if err := json.Unmarshal(full.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		if s.Validate(m) == nil {
			t.Errorf("the schema accepts what it should not: %.300v", m)
		}
	}
}

// SARIF is as OASIS has published it (version 2.1.0, errata 01; descriptions are left out of the
// copy), and as GitHub takes it: each result has a location with a URI that is not empty
// (github/codeql-action#1738, microsoft/sarif-sdk#2770, ossf/scorecard-action#1149).
func TestSARIFIsAsPublished(t *testing.T) {
	file, err := os.Open("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := compiled(t, "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"+
		"sarif-schema-2.1.0.json", file)
	for _, r := range []*check.Report{example(check.Error), {Zone: "."}, {Zone: zoneName}} {
		for _, zoneFile := range []string{"", "zones/my zone.db"} {
			var out bytes.Buffer
			if err := r.WriteSARIF(&out, zoneFile); err != nil {
				t.Fatal(err)
			}
			holds(t, s, out.Bytes())
			uris(t, out.Bytes(), len(r.Findings))
		}
	}
}

// uris checks the locations of results.
func uris(t *testing.T, text []byte, results int) {
	t.Helper()
	var log struct {
		Runs []struct {
			AutomationDetails struct{ ID string }
			Tool              struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				RuleIndex int
				Locations []struct {
					PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
				}
				PartialFingerprints map[string]string
			}
		}
	}
	if err := json.Unmarshal(text, &log); err != nil {
		t.Fatal(err)
	}
	if len(log.Runs) != 1 || len(log.Runs[0].Results) != results {
		t.Fatalf("%d results are missing", results)
	}
	// Several zones are uploaded at once, each in a category of its own (github/codeql-action#872,
	// codacy/codacy-analysis-cli#541).
	if id := log.Runs[0].AutomationDetails.ID; !strings.HasSuffix(id, "./") {
		t.Errorf("the identifier of the run is %q: its category is not the zone's", id)
	}
	prints := map[string]bool{}
	for _, r := range log.Runs[0].Results {
		if len(r.Locations) != 1 {
			t.Fatalf("%s has no location", r.RuleID)
		}
		uri := r.Locations[0].PhysicalLocation.ArtifactLocation.URI
		if u, err := url.Parse(uri); err != nil || uri == "" || u.IsAbs() ||
			strings.Contains(uri, " ") {
			t.Errorf("%s: URI %q", r.RuleID, uri)
		}
		if log.Runs[0].Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("%s has the index of another rule", r.RuleID)
		}
		prints[r.PartialFingerprints["finding/v1"]] = true
	}
	if len(prints) != results {
		t.Errorf("%d fingerprints of %d results", len(prints), results)
	}
}

// The fingerprint of a finding stays when its dates change, so that CI knows it again.
func TestSARIFFingerprintsDoNotContainDates(t *testing.T) {
	print := func(message string) string {
		r := &check.Report{Zone: zoneName, Findings: []check.Finding{{Rule: check.Rules()[0],
			Message: message}}}
		var out bytes.Buffer
		if err := r.WriteSARIF(&out, ""); err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(out.String(), "finding/v1")
		return text
	}
	if print("ends on Monday") != print("ends on Tuesday") {
		t.Error("the fingerprint depends on the facts")
	}
}

// JUnit is XML, whatever a server has sent, and its counts are right.
func TestJUnitCanBeRead(t *testing.T) {
	for failOn, fails := range map[check.Severity]func(check.Rule) bool{
		check.Error:   func(r check.Rule) bool { return r.Severity == check.Error },
		check.Warning: func(r check.Rule) bool { return r.Severity >= check.Warning },
		check.Notice:  func(check.Rule) bool { return true },
	} {
		var out bytes.Buffer
		if err := example(failOn).WriteJUnit(&out); err != nil {
			t.Fatal(err)
		}
		var suites struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Suites   []struct {
				Tests    int `xml:"tests,attr"`
				Failures int `xml:"failures,attr"`
				Cases    []struct {
					Name    string    `xml:"name,attr"`
					Class   string    `xml:"classname,attr"`
					Failure *struct{} `xml:"failure"`
				} `xml:"testcase"`
			} `xml:"testsuite"`
		}
		if err := xml.Unmarshal(out.Bytes(), &suites); err != nil {
			t.Fatalf("%v\n%.500s", err, out.String())
		}
		failed := map[string]bool{}
		tests, failures := 0, 0
		for _, s := range suites.Suites {
			tests, failures = tests+s.Tests, failures+s.Failures
			if len(s.Cases) != s.Tests {
				t.Errorf("%d cases of %d", len(s.Cases), s.Tests)
			}
			for _, c := range s.Cases {
				failed[c.Name] = c.Failure != nil
			}
		}
		if tests != suites.Tests || failures != suites.Failures || len(failed) != tests {
			t.Errorf("%d tests, %d failures, and %d, %d in all", tests, failures, suites.Tests,
				suites.Failures)
		}
		for _, r := range check.Rules() {
			if failed[r.ID] != fails(r) {
				t.Errorf("fail on %s: %s failed: %v", failOn, r.ID, failed[r.ID])
			}
		}
	}
}

// The text has no control characters of others, and colours for a terminal alone.
func TestTextHasNoControlCharacters(t *testing.T) {
	for _, colour := range []bool{false, true} {
		var out bytes.Buffer
		if err := example(check.Error).WriteText(&out, colour); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if got := strings.Contains(text, "\x1b[31merror\x1b[0m "); got != colour {
			t.Errorf("colour %v: %v", colour, got)
		}
		for _, c := range []string{"\x00", "\xff", "\u0085", "\x1b[31m<"} {
			if strings.Contains(text, c) {
				t.Errorf("it has %q", c)
			}
		}
	}
}

// A check fails from the severity on that it is told.
func TestFailOn(t *testing.T) {
	for _, rule := range check.Rules() {
		for _, failOn := range []check.Severity{check.Notice, check.Warning, check.Error} {
			r := &check.Report{FailOn: failOn, Findings: []check.Finding{{Rule: rule}}}
			if r.Failed() != (rule.Severity >= failOn) {
				t.Errorf("%s of %s, fail on %s: %v", rule.ID, rule.Severity, failOn, r.Failed())
			}
		}
	}
	if (&check.Report{FailOn: check.Notice}).Failed() {
		t.Error("a check without findings fails")
	}
}
