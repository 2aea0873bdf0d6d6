package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"bailiwick/internal/gameday"
)

// TestGamedayReports: a scenario of which something was not seen is an error, as text and as JSON.
func TestGamedayReports(t *testing.T) {
	at := 1.5
	good := gameday.Result{Scenario: "one", Cause: "timeout", Metric: &at, Recovery: "3s"}
	bad := gameday.Result{Scenario: "two", Cause: "lame", Missing: []string{"alert", "mended"}}
	for _, c := range []struct {
		results []gameday.Result
		text    string
		fails   bool
	}{{[]gameday.Result{good}, "one timeout - 1.5s - - - - - - 3s", false},
		{[]gameday.Result{good, bad}, "two lame - - - - - - - - alert,mended", true}} {
		var out bytes.Buffer
		err := (&gamedayFlags{}).print(&out, c.results)
		if (err != nil) != c.fails ||
			!strings.Contains(strings.Join(strings.Fields(out.String()), " "), c.text) {
			t.Errorf("%v\n%s", err, out.String())
		}
		out.Reset()
		err = (&gamedayFlags{json: true}).print(&out, c.results)
		var back []gameday.Result
		if (err != nil) != c.fails || json.Unmarshal(out.Bytes(), &back) != nil ||
			len(back) != len(c.results) || *back[0].Metric != at {
			t.Errorf("%v\n%s", err, out.String())
		}
	}
}

// TestGamedayRefusesUnknownScenarios: nothing is started for a name that is mistyped.
func TestGamedayRefusesUnknownScenarios(t *testing.T) {
	_, err := call("gameday", "--only", "expired-signatures,expird")
	var exit *exitError
	if !errors.As(err, &exit) || exit.code != 2 || !strings.Contains(err.Error(),
		`no scenario "expird"; there are expired-signatures, ds-mismatch`) {
		t.Error(err)
	}
}
