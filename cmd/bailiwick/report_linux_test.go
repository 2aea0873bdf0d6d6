// The report of the week, as an operator reads it.

package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/rollover"
	"bailiwick/internal/watch"
	"bailiwick/wire"
)

// An operator reads the week: the rate of all responses and of watched zones, an incident, and what
// is wrong with a zone and with its algorithms.
func TestReportOfAServer(t *testing.T) {
	s := reloadable(t, plain+"incidents: {queries: 2}\nwatch: {zones: [{name: secure.example, "+
		"owner: dns, objective: 99}, expired.faulty, iterated.example]}\n")
	for range 3 {
		s.expect("www.expired.faulty.", "SERVFAIL")
		s.expect("www.secure.example.", "NOERROR+ad")
	}
	until(t, "all are probed", func() bool {
		return !strings.Contains(s.rows([]string{"state"}, "watch list"), "not probed")
	})
	for _, since := range []string{"", "24h", "30d",
		time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)} {
		res, err := s.ctl("report", "since", since)
		var text bytes.Buffer
		if err != nil || printReport(&text, res) != nil {
			t.Fatal(err)
		}
		for _, want := range []string{
			"Validation: 50.000 % of 6 responses, all but 3, did not fail it.\n" +
				"Objective 99.9 %; error budget of 30 days: spent 500.0 times",
			"secure.example.  good     100.000 %  0 of 1  99 %       100.0 % left      -",
			"expired.faulty.  failing  0.000 %    1 of 1  99.9 %     spent 1000.0 times   " +
				"signature_expired  -",
			"Incidents: 1\n", "expired.faulty.  signature_expired  open   ",
			"Rollovers: none\n", "Outdated algorithms and parameters: 2\n",
			"iterated.example.  warning   nsec3-iterations  ",
			"expired.faulty.  error     signature-expired  ",
		} {
			if !strings.Contains(spaced(text.String()), spaced(want)) {
				t.Errorf("since %q: no %q in\n%s", since, want, &text)
			}
		}
	}
	for _, bad := range []string{"tomorrow", "-1h", "0d", "2999-01-01T00:00:00Z"} {
		if res, err := s.ctl("report", "since", bad); err == nil {
			t.Errorf("since %s: %v", bad, res)
		}
	}
}

// spaced returns a text whose words have one space between them.
func spaced(s string) string { return strings.Join(strings.Fields(s), " ") }

// TestReportRollovers: those under way are in the report, and those that ended in its time or are
// broken.
func TestReportRollovers(t *testing.T) {
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	from := now.Add(-usualReport)
	step := func(days int, w rollover.What) rollover.Step {
		return rollover.Step{What: w, At: now.Add(-time.Duration(days) * 24 * time.Hour)}
	}
	z := watch.State{Zone: watch.Zone{Name: wire.MustParseName("bank.example")}}
	z.Rolls = append(z.Rolls, []watch.Rollover{
		{Roll: rollover.Roll{Role: rollover.ZSK, Steps: []rollover.Step{step(30, rollover.Began),
			step(20, rollover.OldGone)}}},
		{Roll: rollover.Roll{Role: rollover.KSK, Steps: []rollover.Step{step(30, rollover.Began),
			step(3, rollover.OldGone)}}},
		{Roll: rollover.Roll{Role: rollover.CSK, Steps: []rollover.Step{step(30, rollover.Began),
			step(20, rollover.OldGone)}, Breaks: []rollover.Break{{Why: rollover.DSTooEarly}}}},
		{Roll: rollover.Roll{Role: rollover.ZSK, Steps: []rollover.Step{step(30, rollover.Began),
			step(29, rollover.KeySeen)}}, Due: rollover.Due{What: rollover.Signing, Known: true,
			Earliest: now.Add(time.Hour), Latest: now.Add(48 * time.Hour)}},
	}...)
	var have []string
	for _, r := range rolloversSince(&z, from, now) {
		have = append(have, strings.Join([]string{r.Kind, r.State, r.Due, r.Earliest, r.Latest,
			r.Ended}, " "))
	}
	want := "KSK old_key_gone - - - 2026-11-24T00:00:00Z; " +
		"CSK broken - - - 2026-11-07T00:00:00Z; " +
		"ZSK key_seen signing 2026-11-27T01:00:00Z 2026-11-29T00:00:00Z -"
	if strings.Join(have, "; ") != want {
		t.Errorf("%s, want %s", strings.Join(have, "; "), want)
	}
}
