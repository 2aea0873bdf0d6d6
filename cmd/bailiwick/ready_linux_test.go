package main

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/service"
)

// A front that checks by ready.server hears that the server is being stopped, unless a successor
// has its sockets: it never stops then, and no front is to leave it for the time of a check.
func TestReadyServerWithASuccessor(t *testing.T) {
	s := reloadable(t, plain)
	stops := func() bool {
		check := new(dns.Msg).SetQuestion("ready.server.", dns.TypeTXT)
		check.Question[0].Qclass = dns.ClassCHAOS
		check.SetEdns0(1232, false)
		m, err := exchange(check, s.udp)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(m.String(), "being stopped")
	}
	if s.unready("it is being stopped", &service.Successor{}); stops() {
		t.Error("it stops though it has a successor")
	}
	if s.unready("it is being stopped", nil); !stops() {
		t.Error("nobody hears that it stops")
	}
}
