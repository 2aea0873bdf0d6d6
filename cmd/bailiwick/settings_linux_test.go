package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/observe"
	"bailiwick/internal/state"
)

// A change at run time ends with the next reload, one that is kept outlives reloads and restarts,
// is shown, and can be forgotten.
func TestKeptChangesOutliveARestart(t *testing.T) {
	config, socket := nobody(t)
	config += "state: {directory: " + t.TempDir() + "}\nshutdown: {wait: 0, answers: 0}\n"
	p := startConfigured(t, config, nil, nil)
	ctl := func(want string, args ...string) {
		t.Helper()
		if out, err := runCtl(t, socket, args...); err != nil || !strings.Contains(out, want) {
			t.Fatalf("ctl %v: %v: %s; want %s", args, err, out, want)
		}
	}
	ctl("until: the next reload", "log", "level", "set", "error")
	ctl("level: error", "log", "level")
	ctl("config: in use", "reload")
	ctl("level: info", "log", "level")

	ctl("until: it is changed or forgotten", "log", "level", "set", "warn", "--persist")
	ctl("until: it is changed", "forwards", "set", "corp.example", "192.0.2.1", "--persist")
	ctl("config: in use", "reload")
	ctl("level: warn", "log", "level")
	ctl("kept_changes: 2", "status")
	p.terminate()

	p = startConfigured(t, config, nil, nil)
	ctl("level: warn", "log", "level")
	ctl("192.0.2.1:53", "forwards", "list")
	ctl("forwards: corp.example. at 192.0.2.1:53", "settings")
	ctl("forgotten: 1", "changes", "forget", "forward corp.example.")
	ctl("config: in use", "reload")
	if out, _ := runCtl(t, socket, "forwards", "list"); strings.Contains(out, "corp") {
		t.Errorf("what was forgotten is there: %s", out)
	}
	ctl("log.level  warn", "changes", "list")
	ctl("forgotten: 1", "changes", "forget")
	p.terminate()

	// A change that does not fit the configuration any more is left out, and the server starts.
	p = startConfigured(t, config, nil, nil)
	ctl("level: info", "log", "level")
	ctl("until: it is changed", "forwards", "set", "corp.example", "192.0.2.1", "--persist")
	ctl("until: it is changed", "log", "level", "set", "warn", "--persist")
	p.terminate()
	stub := strings.Replace(config, "resolver: {",
		"resolver: {stub_zones: [{name: corp.example, addresses: [192.0.2.9]}], ", 1)
	p = startConfigured(t, stub, nil, nil)
	ctl("192.0.2.9:53", "forwards", "list")
	ctl("level: warn", "log", "level")
	p.terminate()
}

// What cannot be saved is not taken for kept.
func TestKeptChangesThatCannotBeSaved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	log := observe.NewLog(observe.Default(), os.Stderr)
	k := loadKept(state.Reader(filepath.Join(path, "below"), log), log)
	if err := k.add(config.Runtime{LogLevel: "warn"}); err == nil || len(k.rows()) != 0 {
		t.Errorf("%v, %v", err, k.rows())
	}
}

// The settings are replaced whole, in one step, or not at all; and only if they are as they were
// read.
func TestSettingsAreReplacedWhole(t *testing.T) {
	s := reloadable(t, plain+"resolver: {forward_zones: [{name: a, addresses: [192.0.2.1]}, "+
		"{name: b, addresses: [192.0.2.2]}], stub_zones: [{name: c, addresses: [192.0.2.3]}]}\n")
	set, show := runOf(s.running, "settings set"), runOf(s.running, "settings")
	now := func() string {
		r, err := show(console.Request{})
		if err != nil {
			t.Fatal(err)
		}
		return console.Tag(r.Fields)
	}
	before := now()
	for _, args := range []map[string]string{
		{"forwards": `{"a.":["192.0.2.7"],"c.":["192.0.2.8"]}`},
		{"forwards": `{"a.":["192.0.2.7"],"A.":["192.0.2.8"]}`},
		{"forwards": `{"a.":[]}`}, {"forwards": `{"a..b":["192.0.2.7"]}`},
		{"forwards": `{"a.":["nonsense"]}`}, {"log_level": "loud"},
	} {
		if _, err := set(console.Request{Args: args}); err == nil || now() != before {
			t.Errorf("%v: %v", args, err)
		}
	}
	want := config.Runtime{LogLevel: "warn",
		Forwards: map[string][]string{"a.": {"192.0.2.7:53 weight 2", "192.0.2.8:53 weight 1"}}}
	args := map[string]string{"log_level": "warn",
		"forwards": `{"a":["192.0.2.7 weight 2","192.0.2.8"]}`}
	if _, err := set(console.Request{Args: args, IfMatch: `"stale"`}); err != console.ErrStale ||
		now() != before {
		t.Errorf("by who has not read it: %v", err)
	}
	if _, err := set(console.Request{Args: args, IfMatch: before}); err != nil {
		t.Fatal(err)
	}
	if got := s.now().Config.Runtime(); console.Tag(got) != console.Tag(want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := set(console.Request{Args: args, IfMatch: before}); err != console.ErrStale {
		t.Errorf("again: %v", err)
	}
	// Without forwards they stay.
	if _, err := set(console.Request{Args: map[string]string{"log_level": "info"}}); err != nil ||
		len(s.now().Config.Runtime().Forwards) != 1 {
		t.Errorf("%v, %v", err, s.now().Config.Runtime())
	}
}
