package server_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/counter"
	"bailiwick/internal/dnstap"
	"bailiwick/internal/dnstap/dnstaptest"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// newTap returns a tap into a file, and what ends it and reads the file.
func newTap(t testing.TB, change func(*dnstap.Config)) (*dnstap.Tap, func() []dnstaptest.Message) {
	t.Helper()
	cfg := dnstap.Default().Named("test")
	cfg.To, cfg.Path = dnstap.File, filepath.Join(t.TempDir(), "tap")
	if change != nil {
		change(&cfg)
	}
	s, err := dnstap.NewSender(cfg, dnstap.Parts{Log: slog.New(slog.DiscardHandler),
		Counts: &counter.Outcomes{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return dnstap.NewTap(cfg, s), func() []dnstaptest.Message {
		s.Close()
		return dnstaptest.ReadFile(t, cfg.Path)
	}
}

// taps has the front's messages copied.
func (f *front) taps(view *policy.View, tap *dnstap.Tap) {
	cfg := server.Default()
	f.Replace(server.Rules{Config: &cfg, View: view, Access: private(), Tap: tap,
		Local: netip.MustParseAddrPort("192.0.2.53:53")})
}

// Each query of a client is copied once as it came, and each response once as it leaves, whether it
// is resolved, from the cache, prepared or an error (NLnetLabs/unbound#369, PowerDNS/pdns#6373). A
// query that gets no response has none here either; what is no message of DNS is copied as it is
// (dnstap/golang-dnstap#2).
func TestDnstapHasEachMessageOnce(t *testing.T) {
	f := newFront(t, nil)
	tap, end := newTap(t, nil)
	f.taps(&policy.View{}, tap)
	type pair struct{ query, answer []byte }
	var sent []pair
	began := time.Now().Truncate(0)
	for i, name := range []string{"www.secure.example.", "www.secure.example.",
		"WWW.secure.example.", "www.expired.faulty.", "www.expired.faulty.", "no.example."} {
		q := packed(t, name)
		q[0], q[1] = 0x42, byte(i)
		sent = append(sent, pair{q, f.exchange(q, "10.1.2.3:5353", transport.DoT)})
	}
	garbage := packed(t, "x.example.")[:15]
	sent = append(sent, pair{garbage, f.exchange(garbage, "10.1.2.3:5353", transport.UDP)})
	list := end()
	if len(list) != 2*len(sent) {
		t.Fatalf("%d messages of %d queries", len(list), len(sent))
	}
	for i, p := range sent {
		q, a := list[2*i], list[2*i+1]
		if q.Type != uint64(dnstap.ClientQuery) || string(q.Query) != string(p.query) ||
			a.Type != uint64(dnstap.ClientResponse) || string(a.Response) != string(p.answer) {
			t.Errorf("query %d: %+v, %+v", i, q, a)
		}
		if !a.Asked.Equal(q.Asked) || a.Asked.Before(began) || a.Answered.Before(a.Asked) {
			t.Errorf("query %d: asked %v, %v, answered %v", i, q.Asked, a.Asked, a.Answered)
		}
		if fmt.Sprint(a.Asker, a.AskerPort, a.Answerer, a.AnswererPort) !=
			"10.1.2.3 5353 192.0.2.53 53" {
			t.Errorf("query %d: %+v", i, a)
		}
		want := ""
		if i == 3 || i == 4 {
			want = "cause=signature_expired"
		}
		if i == len(sent)-1 {
			want = "cause=request_malformed"
		}
		if a.Extra != want || q.Extra != "" {
			t.Errorf("query %d: extra %q, want %q", i, a.Extra, want)
		}
	}
}

// A sample has both messages of a query or none.
func TestDnstapSamplesPairs(t *testing.T) {
	f := newFront(t, nil)
	tap, end := newTap(t, func(c *dnstap.Config) { c.Sample = 3 })
	f.taps(&policy.View{}, tap)
	for i := range 9 {
		q := packed(t, "www.secure.example.")
		q[1] = byte(i)
		f.exchange(q, someone, transport.UDP)
	}
	var got []string
	for _, m := range end() {
		got = append(got, fmt.Sprint(m.Type, append(m.Query, m.Response...)[1]))
	}
	if text := strings.Join(got, " "); text != "5 0 6 0 5 3 6 3 5 6 6 6" {
		t.Errorf("%s", text)
	}
}

// The policy that decided an answer goes with it: the rule of a policy zone with what it matched,
// or a list (NLnetLabs/unbound#650). One that is let through has its rule too.
func TestDnstapTellsPolicy(t *testing.T) {
	f := newFront(t, nil)
	f.polices(1, "*.secure.example CNAME .", "own.example A 192.0.2.99",
		"www.unsigned.example CNAME rpz-passthru.", "quiet.example CNAME rpz-drop.",
		"24.0.0.0.10.rpz-client-ip CNAME *.")
	tap, end := newTap(t, nil)
	f.taps(f.own, tap)
	ask := func(from, name string) { f.askFrom(from, transport.UDP, name, dns.TypeA, nil) }
	ask(someone, "www.secure.example.")
	ask(someone, "own.example.")
	ask(someone, "www.unsigned.example.")
	ask(someone, "quiet.example.")
	ask(another, "a.example.")
	ask(someone, "www.nsec3.example.")
	var got []string
	for _, m := range end() {
		if m.Type == uint64(dnstap.ClientQuery) {
			continue
		}
		rule, value := "-", "-"
		if p := m.Policy; p != nil {
			rule = wire.NameOf(p[2]).String()
			if value = fmt.Sprintf("%x", p[5]); p[4] == "1" {
				value = wire.NameOf(p[5]).String()
			}
			rule = fmt.Sprintf("%s %s action %s match %s", p[1], rule, p[3], p[4])
		}
		got = append(got, rule+" "+value)
	}
	want := []string{
		"RPZ *.secure.example.rpz. action 1 match 1 www.secure.example.",
		"RPZ own.example.rpz. action 6 match 1 own.example.",
		"RPZ www.unsigned.example.rpz. action 3 match 1 www.unsigned.example.",
		"RPZ 24.0.0.0.10.rpz-client-ip.rpz. action 2 match 2 0a000009",
		"- -"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A list of blocked names is told by its name.
func TestDnstapTellsLists(t *testing.T) {
	f := newFront(t, nil)
	f.serves([]string{"corp. static"}, []string{"printer.corp. A 192.0.2.7"}, "bad.example\n")
	tap, end := newTap(t, nil)
	f.taps(f.own, tap)
	for _, name := range []string{"x.bad.example.", "printer.corp.", "no.corp."} {
		f.askFrom(someone, transport.UDP, name, dns.TypeA, nil)
	}
	var got []string
	for _, m := range end() {
		if p := m.Policy; p != nil {
			got = append(got, fmt.Sprintf("%s %q action %s %s %s", p[1], p[2], p[3],
				wire.NameOf(p[5]), m.Extra))
		}
	}
	want := "lists \"ads\" action 1 x.bad.example. cause=blocked\n" +
		"zones \"\" action 6 printer.corp. \n" +
		"zones \"\" action 1 no.corp. "
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

// remade is how many allocations there may be because pools do not keep what they hold: none, but
// with the race detector.
var remade float64

// An answer from memory costs no allocation, whether messages are copied or not.
func TestDnstapAllocatesNothing(t *testing.T) {
	for _, on := range []bool{false, true} {
		f := newFront(t, nil)
		var tap *dnstap.Tap
		if on {
			tap, _ = newTap(t, nil)
		}
		f.taps(&policy.View{}, tap)
		q := packed(t, "www.secure.example.")
		client := transport.Client{Addr: netip.MustParseAddrPort(someone)}
		buf := make([]byte, 0, 4096)
		f.exchange(q, someone, transport.UDP)
		for range 40000 { // the queue has grown
			f.Handle(q, client, buf)
		}
		if n := testing.AllocsPerRun(200, func() { f.Handle(q, client, buf) }); n > remade {
			t.Errorf("%v allocations, copied: %v", n, on)
		}
	}
}

// What servers are asked and reply is copied with the zone, as it is on the wire, before the
// client's response (coredns/coredns#4395): with the ID and the letters of the query
// (NLnetLabs/unbound#368).
func TestDnstapOfServers(t *testing.T) {
	tap, end := newTap(t, nil)
	f := newFrontAll(t, nil, func(c *resolver.Config) { c.CaseRandomisation = true }, &quiet{},
		func(p *resolver.Parts) { p.Tap = tap })
	f.taps(&policy.View{}, tap)
	f.askFrom(someone, transport.UDP, "www.secure.example.", dns.TypeA, nil)
	list := end()
	open := map[string]dnstaptest.Message{}
	zones := map[string]bool{}
	for i, m := range list {
		switch dnstap.Kind(m.Type) {
		case dnstap.ResolverQuery:
			open[string(m.Query[:2])] = m
			zones[wire.NameOf(m.Zone).String()] = true
			if !m.Answerer.IsValid() || m.AnswererPort != 53 || m.Fields[4] || m.Fields[6] {
				t.Errorf("%+v", m)
			}
		case dnstap.ResolverResponse:
			q, ok := open[string(m.Response[:2])]
			if !ok || !m.Asked.Equal(q.Asked) || m.Zone != q.Zone || m.Answerer != q.Answerer {
				t.Fatalf("message %d answers none: %+v", i, m)
			}
			n := 12
			for q.Query[n] != 0 {
				n += int(q.Query[n]) + 1
			}
			if !strings.HasPrefix(string(m.Response[12:]), string(q.Query[12:n+5])) {
				t.Errorf("the letters differ: %q, %q", q.Query, m.Response)
			}
			delete(open, string(m.Response[:2]))
		case dnstap.ClientQuery:
			if i != 0 {
				t.Errorf("the client's query is message %d", i)
			}
		case dnstap.ClientResponse:
			if i < 3 {
				t.Errorf("the client's response is message %d", i)
			}
		}
	}
	if !zones["."] || !zones["secure.example."] {
		t.Errorf("asked: %v", zones)
	}
}
