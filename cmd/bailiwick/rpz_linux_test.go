package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/console"
	"bailiwick/wire"
)

const policyFile = "$TTL 60\n@ SOA ns. host. 7 600 60 86400 60\n@ NS ns.\n" +
	"www.secure.example CNAME .\n32.11.2.0.192.rpz-ip CNAME rpz-drop.\nx.rpz-foo CNAME .\n"

// A policy zone is in force when a reload that names it is done or soon after, changes with its
// file, and ends with the configuration; each time without a restart, and without another answer
// for other names.
func TestPolicyZoneComesChangesAndGoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(policyFile)
	s := reloadable(t, plain)
	s.expect("www.secure.example.", "NOERROR+ad")
	s.change(plain + "policy: {rpz: [{name: rpz.test, file: " + file + ", break_dnssec: true}]}\n")
	s.becomes("www.secure.example.", "NXDOMAIN")
	s.expect("www.nsec3.example.", "NOERROR+ad")
	s.expect("rpz.test.", "NXDOMAIN+ad") // it is not a zone that clients see

	write(strings.Replace(policyFile, " 7 600", " 8 600", 1) + "www.nsec3.example CNAME .\n")
	s.keeper.Refresh(wire.MustParseName("rpz.test."))
	s.becomes("www.nsec3.example.", "NXDOMAIN")
	s.expect("www.secure.example.", "NXDOMAIN")

	rows, err := s.policyLists(console.Request{})
	if err != nil || len(rows.Rows) != 1 || rows.Rows[0][0] != "rpz" || rows.Rows[0][3] != 3 {
		t.Errorf("ctl policy: %v %v", rows, err)
	}
	found, err := s.policyTest(console.Request{Args: map[string]string{
		"name": "www.nsec3.example"}})
	if err != nil || found.Fields["rule"] != "www.nsec3.example.rpz.test." ||
		found.Fields["outcome"] != "nxdomain" {
		t.Errorf("ctl policy test: %v %v", found, err)
	}
	s.change(plain)
	s.expect("www.secure.example.", "NOERROR+ad")
	s.expect("www.nsec3.example.", "NOERROR+ad")
}

// A policy zone that is in a file is in force before the first query.
func TestPolicyZoneIsInForceFromTheStart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(file, []byte(policyFile), 0o600); err != nil {
		t.Fatal(err)
	}
	s := reloadable(t, plain+"policy: {rpz: [{name: rpz.test, file: "+file+
		", break_dnssec: true}]}\n")
	s.expect("www.secure.example.", "NXDOMAIN")
}

// Silence that policy wants is no reason for the watchdog to have the server restarted: a rule
// about this machine's own address, as in the examples of policy zones, or a local zone for
// everything.
func TestPolicyZoneThatSilencesTheWatchdog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules")
	if err := os.WriteFile(file, []byte("8.0.0.0.127.rpz-client-ip CNAME rpz-drop.\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{
		"a rule":       "policy: {rpz: [{name: rpz.test, file: " + file + "}]}\n",
		"a local zone": "policy: {local_zones: [{name: ., type: drop}]}\n",
		"access":       "policy: {access: [127.0.0.0/8 drop]}\n",
	} {
		s := reloadable(t, plain+text)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := s.healthy(ctx); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		cancel()
	}
}

// becomes asks for a name until it is answered in a way.
func (s *reloaded) becomes(name, want string) {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		got, _ := s.ask("udp", s.udp, name)
		if got == want {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("%s: %s, want %s", name, got, want)
		}
	}
}
