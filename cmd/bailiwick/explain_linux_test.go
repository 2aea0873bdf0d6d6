package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/console"
	"bailiwick/internal/explain"
)

// exitOf returns the exit status of a command line.
func exitOf(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	}
	return 1
}

// The exit status tells how the chain of trust is.
func TestExplainExitStatus(t *testing.T) {
	for name, want := range map[string]int{
		"www.secure.example": 0, "no.secure.example": 0, "away.nsec3.example": 0,
		"www.unsigned.example": statusInsecure, "www.algorithm.faulty": statusInsecure,
		"www.expired.faulty": statusBogus, "www.ds-mismatch.faulty": statusBogus,
		"www.refusing.faulty": statusUnresolved, "a.aliases.faulty": statusUnresolved,
	} {
		out, err := printed(t, "explain", "--lab", name)
		if got := exitOf(err); got != want {
			t.Errorf("%s: exit status %d, want %d\n%s", name, got, want, out)
		}
	}
	for _, args := range [][]string{{"explain"}, {"explain", "--lab", "--running", "a.example"},
		{"explain", "--json", "--svg", "a.example"}, {"explain", "--color", "red", "--lab", "."},
		{"explain", "--fresh", "a.example"}, {"explain", "a.example", "A", "B"}} {
		if _, err := printed(t, args...); exitOf(err) != statusUnresolved {
			t.Errorf("%q: exit status %d: %v", args, exitOf(err), err)
		}
	}
}

// Each form is printed. What is not a terminal gets no colours, unless they are asked for; NO_COLOR
// takes them from a terminal.
func TestExplainForms(t *testing.T) {
	for form, begin := range map[string]string{"--json": "{", "--dot": "digraph explain {",
		"--svg": "<?xml", "--html": "<!DOCTYPE html>", "--color=always": "\x1b[32mwww.secure",
		"--color=auto": "www.secure", "--color=never": "www.secure"} {
		out, err := printed(t, "explain", "--lab", form, "www.secure.example")
		if err != nil || !strings.HasPrefix(out, begin) {
			t.Errorf("%s: %v\n%.200s", form, err, out)
		}
	}
	out, err := printed(t, "explain", "--schema")
	if err != nil || !json.Valid([]byte(out)) || !strings.Contains(out, "$defs") {
		t.Errorf("the schema: %v\n%.200s", err, out)
	}
	tty, err := os.OpenFile("/dev/null", os.O_WRONLY, 0) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	if yes, err := wantsColour("auto", tty); !yes || err != nil {
		t.Errorf("a terminal: %v, %v", yes, err)
	}
	t.Setenv("NO_COLOR", "1")
	if yes, err := wantsColour("auto", tty); yes || err != nil {
		t.Errorf("with NO_COLOR: %v, %v", yes, err)
	}
}

