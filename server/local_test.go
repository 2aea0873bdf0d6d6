// The operator's own data: what clients get of them.

package server_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/hook"
	"bailiwick/internal/localdata"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// serves has the front serve local data: zones as "name type", records, and a list of names.
func (f *front) serves(zones, records []string, blocked string) {
	f.t.Helper()
	var zs []localdata.Zone
	for _, z := range zones {
		words := strings.Fields(z)
		zs = append(zs, localdata.Zone{Name: wire.MustParseName(words[0]),
			Type: localdata.Type(slices.Index(localdata.TypeNames(), words[1]))})
	}
	b := localdata.NewBuilder(zs)
	for _, r := range records {
		if err := b.AddText(r); err != nil {
			f.t.Fatal(err)
		}
	}
	if _, err := b.AddList("ads", localdata.ListNXDomain, strings.NewReader(blocked)); err != nil {
		f.t.Fatal(err)
	}
	d, err := b.Data()
	if err != nil {
		f.t.Fatal(err)
	}
	f.own = &policy.View{Class: 1, Local: d.Answer}
	f.Handler = f.server.Handler(private(), f.own)
}

// heardOf returns what a response says, as text.
func heardOf(m *dns.Msg) string {
	if m == nil {
		return "nothing"
	}
	s := dns.RcodeToString[m.Rcode]
	if m.AuthenticatedData {
		s += " AD"
	}
	for _, rr := range m.Answer {
		h := rr.Header()
		s += fmt.Sprintf(" %s %s", h.Name, dns.TypeToString[h.Rrtype])
	}
	for _, rr := range m.Ns {
		if rr.Header().Rrtype == dns.TypeSOA {
			s += " SOA " + rr.Header().Name
		}
	}
	if o := m.IsEdns0(); o != nil {
		for _, x := range o.Option {
			if e, ok := x.(*dns.EDNS0_EDE); ok {
				s += fmt.Sprintf(" EDE %d", e.InfoCode)
			}
		}
	}
	return s
}

// withEDNS asks for reasons and signatures.
func withEDNS(m *dns.Msg) { m.SetEdns0(1232, true) }

// Local data are served the first time and each time, with the reason where they are not the name's
// own, and nothing of it is asked of servers.
func TestLocalDataAreServed(t *testing.T) {
	f, up := newCounted(t, func(*resolver.Config) {})
	f.serves([]string{"corp. static", "blocked.example. refuse", "shut.example. nxdomain",
		"ads.example. redirect"}, []string{"www.corp. 60 A 10.0.0.1", "www.corp. AAAA 2001:db8::1",
		"www.secure.example. 60 A 192.0.2.99", "ads.example. A 192.0.2.80"}, "tracker.example")
	for range 3 {
		for q, want := range map[string]string{
			"www.corp. A":           "NOERROR www.corp. A",
			"WWW.corp. AAAA":        "NOERROR WWW.corp. AAAA",
			"www.corp. TXT":         "NOERROR SOA corp.",
			"no.corp. A":            "NXDOMAIN SOA corp.",
			"www.secure.example. A": "NOERROR www.secure.example. A",
			"x.blocked.example. A":  "REFUSED EDE 15",
			"x.shut.example. A":     "NXDOMAIN SOA shut.example. EDE 15",
			"x.ads.example. A":      "NOERROR x.ads.example. A EDE 4",
			"a.tracker.example. A":  "NXDOMAIN SOA tracker.example. EDE 15",
		} {
			name, qt, _ := strings.Cut(q, " ")
			m := f.askFrom("127.0.0.1:1000", transport.UDP, name, dns.StringToType[qt], withEDNS)
			if got := heardOf(m); got != want {
				t.Errorf("%s: %s, want %s", q, got, want)
			}
			if name == "www.corp." && qt == "A" && m.Answer[0].Header().Ttl != 60 {
				t.Errorf("%s: TTL %d", q, m.Answer[0].Header().Ttl)
			}
		}
	}
	if n := up.n.Load(); n != 0 {
		t.Errorf("%d queries were sent", n)
	}
}

// A zone of the type drop: no answer, which is counted as one.
func TestLocalZoneDrops(t *testing.T) {
	f := newFront(t, nil)
	f.serves([]string{"quiet.example. drop"}, nil, "")
	if m := f.askFrom("127.0.0.1:1000", transport.UDP, "x.quiet.example.", dns.TypeA,
		nil); m != nil {
		t.Errorf("answered: %s", heardOf(m))
	}
	if !slices.Contains(f.seen.refused, cause.BlockedSilently) {
		t.Errorf("counted: %v", f.seen.refused)
	}
}

