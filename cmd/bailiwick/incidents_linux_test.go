// Incidents, recordings and maintenance windows as an operator sees them.

package main

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"bailiwick/internal/cause"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// rows prints the named columns of an operation's rows, a line each.
func (s *reloaded) rows(columns []string, command string, args ...string) string {
	s.t.Helper()
	res, err := s.ctl(command, args...)
	if err != nil {
		s.t.Fatal(err)
	}
	var b strings.Builder
	for _, row := range res.Rows {
		for i, c := range res.Columns {
			for _, want := range columns {
				if c == want {
					fmt.Fprint(&b, row[i], " ")
				}
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// expectLimit has an operation list one row of those that there are, and refuse no row.
func (s *reloaded) expectLimit(command string) {
	s.t.Helper()
	if res, err := s.ctl(command, "limit", "1"); err != nil || len(res.Rows) != 1 {
		s.t.Errorf("%s with the limit 1: %v, %v", command, res.Rows, err)
	}
	if _, err := s.ctl(command, "limit", "0"); err == nil {
		s.t.Errorf("%s with the limit 0 is not refused", command)
	}
}

// An operator looks for what is broken: several names of one zone are one incident, whether they
// were resolved or answered from memory; the recorder has the steps of each; stale data and
// permissive zones count, too. A maintenance window silences the zone, a negative trust anchor ends
// the incident.
func TestIncidentsOfAServer(t *testing.T) {
	s := reloadable(t, plain)
	for range 4 {
		s.expect("www.expired.faulty.", "SERVFAIL")
		s.expect("no.expired.faulty.", "SERVFAIL")
		s.expect("www.secure.example.", "NOERROR+ad")
	}
	s.expect("www.ds-mismatch.faulty.", "SERVFAIL") // once is not an incident
	columns := []string{"zone", "cause", "state", "queries", "maintenance"}
	want := "expired.faulty. signature_expired open 8 false \n"
	if have := s.rows(columns, "incidents"); have != want {
		t.Errorf("incidents: %q, want %q", have, want)
	}
	if have := s.rows([]string{"network", "failed"}, "failures networks"); have !=
		"127.0.0.0/24 9 \n" {
		t.Errorf("networks: %q", have)
	}
	s.expectLimit("failures networks")
	s.expectLimit("incidents")
	s.expectLimit("failures list")
	s.expectLimit("servers")
	if have := s.rows(columns, "incidents", "zone", "example"); have != "" {
		t.Errorf("incidents of another zone: %q", have)
	}

	have := s.rows([]string{"name", "cause", "again"}, "failures list", "name", "expired.faulty")
	if want := "no.expired.faulty. signature_expired 0 \n" +
		"www.expired.faulty. signature_expired 0 \n"; have != want {
		t.Errorf("failures: %q, want %q", have, want)
	}
	numbers := strings.Fields(s.rows([]string{"number"}, "failures list", "name",
		"www.expired.faulty"))
	steps := s.rows([]string{"step"}, "failures show", "number", numbers[0])
	for _, want := range []string{"www.expired.faulty.", "expired.faulty. is secure",
		"verdict bogus", "signature_expired"} {
		if !strings.Contains(steps, want) {
			t.Errorf("no %q in the steps:\n%s", want, steps)
		}
	}
	if _, err := s.ctl("failures show", "number", "4711"); err == nil {
		t.Error("a recording that is not there was shown")
	}

	if _, err := s.ctl("failures watch", "name", "alias.secure.example"); err != nil {
		t.Fatal(err)
	}
	s.expect("alias.secure.example.", "NOERROR+ad")
	have = s.rows([]string{"name", "cause"}, "failures list", "limit", "1")
	if have != "alias.secure.example. none \n" {
		t.Errorf("the last recording: %q", have)
	}

	for _, bad := range [][]string{{"zone", "faulty"}, {"zone", "faulty", "for", "soon"},
		{"zone", "faulty", "for", "1h", "to", "2030-01-01T00:00:00Z"},
		{"zone", "faulty", "from", "now", "for", "1h"}, {"zone", "a..b", "for", "1h"}} {
		if res, err := s.ctl("maintenance add", bad...); err == nil {
			t.Errorf("%v: %v", bad, res)
		}
	}
	if _, err := s.ctl("maintenance add", "zone", "faulty", "for", "2h", "owner",
		"dns"); err != nil {
		t.Fatal(err)
	}
	if have := s.rows([]string{"zone", "open", "owner", "added_by"}, "maintenance list"); have !=
		"faulty. true dns uid 12, pid 3 \n" {
		t.Errorf("maintenance: %q", have)
	}
	want = "expired.faulty. signature_expired open 8 true \n"
	if have := s.rows(columns, "incidents"); have != want {
		t.Errorf("incidents: %q, want %q", have, want)
	}
	if _, err := s.ctl("maintenance remove", "zone", "faulty"); err != nil {
		t.Fatal(err)
	}

	if _, err := s.ctl("nta add", "zone", "expired.faulty"); err != nil {
		t.Fatal(err)
	}
	f := failureOf(s.now().resolver.Resolve(context.Background(), wire.Question{
		Name: wire.MustParseName("www.expired.faulty"), Type: wire.TypeA, Class: wire.ClassIN},
		resolver.Options{}))
	if f == nil || f.Cause != cause.NegativeAnchor {
		t.Errorf("under a negative trust anchor a check finds %v", f)
	}
	s.change(plain + "validator: {zones: [{zone: ds-mismatch.faulty, mode: permissive}]}\n" +
		"failures: {keep: 0}\nincidents: {queries: 2}\n")
	for range 5 {
		s.expect("www.ds-mismatch.faulty.", "NOERROR")
	}
	res, err := s.ctl("incidents", "all", "true", "limit", "1")
	if err != nil || len(res.Rows) != 1 {
		t.Errorf("one of several incidents: %v, %v", res.Rows, err)
	}
	if have := s.rows(columns, "incidents", "zone", "ds-mismatch.faulty"); !strings.HasPrefix(have,
		"ds-mismatch.faulty. ds_mismatch open ") {
		t.Errorf("incidents of a permissive zone: %q", have)
	}
	if have := s.rows([]string{"name"}, "failures list"); have != "" {
		t.Errorf("kept though nothing is to be: %q", have)
	}
}

// Programs that look often ask for the figures that they show and for no others.
func TestStatsOfSomeMetrics(t *testing.T) {
	s := reloadable(t, plain)
	s.expect("www.expired.faulty.", "SERVFAIL")
	have := s.rows([]string{"metric", "labels"}, "stats", "metric",
		"bailiwick_ready,bailiwick_servfail_total")
	for line := range strings.Lines(have) {
		if !strings.HasPrefix(line, "bailiwick_ready ") &&
			!strings.HasPrefix(line, "bailiwick_servfail_total ") {
			t.Errorf("nobody asked for %s", line)
		}
	}
	if !strings.Contains(have, "cause=signature_expired") ||
		!strings.Contains(have, "bailiwick_ready") {
		t.Errorf("one of two is missing: %s", have)
	}
}
