// Queries that are answered before anything is looked up.

package server_test

import (
	"testing"

	"github.com/miekg/dns"
)

// RFC 9619: a query has one question, and besides it only an OPT record and a transaction signature
// after it. Anything else is refused, as servers do not agree on its meaning.
func TestRFC9619OneQuestion(t *testing.T) {
	f := newFront(t, nil)
	a, err := dns.NewRR("www.secure.example. 60 A 192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*dns.Msg){
		"none":          func(m *dns.Msg) { m.Question = nil },
		"two":           func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) },
		"an answer":     func(m *dns.Msg) { m.Answer = []dns.RR{a} },
		"and authority": func(m *dns.Msg) { m.Ns = []dns.RR{a} },
	} {
		if m := f.ask("www.secure.example.", dns.TypeA, change); m.Rcode != dns.RcodeFormatError ||
			len(m.Answer) > 0 {
			t.Errorf("%s: %v", what, m)
		}
	}
}

// RFC 6891, section 6.1.3: a query with an unknown EDNS version is answered with the known one.
func TestRFC6891Version(t *testing.T) {
	f := newFront(t, nil)
	m := f.ask("www.secure.example.", dns.TypeA, func(m *dns.Msg) {
		edns(false)(m)
		m.IsEdns0().SetVersion(1)
	})
	if m.Rcode != dns.RcodeBadVers || len(m.Answer) > 0 || m.IsEdns0().Version() != 0 {
		t.Errorf("%v", m)
	}
}
