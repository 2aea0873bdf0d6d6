package main

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/snapshot"
	"bailiwick/transport"
)

// runOf returns what runs an operation of a server.
func runOf(r *running, name string) func(console.Request) (console.Result, error) {
	for _, o := range r.operations() {
		if o.Name == name {
			return o.Run
		}
	}
	return nil
}

// requestOf returns a request with arguments.
func requestOf(args map[string]string) console.Request { return console.Request{Args: args} }

// Operations check their arguments themselves: not only `bailiwick ctl` can send them.
func TestControls(t *testing.T) {
	cfg := config.Default()
	cfg.Listen, cfg.Console = nil, console.Config{}
	p, _ := snapshot.Load(cfg)
	r, err := newStack(p, &transport.NetExchanger{}, nil).listen()
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for _, c := range []struct {
		command    string
		args       map[string]string
		want, fail string
	}{
		{"flush", map[string]string{"name": "exmaple"}, "nothing was known of exmaple.; is it", ""},
		{"flush", map[string]string{"name": "a..b"}, "", `name "a..b"`},
		{"flush", nil, "", "of which name?"},
		{"flush", map[string]string{"name": "example", "type": "NONSENSE"}, "", "is not a type"},
		{"flush", map[string]string{"all": "true", "name": "example"}, "",
			"all takes nothing else"},
		{"flush", map[string]string{"bogus": "true", "negative": "true"}, "",
			"exclude each other"},
		{"flush", map[string]string{"bogus": "true"}, "flushed:0", ""},
		{"flush", map[string]string{"all": "true"}, "flushed:0", ""},
		{"dump", map[string]string{"name": "a..b"}, "", `name "a..b"`},
		{"inflight", nil, "under_way:0", ""},
		{"inflight", map[string]string{"limit": "0"}, "", "not from 1 to"},
		{"policy test", map[string]string{"name": "example", "client": "me"}, "",
			"not an IP address"},
		{"log level", nil, "level:info", ""},
		{"changes forget", map[string]string{"what": "x"}, "", `no change "x" is kept`},
		{"log level set", map[string]string{"level": "debug", "persist": "true"}, "",
			"set state.directory"},
		{"status", nil, "version:" + version, ""},
		{"servers", nil, "known:0", ""},
		{"servers", map[string]string{"zone": "a..b"}, "", `zone "a..b"`},
		{"servers", map[string]string{"address": "here"}, "", `"here" is not an IP address`},
		{"servers", map[string]string{"limit": "1001"}, "", "not from 1 to 1000"},
		{"forwards list", nil, "ZONE", ""},
		{"forwards set", map[string]string{"zone": "corp"}, "", "no server is given"},
		{"forwards remove", map[string]string{"zone": "corp"}, "",
			"there is no forward zone corp."},
		{"clock advance", map[string]string{"duration": "1h"}, "",
			"only in builds with the tag testclock"},
	} {
		got, err := runOf(r, c.command)(console.Request{Command: c.command, Args: c.args})
		if c.fail != "" {
			if err == nil || !strings.Contains(err.Error(), c.fail) {
				t.Errorf("%s %v: %v", c.command, c.args, err)
			}
			continue
		}
		var text bytes.Buffer
		if err := printText(&text, &console.Operation{}, got); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(strings.ReplaceAll(text.String(), ": ", ":"), c.want) {
			t.Errorf("%s %v: %s %v", c.command, c.args, &text, err)
		}
	}
}

// A long question or detail of one incident does not make every line of the table as long: people
// see maxCell characters of it, programs all.
func TestMaxCellBoundsTheTableOfIncidents(t *testing.T) {
	var op *console.Operation
	for _, o := range incidentOperations() {
		if o.Name == "incidents" {
			op = &o.Operation
		}
	}
	long := strings.Repeat("ä", 255)
	r := console.Result{Columns: []string{"zone", "question", "detail", "remedy"},
		Rows: [][]any{{"a.", long + " A", long + " facts", long}, {"b.", "b. A", "", "none"}}}
	var text, object bytes.Buffer
	if printText(&text, op, r) != nil || printJSON(&object, op, r) != nil {
		t.Fatal("no form")
	}
	begin := strings.Repeat("ä", maxCell-1) + "…"
	want := "a.    " + begin + "  " + begin + "  " + long + "\n"
	if lines := strings.SplitAfter(text.String(), "\n"); lines[1] != want {
		t.Errorf("got %swant %s", lines[1], want)
	}
	for _, whole := range []string{long + " A", long + " facts"} {
		if !strings.Contains(object.String(), whole) {
			t.Errorf("JSON lacks some of it: %s", &object)
		}
	}
}

// A result is printed as lines and a table for people, and as one JSON object for programs.
func TestResultsArePrintedForPeopleAndPrograms(t *testing.T) {
	op := &console.Operation{}
	r := console.Result{Fields: map[string]any{"total": 2.0, "at": "now"},
		Columns: []string{"zone", "servers"}, Rows: [][]any{{"example.", 12.0}, {".", 3.5}}}
	var text, object bytes.Buffer
	r.Fields["nothing"], r.Fields["none"] = "", []string{}
	if err := printText(&text, op, r); err != nil {
		t.Fatal(err)
	}
	want := "at: now\ntotal: 2\nZONE      SERVERS\nexample.  12\n.         3.5\n"
	if text.String() != want {
		t.Errorf("got\n%swant\n%s", &text, want)
	}
	delete(r.Fields, "nothing")
	delete(r.Fields, "none")
	if err := printJSON(&object, op, r); err != nil {
		t.Fatal(err)
	}
	want = `{"at":"now","rows":[{"servers":12,"zone":"example."},{"servers":3.5,"zone":"."}],` +
		`"total":2}`
	if got := strings.Join(strings.Fields(object.String()), ""); got != want {
		t.Errorf("got %s", got)
	}
	var none bytes.Buffer
	empty := console.Result{Columns: []string{"zone"}}
	if err := printJSON(&none, op, empty); err != nil ||
		!reflect.DeepEqual(strings.Fields(none.String()), []string{"{", `"rows":`, "[]", "}"}) {
		t.Errorf("no rows: %s %v", &none, err)
	}
}
