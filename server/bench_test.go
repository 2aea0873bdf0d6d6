package server_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/hook"
	"bailiwick/internal/localdata"
	"bailiwick/internal/observe"
	"bailiwick/internal/policy"
	"bailiwick/internal/rpz"
	"bailiwick/server"
	"bailiwick/transport"
)

// packetOf returns a client's query with DO.
func packetOf(b *testing.B, name string, t uint16) []byte {
	b.Helper()
	q := new(dns.Msg).SetQuestion(name, t)
	q.SetEdns0(1232, true)
	packet, err := q.Pack()
	if err != nil {
		b.Fatal(err)
	}
	return packet
}

// The fast path, from packet to packet, without sockets, with the metrics of production. Run it
// with -cpu 1,2,4,8 for the curve: every goroutine asks the same cache.
func BenchmarkFast(b *testing.B) {
	benchmarkFast(b, newFrontObserved(b, observe.New()), "127.0.0.1:1000")
}

// The same with rates of addresses, prefixes and responses that nothing exceeds.
func BenchmarkFastLimited(b *testing.B) {
	f := newFrontObserved(b, observe.New())
	f.limit(func(l *policy.Limits) {
		l.PerAddress, l.PerPrefix, l.Responses, l.Denials = 1e6, 1e6, 1e6, 1e6
		l.Burst = time.Minute
	})
	benchmarkFast(b, f, "10.0.0.1:1000")
}

// What an answer costs without a policy step, with one that has passed it for all clients, and with
// one that looks at each client and so is asked each time.
func BenchmarkHooked(b *testing.B) {
	packet := packetOf(b, "www.secure.example.", dns.TypeA)
	const from = "127.0.0.1:1000"
	client := transport.Client{Addr: netip.MustParseAddrPort(from)}
	for name, steps := range map[string][]hook.Step{"none": nil, "for_all": {&step{name: "s"}},
		"per_client": {&step{name: "s", perClient: true}}} {
		b.Run(name, func(b *testing.B) {
			f := newFrontObserved(b, observe.New())
			f.hooks(steps...)
			for range 4 {
				f.exchange(packet, from, transport.UDP)
			}
			b.ReportAllocs()
			buf := make([]byte, 0, 4096)
			for b.Loop() {
				if reply, _ := f.Handle(packet, client, buf); reply == nil {
					b.Fatal("not ready")
				}
			}
		})
	}
}

// The same with all kinds of policy: a thousand networks of views, rates, 100,000 local names, and
// 200,000 rules of a policy zone.
func BenchmarkFastPoliced(b *testing.B) {
	f := newFrontObserved(b, observe.New())
	local := localdata.NewBuilder(nil)
	for i := range 100_000 {
		if err := local.AddText(fmt.Sprintf("h%d.corp%d.test. A 192.0.2.1", i, i%100)); err != nil {
			b.Fatal(err)
		}
	}
	d, err := local.Data()
	if err != nil {
		b.Fatal(err)
	}
	lines := make([]string, 0, 200_000)
	for i := range 100_000 {
		lines = append(lines, fmt.Sprintf("n%d.bad.example CNAME .", i),
			fmt.Sprintf("*.n%d.bad.example CNAME .", i))
	}
	l := policy.DefaultLimits()
	l.PerAddress, l.PerPrefix, l.Responses, l.Denials = 1e6, 1e6, 1e6, 1e6
	l.Burst = time.Minute
	v := &policy.View{Class: 1, Generation: 1, Local: d.Answer, Rates: policy.NewRates(l),
		Zones: &rpz.Set{Zones: []rpz.Zone{policyZone(b, "feed.", lines...)}}}
	var views []policy.Clients
	for i := range 1000 {
		views = append(views, policy.Clients{Net: netip.PrefixFrom(netip.AddrFrom4(
			[4]byte{10, byte(i >> 8), byte(i), 0}), 24), View: v})
	}
	cfg := server.Default()
	cfg.Rotate, cfg.Special = false, false
	f.Handler.Replace(server.Rules{Config: &cfg, View: &policy.View{},
		Access: policy.NewACL(policy.Default().Access.Rules(), views...)})
	benchmarkFast(b, f, "10.0.0.1:1000")
}

func benchmarkFast(b *testing.B, f *front, from string) {
	client := transport.Client{Addr: netip.MustParseAddrPort(from)}
	cases := map[string][][]byte{
		"answer": {packetOf(b, "www.secure.example.", dns.TypeA),
			packetOf(b, "txt.secure.example.", dns.TypeTXT),
			packetOf(b, "secure.example.", dns.TypeMX),
			packetOf(b, "www.unsigned.example.", dns.TypeA)},
	}
	withCookie := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA)
	cookieOf(f, from)(withCookie)
	withCookie.IsEdns0().SetDo()
	packed, err := withCookie.Pack()
	if err != nil {
		b.Fatal(err)
	}
	cases["cookie"] = [][]byte{packed}
	for _, zone := range []string{"secure.example.", "nsec3.example."} {
		for i := range 64 {
			cases["denied."+zone] = append(cases["denied."+zone],
				packetOf(b, fmt.Sprintf("zz%d.%s", i, zone), dns.TypeA))
		}
	}
	for name, packets := range cases {
		var ready [][]byte
		for range 4 {
			ready = ready[:0]
			for _, p := range packets {
				f.exchange(p, from, transport.UDP)
				if f.Prepared(p, client) {
					ready = append(ready, p)
				}
			}
		}
		if len(ready) < len(packets)/2 {
			b.Fatalf("%s: only %d of %d are ready", name, len(ready), len(packets))
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				buf := make([]byte, 0, 4096)
				for i := 0; pb.Next(); i++ {
					if reply, _ := f.Handle(ready[i%len(ready)], client, buf); reply == nil {
						b.Error("not ready")
						return
					}
				}
			})
		})
	}
}

// Answers from the cache that are not prepared: without RD nothing is prepared.
func BenchmarkKnown(b *testing.B) {
	f := newFrontObserved(b, observe.New())
	packet := packetOf(b, "www.secure.example.", dns.TypeA)
	f.exchange(packet, "127.0.0.1:1000", transport.UDP)
	f.Handler = f.server.Handler(policy.NewACL([]policy.Rule{
		{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: policy.Snoop}}), &policy.View{})
	packet[2] &^= 1
	client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
	b.ReportAllocs()
	buf := make([]byte, 0, 4096)
	for b.Loop() {
		if reply, _ := f.Handle(packet, client, buf); reply == nil {
			b.Fatal("not known")
		}
	}
}
