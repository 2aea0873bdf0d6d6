package lab

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/transport"
)

// ask puts a question to a server of the world, in memory.
func ask(t *testing.T, w *World, server netip.Addr, name string, qtype uint16) *dns.Msg {
	t.Helper()
	q := new(dns.Msg).SetQuestion(name, qtype)
	q.SetEdns0(4096, true)
	b, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Exchange(context.Background(), transport.Request{Server: netip.AddrPortFrom(server,
		53), Query: b, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg)
	if err := m.Unpack(r); err != nil {
		t.Fatal(err)
	}
	return m
}

// miekg/dns verifies what the lab signs, for every algorithm that it knows; Ed448 is verified by
// the resolver's tests.
func TestSignaturesVerify(t *testing.T) {
	now := time.Now()
	for _, alg := range []uint8{dns.RSASHA1, dns.RSASHA1NSEC3SHA1, dns.RSASHA256, dns.RSASHA512,
		dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519} {
		w := New(now)
		w.Add(Zone{Name: "example.", Algorithm: alg, Bits: 1024, Records: "www A 192.0.2.1"})
		server := w.Servers()[1]
		var key *dns.DNSKEY
		for _, rr := range ask(t, w, server, "example.", dns.TypeDNSKEY).Answer {
			if k, ok := rr.(*dns.DNSKEY); ok {
				key = k
			}
		}
		m := ask(t, w, server, "www.example.", dns.TypeA)
		sig, ok := m.Answer[1].(*dns.RRSIG)
		if key == nil || !ok || sig.Verify(key, m.Answer[:1]) != nil || !sig.ValidityPeriod(now) {
			t.Errorf("algorithm %d: %v", alg, m)
		}
	}
}

// The same world on sockets, for other programs.
func TestListen(t *testing.T) {
	w := New(time.Now())
	w.Add(Zone{Name: "example.", Records: "www A 192.0.2.1"})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const port = 15053
	if err := w.Listen(ctx, port); err != nil {
		t.Skipf("the system does not have all of 127.0.0.0/8, or the port is taken: %v", err)
	}
	for _, network := range []string{"udp", "tcp"} {
		c := dns.Client{Net: network, Timeout: time.Minute}
		m, _, err := c.Exchange(new(dns.Msg).SetQuestion("www.example.", dns.TypeA),
			netip.AddrPortFrom(w.Servers()[1], port).String())
		if err != nil || len(m.Answer) != 1 || !m.Authoritative {
			t.Errorf("%s: %v %v", network, m, err)
		}
	}
}

// TestBreak breaks and repairs a zone while its servers answer.
func TestBreak(t *testing.T) {
	w := New(time.Now())
	w.Add(Zone{Name: "example.", Records: "www A 192.0.2.1"})
	var all sync.WaitGroup
	defer all.Wait()
	stop := make(chan struct{})
	defer close(stop)
	ask := func() int {
		q := new(dns.Msg).SetQuestion("www.example.", dns.TypeA)
		q.SetEdns0(1232, true)
		b, err := q.Pack()
		if err != nil {
			t.Error(err)
			return -1
		}
		r := w.behave(w.servers[w.AddressOf("example.")], b, false)
		if len(r.Packets) == 0 {
			return -1
		}
		m := new(dns.Msg)
		if err := m.Unpack(r.Packets[0]); err != nil {
			t.Error(err)
		}
		return len(m.Answer)
	}
	if err := w.Break("example."); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					ask()
				}
			}
		})
	}
	for range 20 {
		for fault, want := range map[Fault]int{MissingSignatures: 1, Dead: -1, Refusing: 0,
			Expired: 2} {
			if err := w.Break("example.", fault); err != nil {
				t.Fatal(err)
			}
			if n := ask(); n != want {
				t.Errorf("%s: %d records, want %d", fault, n, want)
			}
		}
		if err := w.Break("example."); err != nil || ask() != 2 {
			t.Errorf("not repaired: %v", err)
		}
	}
	if w.Break("nothing.") == nil || w.Break("example.", ReferralBomb) == nil {
		t.Error("a zone or a fault that there is not was broken")
	}
}

// Keys that are replaced have all zones signed anew, but for those of an algorithm that nobody
// implements: they go without signatures, as before.
func TestSetKeysBesideAnUnknownAlgorithm(t *testing.T) {
	w := Internet(time.Now())
	k := w.NewKey("secure.example.", 0, true)
	w.SetKeys("secure.example.", Keys{Published: []ZoneKey{k}, Entry: []ZoneKey{k},
		Signing: []ZoneKey{k}, DS: []ZoneKey{k}}, time.Now())
	for zone, records := range map[string]int{"algorithm.faulty.": 1, "secure.example.": 2} {
		m := ask(t, w, w.AddressOf(zone), zone, dns.TypeDNSKEY)
		if len(m.Answer) != records {
			t.Errorf("%v", m)
		}
	}
}