// An alias of the operator's to a public name: the client gets both, without AD, as nobody has
// signed the alias. The name itself keeps its own answer, and the answer to the alias is not taken
// for it. A second alias is followed here, and so is one to a special name. Unbound gives the alias
// alone (NLnetLabs/unbound 976 and 914, openwrt/packages 24601).
func TestLocalAliasesAreFollowed(t *testing.T) {
	f := newFront(t, func(c *server.Config) { c.Special = true })
	f.serves([]string{"corp. static"}, []string{"portal.corp. CNAME www.secure.example.",
		"two.corp. CNAME portal.corp.", "own.corp. CNAME www.corp.", "www.corp. A 10.0.0.1",
		"no.corp. CNAME missing.corp.", "here.corp. CNAME localhost.",
		"gone.corp. CNAME nothing.secure.example.", "bogus.corp. CNAME www.expired.faulty."}, "")
	for range 3 {
		for name, want := range map[string]string{
			"portal.corp.": "NOERROR portal.corp. CNAME www.secure.example. A " +
				"www.secure.example. RRSIG",
			"two.corp.": "NOERROR two.corp. CNAME portal.corp. CNAME www.secure.example. A " +
				"www.secure.example. RRSIG",
			"own.corp.":           "NOERROR own.corp. CNAME www.corp. A",
			"no.corp.":            "NXDOMAIN no.corp. CNAME SOA corp.",
			"here.corp.":          "NOERROR here.corp. CNAME localhost. A",
			"gone.corp.":          "NXDOMAIN gone.corp. CNAME SOA secure.example.",
			"www.secure.example.": "NOERROR AD www.secure.example. A www.secure.example. RRSIG",
		} {
			m := f.askFrom("127.0.0.1:1000", transport.TCP, name, dns.TypeA, withEDNS)
			if got := heardOf(m); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
		m := f.askFrom("127.0.0.1:1000", transport.TCP, "bogus.corp.", dns.TypeA, withEDNS)
		if got := heardOf(m); !strings.HasPrefix(got, "SERVFAIL EDE 7") {
			t.Errorf("an alias to a bogus name: %s", got)
		}
	}
}

// Aliases of the operator's that lead back, and more than are followed, end with a reason. A cookie
// or another client changes nothing of that.
func TestMaxLocalAliases(t *testing.T) {
	f := newFront(t, nil)
	records := []string{"a.corp. CNAME b.corp.", "b.corp. CNAME a.corp.",
		"self.corp. CNAME self.corp.", "n13.corp. A 10.0.0.1"}
	for i := range 13 {
		records = append(records, fmt.Sprintf("n%d.corp. CNAME n%d.corp.", i, i+1))
	}
	f.serves([]string{"corp. static"}, records, "")
	for name, want := range map[string]int{"a.corp.": dns.RcodeServerFailure,
		"self.corp.": dns.RcodeServerFailure, "n0.corp.": dns.RcodeServerFailure,
		"n1.corp.": dns.RcodeSuccess} {
		m := f.askFrom("127.0.0.1:1000", transport.TCP, name, dns.TypeA, withEDNS)
		if m.Rcode != want {
			t.Errorf("%s: %s", name, heardOf(m))
		}
	}
	if !slices.Contains(f.seen.causes, cause.AliasLoop) {
		t.Errorf("causes: %v", f.seen.causes)
	}
}

// A zone of the type inform changes no answer, and the log has each question for a name in it,
// also those that could be answered as before.
func TestInformLogsEachQuestion(t *testing.T) {
	var log bytes.Buffer
	f := newFrontLogged(t, slog.New(slog.NewTextHandler(&log, nil)), nil,
		func(*resolver.Config) {}, &quiet{})
	f.serves([]string{"secure.example. inform"}, nil, "")
	for range 4 {
		m := f.askFrom("127.0.0.1:1000", transport.UDP, "www.secure.example.", dns.TypeA, withEDNS)
		if m.Rcode != dns.RcodeSuccess || !m.AuthenticatedData {
			t.Errorf("%s", heardOf(m))
		}
	}
	f.askFrom("127.0.0.1:1000", transport.UDP, "www.unsigned.example.", dns.TypeA, nil)
	lines := 0
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "asked for") {
			lines++
			if !strings.Contains(line, "zone=secure.example.") ||
				!strings.Contains(line, "client=127.0.0.1") {
				t.Error(line)
			}
		}
	}
	if lines != 4 {
		t.Errorf("%d lines", lines)
	}
}

// A zone of the type inform leaves its names to what comes after local data: a policy zone blocks
// one, a step refuses another, and both are logged.
func TestInformLeavesNamesToOtherPolicy(t *testing.T) {
	var log bytes.Buffer
	f := newFrontLogged(t, slog.New(slog.NewTextHandler(&log, nil)), nil,
		func(*resolver.Config) {}, &quiet{})
	f.serves([]string{"secure.example. inform"}, nil, "")
	local := f.own.Local
	f.polices(1, "www.secure.example CNAME .")
	f.own.Local = local
	f.hooks(&step{name: "own", question: about("mail.secure.example.",
		hook.Verdict{Action: hook.Refuse})})
	for name, want := range map[string]int{"www.secure.example.": dns.RcodeNameError,
		"mail.secure.example.": dns.RcodeRefused} {
		m := f.askFrom("127.0.0.1:1000", transport.UDP, name, dns.TypeA, withEDNS)
		if m.Rcode != want {
			t.Errorf("%s: %s", name, heardOf(m))
		}
		if !strings.Contains(log.String(), "name="+name) {
			t.Errorf("%s is not logged: %s", name, log.String())
		}
	}
}

