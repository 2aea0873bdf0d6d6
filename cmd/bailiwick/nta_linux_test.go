// Negative trust anchors as an operator adds and removes them.

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/console"
	"bailiwick/wire"
)

// ctl does a command of the control socket.
func (s *reloaded) ctl(command string, args ...string) (console.Result, error) {
	q := console.Request{Command: command, Args: map[string]string{}, Caller: "uid 12, pid 3"}
	for i := 0; i < len(args); i += 2 {
		q.Args[args[i]] = args[i+1]
	}
	return runOf(s.running, command)(q)
}

// An operator switches validation off for a zone at three in the morning, and on again: what was
// bogus resolves, what was admitted is gone, prepared answers of names elsewhere included. Reloads
// and other zones change nothing.
func TestRFC7646OperatorAddsAndRemoves(t *testing.T) {
	s := reloadable(t, plain)
	for range 2 {
		for range 3 {
			s.expect("www.expired.faulty.", "SERVFAIL")
			s.expect("no.expired.faulty.", "SERVFAIL")
			s.expect("www.secure.example.", "NOERROR+ad")
		}
		res, err := s.ctl("nta add", "zone", "Expired.Faulty", "reason", "ticket 4711", "owner",
			"night shift", "for", "2h")
		if err != nil || res.Fields["zone"] != "expired.faulty." {
			t.Fatal(res, err)
		}
		s.expect("www.expired.faulty.", "NOERROR")
		s.expect("no.expired.faulty.", "NXDOMAIN")
		s.change(plain + "server: {ede: false}\n") // it outlives a reload
		for range 4 {                              // known, prepared
			s.expect("www.expired.faulty.", "NOERROR")
			s.expect("alias.expired.faulty.", "NOERROR")
			s.expect("www.secure.example.", "NOERROR+ad")
			s.expect("www.ds-mismatch.faulty.", "SERVFAIL")
		}
		list, err := s.ctl("nta list")
		if line := fmt.Sprint(list.Rows); err != nil || len(list.Rows) != 1 ||
			!strings.Contains(line, "ticket 4711 night shift uid 12, pid 3") {
			t.Errorf("%v %v", line, err)
		}
		if _, err := s.ctl("nta remove", "zone", "expired.faulty."); err != nil {
			t.Fatal(err)
		}
		s.expect("www.expired.faulty.", "SERVFAIL")
		s.expect("alias.expired.faulty.", "SERVFAIL")
		s.change(plain)
	}
	for _, bad := range [][]string{{"zone", ""}, {"zone", "."}, {"zone", "192.0.2.1"},
		{"zone", "a.example", "for", "soon"}, {"zone", "a.example", "for", "169h"},
		{"zone", "a.example", "for", "-1s"}, {"zone", "a.example", "for", "0"},
		{"zone", "a.example", "for", "8d"}} {
		if res, err := s.ctl("nta add", bad...); err == nil {
			t.Errorf("%v: %v", bad, res)
		}
	}
	if _, err := s.ctl("nta remove", "zone", "expired.faulty."); err == nil {
		t.Error("removed what there is not")
	}
	if _, err := s.ctl("nta add", "zone", ".", "force", "true"); err != nil {
		t.Error(err)
	}
	s.expect("www.ds-mismatch.faulty.", "NOERROR")
	s.expect("www.secure.example.", "NOERROR")
}

// A check validates from the root as if there were no exceptions, and nothing of it stays: neither
// what the exceptions admitted, nor what it found, has a part in the other.
func TestRFC7646CheckKnowsNoException(t *testing.T) {
	s := reloadable(t, plain)
	for _, zone := range []string{"expired.faulty.", "secure.example."} {
		if _, err := s.ctl("nta add", "zone", zone); err != nil {
			t.Fatal(err)
		}
		s.expect("www."+zone, "NOERROR")
	}
	ctx := context.Background()
	before := s.store.RRsets.Stats().Entries
	for zone, want := range map[string]string{"expired.faulty.": "expired", "secure.example.": "",
		"unsigned.example.": "", "ds-mismatch.faulty.": "DS", "dead.example.": "",
		"www.expired.faulty.": "expired"} {
		why := s.validates(ctx, wire.MustParseName(zone))
		if (why == "") != (want == "") || !strings.Contains(why, want) {
			t.Errorf("%s: %q, want %q", zone, why, want)
		}
	}
	// What the server refreshes for itself meanwhile may take an entry away.
	if n := s.store.RRsets.Stats().Entries; n > before {
		t.Errorf("the cache has %d entries more", n-before)
	}
	s.expect("www.expired.faulty.", "NOERROR")
	s.expect("www.secure.example.", "NOERROR")
}

// Who adds one is what the kernel says of the other end of the socket; the log has it, and the
// reason. A restart keeps it if there is a state directory.
func TestRFC7646AuditAndRestart(t *testing.T) {
	dir := t.TempDir()
	socket, state := filepath.Join(dir, "ctl"), filepath.Join(dir, "state")
	file := filepath.Join(dir, "b.yaml")
	text := fmt.Sprintf("listen: {udp: [\"127.0.0.1:%d\"], tcp: []}\nadmin: {listen: ''}\n"+
		"control: {socket: %q}\nstate: {directory: %q}\nlog: {level: info}\n", freePort(t), socket,
		state)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(work func()) string {
		var out, log strings.Builder
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() {
			done <- serve(ctx, file, false, confinement{}, make(chan os.Signal, 4), &out,
				&log)
		}()
		until(t, "nobody listens at the control socket", func() bool {
			c, err := net.Dial("unix", socket)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
		work()
		stop()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		return log.String()
	}
	log := run(func() {
		if out, err := call("ctl", "--socket", socket, "nta", "add", "broken.example", "--reason",
			"a test", "--owner", "me", "--for", "3h"); err != nil {
			t.Error(out, err)
		}
	})
	for _, want := range []string{"negative trust anchor added", "zone=broken.example.",
		`reason="a test"`, "owner=me",
		fmt.Sprintf(`added_by="uid %d, pid %d"`, os.Getuid(), os.Getpid())} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in %s", want, log)
		}
	}
	log = run(func() {
		out, err := call("ctl", "--socket", socket, "nta", "list")
		if err != nil || !strings.Contains(out, "broken.example.") ||
			!strings.Contains(out, "a test") {
			t.Error(out, err)
		}
		if out, err := call("ctl", "--socket", socket, "nta", "remove",
			"broken.example"); err != nil {
			t.Error(out, err)
		}
	})
	if !strings.Contains(log, "negative trust anchor of before") ||
		!strings.Contains(log, "negative trust anchor removed") {
		t.Error(log)
	}
	run(func() {
		if out, _ := call("ctl", "--socket", socket, "nta", "list"); strings.Contains(out,
			"broken") {
			t.Error(out)
		}
	})
}
