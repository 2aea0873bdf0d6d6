package server_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
)

// Who checks by a query hears whether clients are to be sent here, while these are served as ever.
// Checks of any other name notice the end of a server by the queries that it loses.
func TestReadyServerSaysWhetherClientsAreToBeSentHere(t *testing.T) {
	f := newFront(t, nil)
	check := func() *dns.Msg {
		return f.ask("ready.server.", dns.TypeTXT, func(m *dns.Msg) {
			m.SetEdns0(1232, false)
			m.Question[0].Qclass = dns.ClassCHAOS
		})
	}
	if m := check(); m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 ||
		!strings.Contains(m.Answer[0].String(), `CH	TXT	"ready"`) {
		t.Errorf("at first: %v", m)
	}
	f.server.SetReady(cause.New(cause.Stopping, nil, ""))
	if m := check(); m.Rcode != dns.RcodeServerFailure || len(m.Answer) > 0 {
		t.Errorf("a server that is being stopped: %v", m)
	} else if codes, _ := ede(m); !slices.Equal(codes, []uint16{dns.ExtendedErrorCodeNotReady}) {
		t.Errorf("a server that is being stopped says %v", codes)
	}
	if m := f.ask("www.secure.example.", dns.TypeA, nil); m.Rcode != dns.RcodeSuccess {
		t.Errorf("clients that still come are not served: %v", m)
	}
	f.server.SetReady(nil)
	if m := check(); m.Rcode != dns.RcodeSuccess {
		t.Errorf("ready again: %v", m)
	}
}
