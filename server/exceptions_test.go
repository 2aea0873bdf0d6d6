package server_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// excepted is a front whose resolver has an exception for a zone.
func excepted(t *testing.T, q *quiet, e trustanchor.Exception, zone string,
	log *strings.Builder) *front {
	f := newFrontLogged(t, slog.New(slog.NewTextHandler(log, nil)), nil,
		func(*resolver.Config) {}, q, func(p *resolver.Parts) {
			p.Anchors.Except(wire.MustParseName(zone), e)
		})
	f.seen = q
	return f
}

// codes are the info codes of a response's Extended DNS Errors.
func codes(m *dns.Msg) (codes []uint16) {
	for _, o := range m.IsEdns0().Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			codes = append(codes, e.InfoCode)
		}
	}
	return codes
}

// What a negative trust anchor made insecure has EDE 33, prepared or not, and never AD. What the
// configuration wants unvalidated has no reason to tell.
func TestRFC7646ClientLearnsOfTheAnchor(t *testing.T) {
	for e, want := range map[trustanchor.Exception]bool{trustanchor.Negative: true,
		trustanchor.Insecure: false} {
		f := excepted(t, &quiet{}, e, "expired.faulty.", &strings.Builder{})
		for range 4 { // resolved, known, prepared
			m := f.ask("www.expired.faulty.", dns.TypeA,
				func(q *dns.Msg) { q.SetEdns0(1232, true) })
			if got := codes(m); m.Rcode != dns.RcodeSuccess || m.AuthenticatedData ||
				(len(got) == 1 && got[0] == 33) != want {
				t.Errorf("exception %d: %s, AD %v, EDE %v", e, dns.RcodeToString[m.Rcode],
					m.AuthenticatedData, got)
			}
		}
		if f.seen.hits == 0 {
			t.Error("no answer was prepared")
		}
	}
}

// A permissive zone's answers have no AD, and the reason why they did not verify as an Extended DNS
// Error. Each that is made is counted and logged with it.
func TestPermissiveAnswersAreCountedAndLogged(t *testing.T) {
	var log strings.Builder
	f := excepted(t, &quiet{}, trustanchor.Permissive, "faulty.", &log)
	for range 4 {
		m := f.ask("www.expired.faulty.", dns.TypeA, func(q *dns.Msg) { q.SetEdns0(1232, true) })
		if got := codes(m); m.Rcode != dns.RcodeSuccess || m.AuthenticatedData || len(got) != 1 ||
			got[0] != dns.ExtendedErrorCodeSignatureExpired {
			t.Errorf("%s, AD %v, EDE %v", dns.RcodeToString[m.Rcode], m.AuthenticatedData, got)
		}
	}
	if n := len(f.seen.unvalidated); n == 0 || f.seen.unvalidated[0] != cause.SignatureExpired ||
		len(f.seen.causes) != 0 {
		t.Errorf("counted: %v, and as SERVFAIL %v", f.seen.unvalidated, f.seen.causes)
	}
	if !strings.Contains(log.String(), "served unvalidated") ||
		!strings.Contains(log.String(), "cause=signature_expired") {
		t.Errorf("logged: %s", log.String())
	}
}

// RFC 8198: a permissive name shares its span with validated names, and is not answered with the
// denial that was prepared for them, which has the AD flag; nor they with its own.
func TestPermissiveNameIsNotAnsweredForItsSpan(t *testing.T) {
	f := excepted(t, &quiet{}, trustanchor.Permissive, "nob.secure.example.", &strings.Builder{})
	ad := func(q *dns.Msg) { q.AuthenticatedData = true }
	for _, n := range []string{"noa", "nob", "noc", "nob", "x.nob", "nod", "nob", "noa"} {
		m := f.ask(n+".secure.example.", dns.TypeA, ad)
		if want := !strings.HasSuffix(n, "nob"); m.Rcode != dns.RcodeNameError ||
			m.AuthenticatedData != want {
			t.Errorf("%s: %s, AD %v", n, dns.RcodeToString[m.Rcode], m.AuthenticatedData)
		}
	}
	if f.seen.hits == 0 {
		t.Error("nothing was answered for a span")
	}
}