// reportBy has a server explain a name.
func (s *reloaded) reportBy(args ...string) *explain.Report {
	s.t.Helper()
	res, err := s.ctl("explain", args...)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := reportOf[explain.Report](res)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// A running server explains what its clients get: from its caches without a packet; a failure after
// the fact with its first time, and whether it goes on; policy and exceptions that are in force.
func TestExplainByARunningServer(t *testing.T) {
	s := reloadable(t, plain+"policy: {local_zones: [{name: blocked.example, type: nxdomain}]}\n")
	s.expect("www.secure.example.", "NOERROR+ad")
	s.expect("www.expired.faulty.", "SERVFAIL")
	s.reportBy("name", "www.secure.example")
	known := s.reportBy("name", "www.secure.example", "type", "A")
	if known.Packets != 0 || known.Status != "secure" || len(known.Zones) != 3 ||
		known.Steps[0].From != "the cache" {
		t.Errorf("from the cache: %d packets, %s", known.Packets, known.Summary)
	}
	failed := s.reportBy("name", "www.expired.faulty")
	if failed.Broken == nil || failed.Broken.Cause != "signature_expired" ||
		len(failed.Remembered) == 0 || !failed.Remembered[0].Active || failed.Packets == 0 ||
		!strings.Contains(strings.Join(failed.Notes, "\n"), "asked anew, it fails for the same") {
		t.Errorf("after the fact: %+v", failed)
	}
	if fresh := s.reportBy("name", "www.secure.example", "fresh", "true"); fresh.Packets == 0 ||
		fresh.Status != "secure" {
		t.Errorf("fresh: %d packets, %s", fresh.Packets, fresh.Summary)
	}
	drawn, err := s.ctl("explain", "name", "www.expired.faulty", "drawing", "true")
	var text strings.Builder
	if err != nil || printExplained(&text, drawn) != nil || !strings.HasPrefix(text.String(),
		"<?xml") || !strings.HasSuffix(text.String(), "</svg>\n") {
		t.Errorf("drawn: %v\n%.200s", err, text.String())
	}
	if res, err := s.ctl("explain", "name", "www.secure.example"); err != nil ||
		res.Fields["drawing"] != nil {
		t.Errorf("drawn though nobody asks for it: %v", err)
	}
	if _, err := s.ctl("nta add", "zone", "expired.faulty.", "reason", "a test"); err != nil {
		t.Fatal(err)
	}
	excepted := s.reportBy("name", "www.expired.faulty")
	if len(excepted.Exceptions) != 1 || excepted.Exceptions[0].Cause != "negative_trust_anchor" {
		t.Errorf("with a negative trust anchor: %+v", excepted.Exceptions)
	}
	blocked := s.reportBy("name", "www.blocked.example")
	if len(blocked.Policy) == 0 || blocked.Policy[0] != (explain.Policy{What: "outcome",
		Value: "nxdomain"}) {
		t.Errorf("a blocked name: %+v", blocked.Policy)
	}
	if i := blocked.Instead; i == nil || i.Cause != "blocked" || i.By != "this resolver" ||
		exitOf(explainStatus(blocked)) != statusUnresolved {
		t.Errorf("a blocked name: %+v, status %v", i, explainStatus(blocked))
	}
	for kind, want := range map[string]string{"AXFR": "refused query_refused",
		"MAILB": "notimp query_refused", "NXNAME": "formerr request_type", "TXT": "resolved <nil>",
		"ANY": "resolved <nil>"} {
		test, err := s.ctl("policy test", "name", "www.secure.example", "type", kind)
		if got := fmt.Sprint(test.Fields["outcome"], " ", test.Fields["cause"]); err != nil ||
			got != want {
			t.Errorf("policy test of %s: %s %v, want %s", kind, got, err, want)
		}
		r := s.reportBy("name", "www.secure.example", "type", kind)
		if (r.Instead == nil) != (want == "resolved <nil>") ||
			r.Instead != nil && !strings.HasSuffix(want, r.Instead.Cause) {
			t.Errorf("explain %s: %+v", kind, r.Instead)
		}
	}
	if fresh := s.reportBy("name", "www.future.faulty", "fresh", "true"); fresh.Broken == nil ||
		len(fresh.Remembered) != 0 {
		t.Errorf("a memory of its own is told of: %+v", fresh.Remembered)
	}
}

// No more names are explained at once than maxExplained: each resolves its chain of trust.
func TestMaxExplainedBoundsWhatIsExplained(t *testing.T) {
	s := reloadable(t, plain)
	for range maxExplained {
		s.explaining <- struct{}{}
	}
	if _, err := s.ctl("explain", "name", "www.secure.example"); !errors.Is(err, errBusy) {
		t.Errorf("one more: %v", err)
	}
	<-s.explaining
	if _, err := s.ctl("explain", "name", "www.secure.example"); err != nil {
		t.Errorf("after one has ended: %v", err)
	}
}

// `explain --running` and `ctl explain` print what the server has, over the control socket.
func TestExplainRunningOverTheSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "ctl")
	s := reloadable(t, plain+"admin: {listen: ''}\ncontrol: {socket: "+socket+"}\n")
	s.expect("www.expired.faulty.", "SERVFAIL")
	text, err := printed(t, "explain", "--running", "-s", socket, "www.expired.faulty")
	if exitOf(err) != statusBogus || !strings.Contains(text, "remembered: www.expired.faulty. A") {
		t.Errorf("%v\n%s", err, text)
	}
	again, err := printed(t, "ctl", "-s", socket, "explain", "www.expired.faulty")
	if err != nil || !strings.Contains(again, "is bogus: broken is the signature") {
		t.Errorf("%v\n%s", err, again)
	}
	asJSON, err := printed(t, "ctl", "-s", socket, "--json", "explain", "www.expired.faulty")
	var fields map[string]any
	if err != nil || json.Unmarshal([]byte(asJSON), &fields) != nil {
		t.Fatalf("%v\n%s", err, asJSON)
	}
	if r, err := reportOf[explain.Report](console.Result{Fields: fields}); err != nil ||
		r.Broken == nil {
		t.Errorf("%v\n%s", err, asJSON)
	}
}
