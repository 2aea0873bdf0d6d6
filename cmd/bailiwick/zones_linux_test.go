// Copies of zones in a whole server: from files, at a reload, and on the control socket.

package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/snapshot"
	"bailiwick/wire"
)

// zoneFile is a zone of the tests.
const zoneFile = `held.example. 300 IN SOA ns.held.example. host.held.example. 7 600 120 3600 60
held.example. 300 IN NS ns.held.example.
ns.held.example. 300 IN A 192.0.2.1
www.held.example. 300 IN A 192.0.2.80
`

// A file that cannot be used as a zone is an error for check. Serve goes on, for all other zones
// and with a log line: people depend on it.
func TestZoneFileThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	for what, c := range map[string]struct{ text, want string }{
		"that is missing": {"", "no such file"},
		"of another zone": {strings.ReplaceAll(zoneFile, "held.", "other."), "no SOA record"},
		"with a wrong record": {zoneFile + "x.held.example. 300 IN A 192.0.2.300\n",
			"192.0.2.300"},
		"with a wrong digest": {zoneFile + "held.example. 300 IN ZONEMD 7 1 1 " +
			strings.Repeat("ab", 48) + "\n", "ZONEMD"},
	} {
		file, zone := filepath.Join(dir, "b.yaml"), filepath.Join(dir, "zone")
		_ = os.Remove(zone)
		if c.text != "" {
			if err := os.WriteFile(zone, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		text := "zones:\n  held:\n    - {name: held.example, file: zone}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := call("config", "check", file)
		if err == nil || !strings.Contains(out, c.want) || !strings.Contains(out, "b.yaml:3:") {
			t.Errorf("a file %s: %v: %s", what, err, out)
		}
		cfg, found := config.Read(file)
		_, more := snapshot.Load(cfg)
		for _, f := range append(found, more...).Errors() {
			if f.Alarm == "" {
				t.Errorf("a file %s: serve does not go on: %v", what, f)
			}
		}
	}
}

// A reload begins to keep a zone, and ends it: its names are answered from the copy meanwhile.
func TestReloadWithAZoneThatIsHeld(t *testing.T) {
	s := reloadable(t, plain)
	zone := filepath.Join(filepath.Dir(s.file), "zone")
	if err := os.WriteFile(zone, []byte(zoneFile), 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect("www.held.example.", "NXDOMAIN+ad")
	held := plain + "zones: {held: [{name: held.example, file: zone, fallback: no}]}\n" +
		"trust_anchors: {insecure: [held.example]}\n"
	s.change(held)
	for end := time.Now().Add(patience); len(s.keeper.Status()) == 0 ||
		!s.keeper.Status()[0].Usable; {
		if time.Now().After(end) {
			t.Fatalf("%+v", s.keeper.Status())
		}
		time.Sleep(time.Millisecond)
	}
	s.expect("www.held.example.", "NOERROR")
	r, err := s.listZones(console.Request{})
	if err != nil || len(r.Rows) != 1 || r.Rows[0][1] != "usable" || r.Rows[0][2] != uint32(7) {
		t.Errorf("ctl zones: %+v, %v", r, err)
	}
	for name, good := range map[string]bool{"held.example": true, "other.example": false,
		"..": false} {
		_, err := s.refreshZone(console.Request{Args: map[string]string{"name": name}})
		if good != (err == nil) {
			t.Errorf("ctl zones refresh %s: %v", name, err)
		}
	}
	s.change(plain)
	s.expect("www.held.example.", "NXDOMAIN+ad")
}

// A change of a private zone is seen when the copy has it, though the denial before could be cached
// for a minute.
func TestPrivateZoneIsSeenAsItsCopyHasIt(t *testing.T) {
	zone := filepath.Join(t.TempDir(), "zone")
	write := func(text string) {
		if err := os.WriteFile(zone, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(zoneFile)
	s := reloadable(t, plain+"zones: {held: [{name: held.example, file: "+zone+
		", fallback: no}]}\ntrust_anchors: {insecure: [held.example]}\n")
	s.expect("www.held.example.", "NOERROR")
	s.expect("more.held.example.", "NXDOMAIN")
	write(strings.Replace(zoneFile, " 7 600", " 8 600", 1) +
		"more.held.example. 300 A 192.0.2.81\n")
	s.keeper.Refresh(wire.MustParseName("held.example."))
	s.becomes("more.held.example.", "NOERROR")
}

// A NOTIFY for a zone that is kept is answered before the access list is asked, as its primary need
// not be a client; others go the way of all queries.
func TestRFC1996NotifyIsAnsweredToWhoMayNotAsk(t *testing.T) {
	const access = "policy: {access: {replace: true, rules: [192.0.2.0/24 allow]}}\n"
	s := reloadable(t, plain+access)
	zone := filepath.Join(filepath.Dir(s.file), "zone")
	if err := os.WriteFile(zone, []byte(zoneFile), 0o600); err != nil {
		t.Fatal(err)
	}
	s.change(plain + access + "zones: {held: [{name: held.example, primaries: [127.0.0.1@1], " +
		"file: zone}]}\n")
	conn, err := net.Dial("udp", s.now().listeners[0].Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for name, want := range map[string]int{"held.example.": dns.RcodeSuccess,
		"other.example.": dns.RcodeRefused} {
		m := new(dns.Msg).SetNotify(name)
		b, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		room := make([]byte, 512)
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(room)
		if err != nil || m.Unpack(room[:n]) != nil || m.Rcode != want {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}
