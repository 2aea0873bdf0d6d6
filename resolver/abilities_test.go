package resolver

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"bailiwick/transport"
	"bailiwick/wire"
)

// That a server cannot do something is believed after two observations in a row, or one that is
// proven. An observation that it can, or a bogus answer, resets the count.
func TestDowngradesNeedWitnesses(t *testing.T) {
	addr, zone := netip.MustParseAddr("192.0.2.1"), wire.MustParseName("example")
	noEDNS := func(p profile) bool { return p.noEDNS }
	caseLost := func(p profile) bool { return p.caseLost }
	noCookie := func(p profile) bool { return p.noCookie }
	for _, c := range []struct {
		name   string
		events []conduct
		is     func(profile) bool
		want   bool
	}{
		{"one FORMERR", []conduct{eventNoEDNS}, noEDNS, false},
		{"two", []conduct{eventNoEDNS, eventNoEDNS}, noEDNS, true},
		{"one over TCP", []conduct{eventNoEDNSProven}, noEDNS, true},
		{"EDNS between", []conduct{eventNoEDNS, eventEDNS, eventNoEDNS}, noEDNS, false},
		{"EDNS after", []conduct{eventNoEDNSProven, eventEDNS}, noEDNS, false},
		{"bogus after", []conduct{eventNoEDNSProven, eventBogus}, noEDNS, false},
		{"one pair", []conduct{eventCaseLost}, caseLost, false},
		{"two pairs", []conduct{eventCaseLost, eventCaseLost}, caseLost, true},
		{"one proven", []conduct{eventCaseLostProven}, caseLost, true},
		{"kept between", []conduct{eventCaseLost, eventCaseKept, eventCaseLost}, caseLost, false},
		{"bogus after", []conduct{eventCaseLostProven, eventBogus}, caseLost, false},
		{"silence twice", []conduct{eventPlainOnly, eventPlainOnly}, caseLost, false},
		{"silence three times", []conduct{eventPlainOnly, eventPlainOnly, eventPlainOnly},
			caseLost, true},
		{"silence, and kept", []conduct{eventPlainOnly, eventPlainOnly, eventCaseKept,
			eventPlainOnly},
			caseLost, false},
		{"one without cookie", []conduct{eventNoCookie}, noCookie, false},
		{"two without cookie", []conduct{eventNoCookie, eventNoCookie}, noCookie, true},
		{"one without cookie over TCP", []conduct{eventNoCookieProven}, noCookie, true},
		{"bogus after", []conduct{eventNoCookieProven, eventBogus}, noCookie, false},
	} {
		s, now := newInfraCache(1<<20), time.Now()
		for _, e := range c.events {
			s.learn(addr, zone, e, 0, now)
		}
		if got := c.is(s.profile(addr, zone, now)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if c.is(s.profile(addr, zone, now.Add(caseTime+time.Second))) {
			t.Errorf("%s: for ever", c.name)
		}
	}
}

// A timeout backs off without a round-trip sample (RFC 6298, section 5.5), once for all questions
// that are open at the same time, and a late reply is a sample.
func TestRFC6298SilenceIsLearnt(t *testing.T) {
	addr, zone := netip.MustParseAddr("192.0.2.1"), wire.MustParseName("example")
	s, now := newInfraCache(1<<20), time.Now()
	for range 10 { // sent at once
		s.learn(addr, zone, eventTimeout, initialRTO, now)
	}
	if got := s.profile(addr, zone, now).rto; got != 2*initialRTO {
		t.Errorf("after silence: %v", got)
	}
	now = now.Add(time.Second)
	s.learn(addr, zone, eventTimeout, 900*time.Millisecond, now)
	if got := s.profile(addr, zone, now).rto; got != maxRTO {
		t.Errorf("after more silence: %v", got)
	}
	s.learn(addr, zone, eventReply, 600*time.Millisecond, now)
	if p := s.profile(addr, zone, now); p.srtt != 600*time.Millisecond || p.overdue || p.dead {
		t.Errorf("after a late reply: %+v", p)
	}
}

// The time to wait for unknown servers grows only after servers of several unrelated zones were
// late, and one prompt reply resets it.
func TestRFC6298PaceOfTheProcess(t *testing.T) {
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }
	unknown := netip.MustParseAddr("198.51.100.1")
	s, now := newInfraCache(1<<20), time.Now()
	patience := func() time.Duration { return s.profile(unknown, wire.Root, now).rto }
	for i, zone := range []string{"example.com", "a.example.com", "b.a.example.com", "com"} {
		s.learn(addr(i), wire.MustParseName(zone), eventTimeout, initialRTO, now)
	}
	if patience() != initialRTO {
		t.Errorf("one branch of the tree is late: %v", patience())
	}
	for i, zone := range []string{".", "example.net"} {
		s.learn(addr(10+i), wire.MustParseName(zone), eventTimeout, initialRTO, now)
	}
	if patience() != 2*initialRTO {
		t.Errorf("three are late: %v", patience())
	}
	s.learn(addr(1), wire.Root, eventReply, 600*time.Millisecond, now)
	if patience() != 2*initialRTO {
		t.Errorf("after a late reply: %v", patience())
	}
	s.learn(addr(2), wire.Root, eventReply, 30*time.Millisecond, now)
	if patience() != initialRTO {
		t.Errorf("after a prompt reply: %v", patience())
	}
}

// The size of a server's entry counts its zone faults, cookies and transports.
func TestServersCountWhatTheyHoldUpToMaxZoneFaults(t *testing.T) {
	s, now := newInfraCache(1<<20), time.Now()
	addr := netip.MustParseAddr("192.0.2.1")
	s.profile(addr, wire.Root, now)
	empty := s.cache.Stats().Bytes
	held := 0
	for i := range 2 * maxZoneFaults {
		zone := wire.MustParseName(fmt.Sprintf("zone%d.with-a-rather-long-name.example", i))
		s.learn(addr, zone, eventBad, 0, now)
		held += len(zone.Wire())
	}
	s.setCookie(addr, serverCookie{server: make([]byte, 32)})
	s.learnEncrypted(addr, transport.DoT, true, now)
	v := s.get(addr)
	got, least := s.cache.Stats().Bytes-empty, held/2+maxZoneFaults*40+32
	if got < least || len(v.zones) > maxZoneFaults {
		t.Errorf("%d octets are counted, of at least %d; %d faults", got, least, len(v.zones))
	}
	if s.cache.Stats().Entries != 1 {
		t.Errorf("%d entries", s.cache.Stats().Entries)
	}
	// Faults that have ended are dropped first.
	later := now.Add(badTime + time.Second)
	s.learn(addr, wire.MustParseName("late.example"), eventLame, 0, later)
	if len(v.zones) != 1 {
		t.Errorf("%d faults, all but one have ended", len(v.zones))
	}
}
