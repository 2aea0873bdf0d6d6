package server_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/server"
	"bailiwick/transport"
)

// fastSeeds returns queries to cached names, with all that a query may have.
func fastSeeds(t testing.TB) (seeds [][]byte) {
	option := func(o ...dns.EDNS0) func(*dns.Msg) {
		return func(m *dns.Msg) {
			m.SetEdns0(1232, true)
			m.IsEdns0().Option = o
		}
	}
	ways := []func(*dns.Msg){nil, edns(false), edns(true),
		func(m *dns.Msg) { m.AuthenticatedData = true },
		func(m *dns.Msg) { m.CheckingDisabled = true; m.SetEdns0(512, true) },
		func(m *dns.Msg) { m.RecursionDesired = false },
		func(m *dns.Msg) { m.SetEdns0(65535, true); m.IsEdns0().SetVersion(1) },
		option(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"}),
		option(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE,
			Cookie: "0123456789abcdef01000000655369850011223344556677"}),
		option(&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123"}),
		option(&dns.EDNS0_PADDING{Padding: make([]byte, 30)}),
		option(&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24,
			Address: []byte{192, 0, 2, 0}}),
		option(&dns.EDNS0_NSID{Code: dns.EDNS0NSID}, &dns.EDNS0_TCP_KEEPALIVE{
			Code: dns.EDNS0TCPKEEPALIVE}),
		option(&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("unknown")},
			&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("twice")}),
	}
	for i, name := range fastNames {
		for j, way := range ways {
			if j > 2 && i%3 != j%3 { // not every way for every name
				continue
			}
			m := new(dns.Msg).SetQuestion(name, dns.TypeA)
			if i%5 == 4 {
				m.Question[0].Qtype = dns.TypeDNSKEY
			}
			if way != nil {
				way(m)
			}
			b, err := m.Pack()
			if err != nil {
				t.Fatal(err)
			}
			seeds = append(seeds, b)
		}
	}
	return seeds
}

// fastNames are data, aliases, wildcards, denials of each kind, and failures.
var fastNames = []string{"www.secure.example.", "alias.secure.example.", "x.wild.secure.example.",
	"no.secure.example.", "secure.example.", "b.ent.nsec3.example.", "leaf.tree.nsec3.example.",
	"WWW.NSEC3.example.", "no.nsec3.example.", "nsec3.example.", "www.unsigned.example.",
	"no.unsigned.example.", "www.expired.faulty.", "no.compact.example.", "example.",
	"unsigned.optout.", "no.optout."}

// FuzzFastPath has each packet answered by the step prepared and without it, where there are keys
// of views and where there are none. Both answers are the same, octet for octet, whatever the
// packet has.
func FuzzFastPath(f *testing.F) {
	front := newFront(f, func(c *server.Config) { c.Secret = &[16]byte{1} })
	keyed := newFront(f, nil)
	keyed.signs(func(r *server.Rules) {
		r.UDPSize, r.Rotate, r.Special = 1232, false, false
		r.Secret = &[16]byte{1}
	})
	seeds := fastSeeds(f)
	for i, b := range seeds[:len(seeds):len(seeds)] {
		at := time.Now()
		if i%7 == 6 {
			at = at.Add(time.Hour)
		}
		seeds = append(seeds, signedBy(b, at))
	}
	for range 3 { // what is asked for twice is prepared
		for _, b := range seeds {
			_ = front.exchange(b, "127.0.0.1:1000", transport.TCP)
			_ = keyed.exchange(b, "127.0.0.1:1000", transport.TCP)
		}
	}
	for i, b := range seeds {
		f.Add(b, byte(i))
		f.Add(b, byte(i)|128)
	}
	all := transport.Protocols()
	f.Fuzz(func(t *testing.T, packet []byte, way byte) {
		if len(packet) < 12 {
			return // transports drop these
		}
		c := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000"),
			Protocol: all[int(way>>2)%len(all)], Early: way&2 != 0}
		if way&1 != 0 {
			c.Idle = 100
		}
		front := front
		if way&128 != 0 {
			front = keyed
		}
		fast, pending := front.Handle(bytes.Clone(packet), c, make([]byte, 0, 4096))
		if pending != nil {
			return // it was not fast
		}
		fast = bytes.Clone(fast)
		slow, pending := front.HandleUnprepared(bytes.Clone(packet), c, make([]byte, 0, 4096))
		if pending != nil {
			done := make(chan []byte, 1)
			pending.Resolve(t.Context(), func(b []byte) { done <- bytes.Clone(b) })
			slow = <-done
		}
		if !bytes.Equal(fast, slow) {
			t.Fatalf("%x over %s\nfast\n%s\nslow\n%s", packet, c.Protocol, printed(fast),
				printed(slow))
		}
	})
}

// printed returns a message as text.
func printed(b []byte) string {
	m := new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		return fmt.Sprintf("%x: %v", b, err)
	}
	return fmt.Sprintf("%x\n%s", b, m)
}
