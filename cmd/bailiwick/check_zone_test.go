package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What people type, what they see, and with which status it ends: 0 without a finding that counts,
// 1 with one, 2 for wrong use. Scripts rely on it (PowerDNS/pdns#677, dblacka/jdnssec-tools#5).
func TestCheckZone(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	const digest = "0000000000000000000000000000000000000000000000000000000000000000"
	ds := write("dsset", "; one\nsecure.example. IN DS 1 13 2 "+digest+"\n")
	other := write("other", "other.example. IN DS 1 13 2 "+digest+"\n")
	empty := write("empty", "; nothing\n")
	for _, c := range []struct {
		args []string
		want string // in the output or the error
		code int
	}{
		{[]string{"secure.example"}, "passed: 0 errors, 1 warning", 0},
		{[]string{"secure.example", "--fail-on", "warning"}, "warning few-servers", 1},
		{[]string{"expired.faulty"}, "error signature-expired", 1},
		{[]string{"secure.example", "--no-parent"}, "passed", 0},
		{[]string{"nothing.example", "--no-parent"}, "no name server of nothing.example.", 1},
		{[]string{"nothing.example"}, "error not-delegated", 1},
		{[]string{"secure.example", "--server", "127.53.0.8", "--no-parent"}, "passed", 0},
		{[]string{"secure.example", "--server", "ns1.secure.example"}, "127.53.0.8", 0},
		{[]string{"secure.example", "--server", "ns1.secure.example=127.53.0.8",
			"--ds", "1 13 2 " + digest}, "error ds-mismatch", 1},
		{[]string{"secure.example", "--ds", ds}, "error ds-mismatch", 1},
		{[]string{"secure.example", "--ds", "secure.example. 300 IN DS 1 13 2 " + digest},
			"error ds-mismatch", 1},
		{[]string{"secure.example", "--dnskey", "257 3 13 AAAA"}, "error ds-mismatch", 1},
		{[]string{"secure.example", "--names", "www,mail/MX,www.secure.example/TXT"}, "passed", 0},
		{[]string{"secure.example", "--tlsa", "_443._tcp.www"}, "error tlsa-missing", 1},
		{[]string{"secure.example", "--lead-time", "31d"}, "warning signature-expires-soon", 0},
		{[]string{"secure.example", "--lead-time", "2678400"}, "warning signature-expires-soon", 0},
		{[]string{"secure.example", "--format", "json"}, `"result": "passed"`, 0},
		{[]string{"secure.example", "--format", "junit"}, "<testsuites", 0},
		{[]string{"secure.example", "--format", "sarif"}, `"version": "2.1.0"`, 0},
		{[]string{"--schema"}, "Report of bailiwick check", 0},
		{[]string{"."}, "passed", 0},

		{nil, "an argument is missing", 2},
		{[]string{"a.example", "b.example"}, `"b.example" is too much`, 2},
		{[]string{"a..example"}, "empty label", 2},
		{[]string{"a.example", "--srever", "1.2.3.4"}, "did you mean --server?", 2},
		{[]string{"a.example", "--server", "ns=nowhere"}, `"nowhere" is not an address`, 2},
		{[]string{"a.example", "--server", "192.0.2.1:x"}, `"x" is not a port`, 2},
		{[]string{"a.example", "--server", "192.0.2.1:0"}, `"0" is not a port`, 2},
		{[]string{"a.example", "--ds", "1 13 2 00"}, "has 1 octets, not 32", 2},
		{[]string{"a.example", "--ds", "nofile"}, "nor a file", 2},
		{[]string{"a.example", "--ds", other}, "of other.example., not of a.example.", 2},
		{[]string{"a.example", "--ds", empty}, "there is no DS record", 2},
		{[]string{"a.example", "--ds", "a.example. A 192.0.2.1 x"}, "--ds", 2},
		{[]string{"a.example", "--names", "www/OPT"}, "is not a type of data", 2},
		{[]string{"a.example", "--names", "www.b.example."}, "is not in a.example.", 2},
		{[]string{"a.example", "--tlsa", "www"}, "want a port, _tcp and a host", 2},
		{[]string{"a.example", "--tlsa", "_443._tcp.www=192.0.2.1"},
			"not an address with a port", 2},
		{[]string{"a.example", "--fail-on", "worse"}, "want error, warning or notice", 2},
		{[]string{"a.example", "--format", "xml"}, "want one of text, json", 2},
		{[]string{"a.example", "--write", "json"}, "want FORMAT=FILE", 2},
		{[]string{"a.example", "--ipv4", "no"}, "want on or off", 2},
		{[]string{"a.example", "--ipv4", "off", "--ipv6", "off"}, "no address is left", 2},
		{[]string{"a.example", "--lead-time", "long"}, "want a time such as 7d", 2},
		{[]string{"a.example", "--lead-time", "0h"}, "want a time such as 7d", 2},
		{[]string{"a.example", "--lead-time", "0d"}, "want a time such as 7d", 2},
		{[]string{"a.example", "--max-time", "1h"}, "at most 5m0s", 2},
		{[]string{"a.example", "--timeout", "0s"}, "longer than 0", 2},
		{[]string{"a.example", "--no-parent", "--parent-server", "192.0.2.1"}, "one of them", 2},
		{[]string{"a.example", "--anchor", "nofile"}, "--anchor", 2},
		{[]string{"a.example", "--anchor", empty}, "there is no record", 2},
	} {
		args := append([]string{"check", "--timeout", "500ms"}, c.args...)
		if c.code != 2 {
			args = append(args, "--lab")
		}
		out, err := call(args...)
		code := 0
		var exit *exitError
		switch {
		case errors.As(err, &exit):
			code = exit.code
			if exit.error != nil {
				out += exit.Error()
			}
		case err != nil:
			code, out = 1, out+err.Error()
		}
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%v: status %d, want %d with %q:\n%s", c.args, code, c.code, c.want, out)
		}
	}
}

// One run writes all forms that a pipeline wants, also when it fails.
func TestCheckWritesSeveralReports(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	out, err := call("check", "expired.faulty", "--lab", "--write", "json="+file("a"),
		"--write", "junit="+file("b"), "--write", "sarif="+file("c"), "--zone-file", "zones/e.db")
	var exit *exitError
	if !errors.As(err, &exit) || exit.code != 1 || !strings.Contains(out, "failed: 1 error") {
		t.Errorf("%v:\n%s", err, out)
	}
	for name, want := range map[string]string{"a": `"result": "failed"`, "b": "</testsuites>",
		"c": `"uri": "zones/e.db"`} {
		text, err := os.ReadFile(file(name))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, without %s", name, err, want)
		}
	}
	text, err := os.ReadFile(file("a"))
	if err != nil || !json.Valid(text) {
		t.Errorf("%v: not JSON", err)
	}
}

// Servers that are given are asked, and those that the parent delegates to are not: they may be
// those of yesterday (zonemaster/zonemaster-engine#1451).
func TestCheckAsksGivenServersAlone(t *testing.T) {
	out, err := call("check", "secure.example", "--lab", "--timeout", "200ms", "--format", "json",
		"--server", "old.invalid=127.53.0.9")
	var report struct{ Servers []string }
	if json.Unmarshal([]byte(out), &report) != nil || len(report.Servers) != 1 ||
		report.Servers[0] != "old.invalid. 127.53.0.9" {
		t.Errorf("%v: asked %v", err, report.Servers)
	}
}