// A question without RD gets local data too: they are this server's own.
func TestLocalDataWithoutRD(t *testing.T) {
	f := newFront(t, nil)
	f.serves(nil, []string{"www.corp. A 10.0.0.1"}, "")
	m := f.askFrom("127.0.0.1:1000", transport.UDP, "www.corp.", dns.TypeA,
		func(m *dns.Msg) { m.RecursionDesired = false })
	if heardOf(m) != "NOERROR www.corp. A" {
		t.Error(heardOf(m))
	}
}

// A special name that the root denies, for a client with DO: the denial has the root's proof, so
// that a validator behind this server agrees, and the root is asked for the top-level name alone,
// once. Clients without DO get the denial that is made here. If the root is silent, or the name is
// ordinary, nobody waits for a proof that cannot be had.
func TestSpecialNamesHaveTheRootsProof(t *testing.T) {
	f, up := newCounted(t, func(*resolver.Config) {})
	rules := func(change func(*server.Config)) {
		c := server.Default()
		c.Rotate = false
		change(&c)
		f.Handler = f.server.Handler(private(), &policy.View{})
		f.Handler.Replace(server.Rules{Config: &c, Resolver: f.resolver, Access: private(),
			View: &policy.View{}})
	}
	rules(func(*server.Config) {})
	plain := f.askFrom("127.0.0.1:1000", transport.UDP, "printer.local.", dns.TypeA, nil)
	if heardOf(plain) != "NXDOMAIN SOA local." || up.n.Load() != 0 {
		t.Errorf("without DO: %s, %d packets", heardOf(plain), up.n.Load())
	}
	for i, name := range []string{"printer.local.", "x.y.local.", "secret.onion.",
		"printer.local."} {
		before := up.n.Load()
		m := f.askFrom("127.0.0.1:1000", transport.TCP, name, dns.TypeA, withEDNS)
		if heardOf(m) != "NXDOMAIN AD SOA ." || m.Question[0].Name != name ||
			!slices.ContainsFunc(m.Ns, func(rr dns.RR) bool {
				return rr.Header().Rrtype == dns.TypeNSEC || rr.Header().Rrtype == dns.TypeNSEC3
			}) {
			t.Errorf("%s: %s", name, heardOf(m))
		}
		if sent := up.n.Load() - before; i%2 == 1 && sent != 0 {
			t.Errorf("%s: %d packets for a proof that is cached", name, sent)
		}
	}
	// The name itself is denied, too, whatever is asked for: its DS set is the root's to deny (RFC
	// 4035, section 3.1.4.1), and without it there are no data that a validator would believe.
	for _, top := range []string{"test.", "invalid.", "local.", "onion.", "alt.", "internal."} {
		for _, typ := range []uint16{dns.TypeA, dns.TypeDS, dns.TypeSOA, dns.TypeNS} {
			m := f.askFrom("127.0.0.1:1000", transport.TCP, top, typ, withEDNS)
			if heardOf(m) != "NXDOMAIN AD SOA ." {
				t.Errorf("%s %s: %s", top, dns.TypeToString[typ], heardOf(m))
			}
		}
		m := f.askFrom("127.0.0.1:1000", transport.UDP, top, dns.TypeSOA, nil)
		if heardOf(m) != "NXDOMAIN SOA "+top {
			t.Errorf("%s without DO: %s", top, heardOf(m))
		}
	}
	here := f.askFrom("127.0.0.1:1000", transport.TCP, "localhost.", dns.TypeA, withEDNS)
	if heardOf(here) != "NOERROR localhost. A" {
		t.Errorf("localhost: %s", heardOf(here))
	}
	rules(func(c *server.Config) { c.Ordinary = []wire.Name{wire.MustParseName("local")} })
	m := f.askFrom("127.0.0.1:1000", transport.TCP, "ordinary.local.", dns.TypeA, nil)
	if heardOf(m) != "NXDOMAIN SOA ." {
		t.Errorf("an ordinary name: %s", heardOf(m))
	}
}

// The root's proof cannot be had: no anchor is configured. The denial is that of this server.
func TestSpecialNamesWithoutAProof(t *testing.T) {
	f := newFrontAll(t, func(c *server.Config) { c.Special = true }, func(*resolver.Config) {},
		&quiet{}, func(p *resolver.Parts) { p.Anchors = &trustanchor.Set{} })
	m := f.askFrom("127.0.0.1:1000", transport.TCP, "printer.local.", dns.TypeA, withEDNS)
	if heardOf(m) != "NXDOMAIN SOA local." {
		t.Error(heardOf(m))
	}
}
