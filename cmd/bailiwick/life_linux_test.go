// The log as the story of a process.

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// logLine is a line of the log.
type logLine map[string]any

// lifeLog is the log of a process in a file.
type lifeLog struct {
	t    *testing.T
	path string
	read int // lines that were looked at
}

// next waits for the next line with a message, and returns it.
func (l *lifeLog) next(level, msg string) logLine {
	l.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(l.path)
		if err != nil {
			l.t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for i, text := range lines[:len(lines)-1] {
			var line logLine
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				l.t.Fatalf("%q: %v", text, err)
			}
			if i < l.read || line["msg"] != msg {
				continue
			}
			if line["level"] != level {
				l.t.Errorf("%q is of the level %v, want %s", msg, line["level"], level)
			}
			l.read = i + 1
			return line
		}
		if time.Now().After(end) {
			l.t.Fatalf("no line %q after line %d in:\n%s", msg, l.read, text)
		}
	}
}

// has expects that a line says all of some things, as "key=value"; a value may go on.
func (l *lifeLog) has(line logLine, want ...string) {
	l.t.Helper()
	for _, w := range want {
		key, value, _ := strings.Cut(w, "=")
		if have, ok := line[key].(string); !ok || !strings.HasPrefix(have, value) {
			l.t.Errorf("%v: %s is %v, want %q", line["msg"], key, line[key], value)
		}
	}
}

// An operator reads the log of a process that starts where no server can be asked, serves a zone
// from a file, is told to read a configuration that is right and one that is wrong, fails for a
// client, and ends. What is ordinary is INFO, what may need somebody WARN, what does ERROR.
func TestTheLogTellsTheLifeOfAProcess(t *testing.T) {
	l := &lifeLog{t: t, path: filepath.Join(t.TempDir(), "log")}
	out, err := os.Create(l.path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	zone := filepath.Join(t.TempDir(), "zone")
	if err := os.WriteFile(zone, []byte("corp.example. 300 IN SOA ns. host. 7 3600 600 86400 60\n"+
		"corp.example. 300 IN NS ns.\nwww.corp.example. 300 IN A 192.0.2.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := "log: {format: json}\ncontrol: {socket: ''}\nshutdown: {wait: 0, answers: 0}\n" +
		"resolver: {priming: false, root_hints: [{name: ns., address: 127.0.0.1}]}\n" +
		"zones: {held: [{name: corp.example, file: " + zone + "}]}\n" +
		"trust_anchors: {insecure: [corp.example]}\n"
	p := startConfigured(t, config, out, out)
	l.has(l.next("INFO", "started"), "config="+p.file, "listeners=udp "+p.dns,
		"anchors=. ", "admin="+p.admin)
	l.read = 0 // what happens at the start has no order
	l.has(l.next("INFO", "zone transferred"), "zone=corp.example.", "source="+zone)
	l.read = 0
	l.has(l.next("WARN", "not ready"), "cause=")

	p.ask("www.example.")
	l.has(l.next("WARN", "servfail"), "name=www.example.", "client=127.0.0.1", "cause=", "hint=")

	text, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	reload := func(more string) {
		t.Helper()
		if err := os.WriteFile(p.file, append(text, more...), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	reload("policy: {local_records: [printer.home.arpa A 192.0.2.9]}\n")
	l.has(l.next("INFO", "configuration read again"), "changed=policy.local_records")
	reload("policy: {local_records: [printer.home.arpa A nowhere]}\n")
	l.has(l.next("ERROR", "the configuration in use stays in use"), "error="+p.file)

	p.terminate()
	l.has(l.next("INFO", "stopping"), "cause=terminated signal")
	l.has(l.next("INFO", "stopped"), "uptime=")
}
