// RFC 8914: which Extended DNS Errors clients get, in which order, and what gives way if there is
// no room for them.

package server_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// situation is what a client asks, and what it is told.
type situation struct {
	what      string
	reference string
	name      string
	qtype     uint16
	rcode     int
	codes     []uint16 // the most precise first
	again     []uint16 // when the same is asked again, from the cache and then prepared

	from    string // "" for a client of this machine
	change  func(*dns.Msg)
	except  trustanchor.Exception // for the zone expired.faulty.
	outage  time.Duration         // the network is gone, as long after a first answer
	failing bool                  // the servers say SERVFAIL then
}

var situations = []situation{
	{what: "signed with unknown algorithms only", reference: "RFC 8914, 4.2", rcode: noError,
		name: "www.algorithm.faulty.", codes: []uint16{1}, again: []uint16{1}},
	{what: "DS with unknown digests only", reference: "RFC 8914, 4.3", rcode: noError,
		name: "www.digest.faulty.", codes: []uint16{2}, again: []uint16{2}},
	{what: "stale data, as servers are silent", reference: "RFC 8914, 4.4", rcode: noError,
		name: "www.secure.example.", outage: time.Hour, codes: []uint16{3, 22},
		again: []uint16{3, 22}},
	{what: "stale data, as servers fail", reference: "RFC 8914, 4.4", rcode: noError,
		name: "www.secure.example.", outage: time.Hour, failing: true, codes: []uint16{3, 23},
		again: []uint16{3, 23}},
	{what: "a stale denial of the name", reference: "RFC 8914, 4.20", rcode: nxDomain,
		name: "none.secure.example.", outage: time.Hour, codes: []uint16{19, 22},
		again: []uint16{19, 22}},
	{what: "a stale denial of the type", reference: "RFC 8914, 4.4", rcode: noError,
		name: "txt.secure.example.", outage: time.Hour, codes: []uint16{3, 22},
		again: []uint16{3, 22}},
	{what: "bogus", reference: "RFC 8914, 4.7", rcode: servFail,
		name: "www.corrupt-signatures.faulty.", codes: []uint16{6}, again: []uint16{6, 13}},
	{what: "expired", reference: "RFC 8914, 4.8 and 4.14", rcode: servFail,
		name: "www.expired.faulty.", codes: []uint16{7}, again: []uint16{7, 13}},
	{what: "not yet valid", reference: "RFC 8914, 4.9", rcode: servFail,
		name: "www.future.faulty.", codes: []uint16{8}, again: []uint16{8, 13}},
	{what: "DS of no key", reference: "RFC 8914, 4.10", rcode: servFail,
		name: "www.ds-mismatch.faulty.", codes: []uint16{9}, again: []uint16{9, 13}},
	{what: "no signatures", reference: "RFC 8914, 4.11", rcode: servFail,
		name: "www.missing-signatures.faulty.", codes: []uint16{10}, again: []uint16{10, 13}},
	{what: "no denial", reference: "RFC 8914, 4.13 and 4.7", rcode: servFail,
		name: "no.no-denial.faulty.", codes: []uint16{12, 6}, again: []uint16{12, 6, 13}},
	{what: "a client that may not ask", reference: "RFC 8914, 4.19", rcode: dns.RcodeRefused,
		name: "www.secure.example.", from: "192.0.2.1:1000", codes: []uint16{18},
		again: []uint16{18}},
	{what: "no recursion wanted", reference: "RFC 8914, 4.21", rcode: dns.RcodeRefused,
		name:   "www.secure.example.",
		change: func(m *dns.Msg) { m.RecursionDesired = false }, codes: []uint16{20},
		again: []uint16{20}},
	{what: "a transfer", reference: "RFC 8914, 4.22", rcode: dns.RcodeRefused, qtype: dns.TypeAXFR,
		name: "secure.example.", codes: []uint16{21}, again: []uint16{21}},
	{what: "silent servers", reference: "RFC 8914, 4.23 and 4.14", rcode: servFail,
		name: "www.dead.faulty.", codes: []uint16{22}, again: []uint16{22, 13}},
	{what: "servers that refuse", reference: "RFC 8914, 4.23", rcode: servFail,
		name: "www.refusing.faulty.", codes: []uint16{22}, again: []uint16{22, 13}},
	{what: "servers that fail", reference: "RFC 8914, 4.24", rcode: servFail,
		name: "www.failing.faulty.", codes: []uint16{23}, again: []uint16{23, 13}},
	{what: "malformed replies", reference: "RFC 8914, 4.25", rcode: servFail,
		name: "www.garbage.faulty.", codes: []uint16{24}, again: []uint16{24, 13}},
	{what: "signatures that expire before they begin", reference: "registry, 25", rcode: servFail,
		name: "www.reversed.faulty.", codes: []uint16{25}, again: []uint16{25, 13}},
	{what: "too many NSEC3 iterations", reference: "RFC 9276, 3.2", rcode: nxDomain,
		name: "no.iterations.faulty.", codes: []uint16{27}, again: []uint16{27}},
	{what: "a denial from the servers, and then synthesised", reference: "registry, 29",
		rcode: nxDomain, name: "a1.secure.example.", codes: nil, again: nil},
	{what: "a question for NXNAME", reference: "RFC 9824, 3.5", rcode: dns.RcodeFormatError,
		qtype: 128, name: "www.secure.example.", codes: []uint16{30}, again: []uint16{30}},
	{what: "a negative trust anchor", reference: "registry, 33", rcode: noError,
		name: "www.expired.faulty.", except: trustanchor.Negative, codes: []uint16{33},
		again: []uint16{33}},
	{what: "a permissive zone", reference: "RFC 8914, 4.8", rcode: noError,
		name: "www.expired.faulty.", except: trustanchor.Permissive, codes: []uint16{7},
		again: []uint16{7}},
	{what: "validation switched off for a zone", reference: "-", rcode: noError,
		name: "www.expired.faulty.", except: trustanchor.Insecure, codes: nil, again: nil},
	{what: "all is well", reference: "-", rcode: noError, name: "www.secure.example."},
}

