package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// call runs the command line in this process.
func call(args ...string) (string, error) {
	var out bytes.Buffer
	root := newRoot()
	root.SetOut(&out)
	root.SetErr(&out)
	err := run(root, args)
	return out.String(), err
}

// What people type, what they see, and with which status it ends.
func TestCommands(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	good, bad := write("good.yaml", "cache: {memory: 64MiB}\n"), write("bad.yaml",
		"cache:\n  memry: 64MiB\n")
	noSocket := write("nosocket.yaml", "control: {socket: ''}\n")
	anchor := write("anchor.yaml", "trust_anchors: {records: [nonsense]}\n")
	for _, c := range []struct {
		args string
		want string // in the output or the error
		code int
	}{
		{"query --lab www.secure.example", "Verdict: secure", 0},
		{"query --lab --dnssec www.secure.example", "RRSIG", 0},
		{"query --lab www.secure.example txt", "SOA", 0},
		{"query --lab www.unsigned.example", "Verdict: insecure", 0},
		{"query --lab no.secure.example", "NXDOMAIN", 0},
		{"query --lab www.expired.faulty", "EDE: 7 (Signature Expired)", 2},
		{"query --lab --cd www.expired.faulty", "192.0.2.1", 0},
		{"query --lab --trace www.secure.example", "verdict secure by secure.example.", 0},
		{"query --lab a..b", "empty label at offset 2", 1},
		{"query --lab example NOTYPE", "is not a type such as", 1},
		{"config check " + good, "good", 0},
		{"config check " + bad, "bad.yaml:2:3: unknown key cache.memry; did you mean cache.memory?",
			1},
		{"config check " + anchor, "want a DS or DNSKEY record", 1},
		{"config check " + filepath.Join(dir, "none.yaml"), "no such file", 1},
		{"config show " + good, "memory: 64MiB", 0},
		{"config schema", "\"cache\"", 0},
		{"version", "bailiwick", 0},
		{"ctl --config " + noSocket + " status",
			"control.socket is empty: the server has no control socket", 1},
		{"ctl --socket " + filepath.Join(dir, "none") + " status", "is the server running", 1},
		{"ctl --socket x clock advance", "an argument is missing", 2},
		{"ctl --socket x flush", "one of NAME, --bogus, --negative, --all is missing; see " +
			"bailiwick ctl flush --help", 2},
		{"serve --config " + bad, "unknown key", 1},
		{"query --lab txt www.secure.example", "TXT", 0},
		{"query --lab www.secure.example AAA", "did you mean AAAA?", 1},
		{"query @127.0.0.1:1 www.secure.example", "no answer from 127.0.0.1:1", 1},
	} {
		out, err := call(strings.Fields(c.args)...)
		code := 0
		if err != nil {
			code = 1
			var exit *exitError
			if errors.As(err, &exit) {
				code = exit.code
			}
			if exit == nil || exit.error != nil {
				out += err.Error()
			}
		}
		if code != c.code || !strings.Contains(out, c.want) {
			t.Errorf("%s: status %d, want %d and %q in\n%s", c.args, code, c.code, c.want, out)
		}
	}
}
