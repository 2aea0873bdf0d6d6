package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bailiwick/internal/dnstap/dnstaptest"
)

// A server copies messages of clients and servers into the file of the configuration. A reload
// changes what is copied and how this server is called from the next query on, in the same file
// (NLnetLabs/unbound#1376); a file that was moved away is begun anew, and ctl begins one, too.
func TestDnstapOfAServer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tap")
	base := plain + "dnstap: {to: file, file: " + path
	s := reloadable(t, base+", identity: first}\n")
	s.expect("www.secure.example.", "NOERROR+ad")
	s.change(base + ", identity: second, version: '', messages: [client_response], " +
		"clients: prefix}\n")
	s.expect("www.secure.example.", "NOERROR+ad")
	r, err := runOf(s.running, "dnstap rotate")(requestOf(nil))
	if err != nil || r.Fields["rotate"] != "under way" {
		t.Errorf("%v, %v", r, err)
	}
	s.expect("www.expired.faulty.", "SERVFAIL")
	if r, err = runOf(s.running, "dnstap")(requestOf(nil)); err != nil ||
		r.Fields["to"] != "file" || r.Fields["place"] != path || r.Fields["lost"] != uint64(0) {
		t.Errorf("%v, %v", r, err)
	}
	s.close()
	var all []dnstaptest.Message
	for _, file := range []string{path + ".1", path} {
		// The first messages may have waited for others until the file was rotated, or longer.
		if st, err := os.Stat(file); err == nil && st.Size() > 0 {
			all = append(all, dnstaptest.ReadFile(t, file)...)
		}
	}
	kinds, tail := map[uint64]int{}, []string{}
	for _, m := range all {
		if m.Identity == "first" {
			kinds[m.Type]++
			continue
		}
		tail = append(tail, fmt.Sprintf("%d %s %q %s %s", m.Type, m.Identity, m.Version, m.Asker,
			m.Extra))
	}
	if kinds[5] != 1 || kinds[6] != 1 || kinds[3] < 5 || kinds[4] < 5 {
		t.Errorf("messages before the reload, by type: %v", kinds)
	}
	want := []string{`6 second "" 127.0.0.0 `,
		`6 second "" 127.0.0.0 cause=signature_expired`}
	if !slices.Equal(tail, want) {
		t.Errorf("messages after it:\n%s", strings.Join(tail, "\n"))
	}
}

// A forwarder is told from an authoritative server.
func TestDnstapOfForwarders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tap")
	upstream := reloadable(t, plain)
	s := reloadable(t, plain+"dnstap: {to: file, file: "+path+"}\nresolver: {forward_zones: "+
		"[{name: secure.example, addresses: ['"+upstream.udp+"']}]}\n")
	_, _ = s.ask("udp", s.udp, "www.secure.example.") // the lab has no route to it
	s.close()
	zones := map[string]bool{}
	for _, m := range dnstaptest.ReadFile(t, path) {
		if m.Type == 7 {
			zones[m.Zone] = true
		}
	}
	if !zones["\x06secure\x07example\x00"] || len(zones) != 1 {
		t.Errorf("forwarders asked for %v", zones)
	}
}

// A file that cannot be opened refuses the configuration, at a reload and at the start; a reader
// that is not there does not. What makes no sense is refused by a check, too.
func TestReloadRefusesADnstapThatCannotBeOpened(t *testing.T) {
	s := reloadable(t, plain)
	before := s.now()
	for text, want := range map[string]string{
		"{to: file, file: /nowhere/tap}":              "dnstap: ",
		"{to: file}":                                  "where to?",
		"{to: unix}":                                  "dnstap.socket is empty",
		"{to: tcp}":                                   "dnstap.address is empty",
		"{to: tcp, address: reader}":                  "not an address",
		"{to: unix, socket: /s, messages: []}":        "dnstap.messages is empty",
		"{messages: [client_queries]}":                "no kind of messages",
		"{version: " + strings.Repeat("x", 256) + "}": "more than 255 octets",
	} {
		s.write(plain + "dnstap: " + text + "\n")
		if _, err := s.reload(); err == nil || !strings.Contains(err.Error(), want) ||
			s.now() != before {
			t.Errorf("%s: %v", text, err)
		}
	}
	s.change(plain + "dnstap: {to: unix, socket: /nowhere/s}\n")
	s.expect("www.secure.example.", "NOERROR+ad")
	if _, err := runOf(s.running, "dnstap rotate")(requestOf(nil)); err == nil {
		t.Error("a socket is rotated")
	}
}