const (
	noError  = dns.RcodeSuccess
	nxDomain = dns.RcodeNameError
	servFail = dns.RcodeServerFailure
)

// What a client is told, situation by situation: when it is the first to ask, from the cache, and
// from a prepared answer. The most precise code comes first; "Cached Error" (13) is the last beside
// a failure that is remembered. "Synthesized" (29) is told of synthesised answers alone.
func TestRFC8914CodesBySituation(t *testing.T) {
	for _, s := range situations {
		synctest.Test(t, func(t *testing.T) {
			net := &failingNetwork{}
			f := newFrontAll(t, nil, func(c *resolver.Config) {}, &quiet{},
				func(p *resolver.Parts) {
					net.Exchanger, p.Exchanger = p.Exchanger, net
					if s.except != trustanchor.None {
						p.Anchors.Except(wire.MustParseName("expired.faulty."), s.except)
					}
				})
			from, qtype := "127.0.0.1:1000", dns.TypeA
			if s.from != "" {
				from = s.from
			}
			if s.qtype != 0 {
				qtype = s.qtype
			}
			ask := func() *dns.Msg {
				return f.askFrom(from, transport.UDP, s.name, qtype, func(m *dns.Msg) {
					if edns(true)(m); s.change != nil {
						s.change(m)
					}
				})
			}
			if s.outage > 0 {
				ask()
				f.clock.Advance(s.outage)
				net.down.Store(true)
				net.failing.Store(s.failing)
			}
			for i, want := range [][]uint16{s.codes, s.again, s.again, s.again} {
				m := ask()
				if got := codes(m); m.Rcode != s.rcode || !slices.Equal(got, want) {
					t.Errorf("%s (%s), client %d: %s, EDE %v, want %v", s.what, s.reference, i,
						dns.RcodeToString[m.Rcode], got, want)
				}
			}
			f.close()
		})
	}
}

// failingNetwork is a network that can be taken away, or whose servers fail.
type failingNetwork struct {
	severed
	failing atomic.Bool
}

// Exchange implements transport.Exchanger.
func (n *failingNetwork) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	if n.down.Load() && n.failing.Load() {
		var q dns.Msg
		if err := q.Unpack(r.Query); err != nil {
			return nil, err
		}
		m := new(dns.Msg).SetRcode(&q, dns.RcodeServerFailure)
		return m.Pack()
	}
	return n.severed.Exchange(ctx, r)
}

// "Synthesized" (29) is in answers that follow from denials of other names, prepared ones included,
// and in no other.
func TestRFC8914SynthesizedIsForSynthesisedAnswersAlone(t *testing.T) {
	f := newFront(t, nil)
	if got := codes(f.ask("na.secure.example.", dns.TypeA, edns(true))); got != nil {
		t.Errorf("a denial from the servers: EDE %v", got)
	}
	for range 3 {
		m := f.ask("nb.secure.example.", dns.TypeA, edns(true))
		if got := codes(m); m.Rcode != nxDomain || !slices.Equal(got, []uint16{29}) {
			t.Errorf("a synthesised denial: %s, EDE %v", dns.RcodeToString[m.Rcode], got)
		}
	}
}

// Texts give way to what a client has room for, the last ones first: codes stay, and no record is
// left out for a text (section 2).
func TestRFC8914TextsGiveWayToRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, net := newSevered(t, func(*resolver.Config) {})
		name := "another." + strings.Repeat("a-label-of-this-length.", 9) + "wild.unsigned.example."
		cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0011223344556677"}
		small := func(m *dns.Msg) {
			m.SetEdns0(512, false)
			m.IsEdns0().Option = []dns.EDNS0{cookie}
		}
		f.ask(name, dns.TypeA, edns(false))
		f.clock.Advance(time.Hour)
		net.down.Store(true)
		for i := range 6 {
			change := small
			if i%2 == 1 {
				change = edns(false, cookie)
			}
			m := f.ask(name, dns.TypeA, change)
			var texts []bool
			for _, o := range m.IsEdns0().Option {
				if e, ok := o.(*dns.EDNS0_EDE); ok {
					texts = append(texts, e.ExtraText != "")
				}
			}
			if m.Truncated || len(m.Answer) != 1 || !slices.Equal(codes(m), []uint16{3, 22}) ||
				!slices.Equal(texts, []bool{true, i%2 == 1}) {
				t.Errorf("%d: %d octets, texts %v in\n%v", i, m.Len(), texts, m)
			}
		}
		f.close()
	})
}
