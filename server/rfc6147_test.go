// DNS64: addresses that are made for clients behind a translator.

package server_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/internal/nat64"
	"bailiwick/internal/policy"
	"bailiwick/internal/rpz"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// dns64With is DNS64 with prefixes; those of the addresses of the lab's hosts are not global.
func dns64With(t testing.TB, prefixes ...string) *policy.DNS64 {
	t.Helper()
	d := policy.Default().DNS64.DNS64
	d.Prefixes, d.NonGlobal = nil, true
	for _, s := range prefixes {
		p, err := nat64.ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		d.Prefixes = append(d.Prefixes, p)
	}
	return &d
}

// translating is a server whose clients are behind a translator, with a world of names that have
// IPv4 addresses, IPv6 addresses, both and none.
func translating(t *testing.T, d *policy.DNS64) (*front, *lab.World) {
	t.Helper()
	q := &quiet{}
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	records := "old 300 A 192.0.2.1;;old 300 A 192.0.2.2;;new AAAA 2001:db8::1;;" +
		"both A 192.0.2.3;;both AAAA 2001:db8::3;;none TXT x;;brief 20 A 192.0.2.4;;" +
		"alias CNAME old;;far CNAME alias;;gone CNAME missing;;leads CNAME none;;" +
		"tree DNAME host;;a.host A 192.0.2.5;;public A 9.9.9.9;;mapped AAAA ::ffff:192.0.2.6;;" +
		"mapped A 192.0.2.6;;some AAAA ::ffff:192.0.2.7;;some AAAA 2001:db8::7;;" +
		"some A 192.0.2.7;;" +
		"home A 10.0.0.1;;*.wild A 192.0.2.8;;long 3600 A 192.0.2.10"
	w.Add(lab.Zone{Name: "signed.example.", Records: records})
	w.Add(lab.Zone{Name: "plain.example.", Algorithm: lab.Unsigned, Records: records})
	w.Add(lab.Zone{Name: "bogus.example.", Faults: lab.Faults{lab.NoDenial},
		Records: "old A 192.0.2.9"})
	w.Add(lab.Zone{Name: "2.0.192.in-addr.arpa.", Records: "1 PTR old.signed.example."})
	cfg, anchors := labtest.Resolver(w)
	f := newFrontAll(t, nil, func(c *resolver.Config) { c.Hints = cfg.Hints }, q,
		func(p *resolver.Parts) { p.Anchors, p.Exchanger = anchors, w })
	f.seen = q
	f.view(&policy.View{DNS64: d})
	return f, w
}

// view has all clients have a view.
func (f *front) view(v *policy.View) { f.Handler = f.server.Handler(private(), v) }

// section is a section as text: owner, type and data of each record but signatures.
func section(rrs []dns.RR) string {
	var out []string
	for _, rr := range rrs {
		if h := rr.Header(); h.Rrtype != dns.TypeRRSIG {
			out = append(out, fmt.Sprintf("%s %s %s", h.Name, dns.TypeToString[h.Rrtype],
				strings.TrimPrefix(rr.String(), h.String())))
		}
	}
	return sorted(out...)
}

// sorted are records in the order of their texts, as one text.
func sorted(records ...string) string {
	slices.Sort(records)
	return strings.Join(records, "; ")
}

// synthesized reports whether a client is told that the answer was made.
func synthesized(m *dns.Msg) bool {
	codes, _ := ede(m)
	return slices.Contains(codes, dns.ExtendedErrorCodeSynthesized)
}

// Every answer is the same when it is resolved, from the cache, and prepared.
func TestRFC6147Answers(t *testing.T) {
	f, _ := translating(t, dns64With(t, "64:ff9b::/96"))
	for _, c := range []struct{ label, answer string }{
		{"old", "old. AAAA 64:ff9b::c000:201; old. AAAA 64:ff9b::c000:202"},
		{"new", "new. AAAA 2001:db8::1"}, // section 5.1.1
		{"both", "both. AAAA 2001:db8::3"},
		{"none", ""},
		// Section 5.1.5: the alias chain is kept.
		{"alias", "alias. CNAME old.; old. AAAA 64:ff9b::c000:201; old. AAAA 64:ff9b::c000:202"},
		{"far", "alias. CNAME old.; far. CNAME alias.; old. AAAA 64:ff9b::c000:201; " +
			"old. AAAA 64:ff9b::c000:202"},
		{"leads", "leads. CNAME none."},
		{"a.tree", "a.host. AAAA 64:ff9b::c000:205; a.tree. CNAME a.host.; tree. DNAME host."},
		// Section 5.1.4: an IPv4-mapped address is none.
		{"mapped", "mapped. AAAA 64:ff9b::c000:206"},
		{"some", "some. AAAA 2001:db8::7"},
		{"x.wild", "x.wild. AAAA 64:ff9b::c000:208"},
	} {
		for _, zone := range []string{"signed.example.", "plain.example."} {
			for turn := range 4 {
				m := f.ask(c.label+"."+zone, dns.TypeAAAA, edns(true))
				want := strings.ReplaceAll(c.answer, ". ", "."+zone+" ")
				for _, target := range []string{"old.", "alias.", "none.", "a.host.", "host."} {
					want = strings.ReplaceAll(want, "NAME "+target, "NAME "+target+zone)
				}
				if got := section(m.Answer); m.Rcode != dns.RcodeSuccess ||
					got != want && got != strings.TrimSuffix(want, ";") {
					t.Errorf("%s.%s, turn %d: %s\n%s\nwant\n%s", c.label, zone, turn,
						dns.RcodeToString[m.Rcode], got, want)
				}
				if made := strings.Contains(c.answer, "64:ff9b"); synthesized(m) != made {
					t.Errorf("%s.%s: told to be made: %v", c.label, zone, !made)
				}
			}
		}
	}
	if f.seen.hits == 0 {
		t.Error("nothing was prepared")
	}
	// Questions for other types are none of it, ANY included.
	for _, qtype := range []uint16{dns.TypeA, dns.TypeANY, dns.TypeTXT} {
		if m := f.ask("old.signed.example.", qtype, edns(true)); strings.Contains(m.String(),
			"64:ff9b") {
			t.Errorf("got\n%v", m)
		}
	}
}

// RFC 6147, section 5.1.2: a name that does not exist has no A records either, and nobody asks.
// Servers that deny the name where they have no AAAA record are believed, whatever is in the cache.
func TestRFC6147NamesThatDoNotExist(t *testing.T) {
	f, w := translating(t, dns64With(t, "64:ff9b::/96"))
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		q := in.Question()
		if !strings.EqualFold(q.Name, "brief.plain.example.") || q.Qtype != dns.TypeAAAA {
			return lab.Reply{}, false
		}
		m := in.Honest()
		m.Rcode = dns.RcodeNameError
		return lab.Messages(m), true
	}
	f.ask("brief.plain.example.", dns.TypeA, nil)
	for range 3 {
		for _, name := range []string{"missing.signed.example.", "gone.plain.example.",
			"brief.plain.example."} {
			m := f.ask(name, dns.TypeAAAA, edns(true))
			if m.Rcode != dns.RcodeNameError || synthesized(m) {
				t.Errorf("%s: %v", name, m)
			}
		}
	}
	for _, e := range w.Transcript() {
		if e.Type == "A" && (strings.HasPrefix(e.Name, "missing.") ||
			strings.HasPrefix(e.Name, "gone.")) {
			t.Errorf("asked %v", e)
		}
	}
}

// RFC 6147, section 5.5: who sets CD and DO validates and gets what is signed. Others get AD if
// both the denial of AAAA records and the A records are secure, and never signatures.
func TestRFC6147DNSSEC(t *testing.T) {
	f, _ := translating(t, dns64With(t, "64:ff9b::/96"))
	for _, c := range []struct {
		zone         string
		do, cd, want bool // want an address
		ad           bool
	}{
		{"signed.example.", true, false, true, true},
		{"signed.example.", false, false, true, false},
		{"signed.example.", true, true, false, false},
		{"signed.example.", false, true, true, false},
		{"plain.example.", true, false, true, false},
		{"plain.example.", true, true, false, false},
	} {
		for turn := range 4 {
			m := f.ask("old."+c.zone, dns.TypeAAAA, func(q *dns.Msg) {
				edns(c.do)(q)
				q.CheckingDisabled = c.cd
			})
			signed := strings.Contains(m.String(), "RRSIG\tAAAA")
			if (len(m.Answer) == 2) != c.want || m.AuthenticatedData != c.ad || signed ||
				m.Rcode != dns.RcodeSuccess {
				t.Errorf("%+v, turn %d:\n%v", c, turn, m)
			}
			if !c.want && c.zone == "signed.example." && len(m.Ns) < 4 {
				t.Errorf("%+v: no proof in\n%v", c, m)
			}
		}
	}
	// What is bogus is not replaced: AAAA records might have been withheld.
	for range 3 {
		if m := f.ask("old.bogus.example.", dns.TypeAAAA, edns(true)); m.Rcode !=
			dns.RcodeServerFailure || len(m.Answer) > 0 {
			t.Errorf("bogus:\n%v", m)
		}
	}
}

// RFC 6147, section 5.1.7: the address lives as long as its A record and the denial of AAAA
// records, and for 600 seconds if nothing says how long that is.
func TestRFC6147TTL(t *testing.T) {
	f, w := translating(t, dns64With(t, "64:ff9b::/96"))
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		q := in.Question()
		if strings.EqualFold(q.Name, "long.plain.example.") && q.Qtype == dns.TypeAAAA {
			return lab.Messages(new(dns.Msg).SetRcode(in.Query, dns.RcodeRefused)), true
		}
		return lab.Reply{}, false
	}
	ttl := func(name string) uint32 {
		t.Helper()
		m := f.ask(name, dns.TypeAAAA, edns(true))
		if len(m.Answer) == 0 {
			t.Fatalf("%s: %v", name, m)
		}
		return m.Answer[0].Header().Ttl
	}
	for name, want := range map[string]uint32{
		"old.plain.example.":   60, // the SOA's MINIMUM
		"old.signed.example.":  60,
		"brief.plain.example.": 20,
		"long.plain.example.":  600,
	} {
		for range 3 {
			if got := ttl(name); got != want {
				t.Errorf("%s: TTL %d, want %d", name, got, want)
			}
		}
	}
	f.clock.Advance(30 * time.Second)
	if got := ttl("old.plain.example."); got != 30 {
		t.Errorf("half a minute later: TTL %d", got)
	}
}

// RFC 6147, sections 5.1.2 and 5.1.3: servers that fail for the type AAAA, or do not answer, have
// not denied the A records.
func TestRFC6147ServersThatFailForAAAA(t *testing.T) {
	for what, fail := range map[string]func(lab.Incoming) (lab.Reply, bool){
		"SERVFAIL": func(in lab.Incoming) (lab.Reply, bool) {
			return lab.Messages(new(dns.Msg).SetRcode(in.Query, dns.RcodeServerFailure)), true
		},
		"NOTIMP": func(in lab.Incoming) (lab.Reply, bool) {
			return lab.Messages(new(dns.Msg).SetRcode(in.Query, dns.RcodeNotImplemented)), true
		},
		"silence": func(lab.Incoming) (lab.Reply, bool) { return lab.Reply{}, true },
	} {
		synctest.Test(t, func(t *testing.T) {
			f, w := translating(t, dns64With(t, "64:ff9b::/96"))
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				if q := in.Question(); q.Qtype == dns.TypeAAAA &&
					strings.HasSuffix(strings.ToLower(q.Name), "plain.example.") {
					return fail(in)
				}
				return lab.Reply{}, false
			}
			for turn := range 3 {
				m := f.ask("old.plain.example.", dns.TypeAAAA, edns(true))
				if len(m.Answer) != 2 || !synthesized(m) || m.AuthenticatedData {
					t.Errorf("%s, turn %d:\n%v", what, turn, m)
				}
			}
			// Nobody knows whether a name without A records has AAAA records.
			if m := f.ask("none.plain.example.", dns.TypeAAAA, edns(true)); m.Rcode !=
				dns.RcodeServerFailure {
				t.Errorf("%s, without A records:\n%v", what, m)
			}
			f.close()
		})
	}
}

// If the A records cannot be had, the client must not believe that there are no addresses.
func TestRFC6147FailureOfTheARecords(t *testing.T) {
	f, w := translating(t, dns64With(t, "64:ff9b::/96"))
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if q := in.Question(); q.Qtype == dns.TypeA &&
			strings.HasPrefix(strings.ToLower(q.Name), "old.") {
			return lab.Messages(new(dns.Msg).SetRcode(in.Query, dns.RcodeServerFailure)), true
		}
		return lab.Reply{}, false
	}
	for turn := range 3 {
		if m := f.ask("old.signed.example.", dns.TypeAAAA, edns(true)); m.Rcode !=
			dns.RcodeServerFailure {
			t.Errorf("turn %d:\n%v", turn, m)
		}
	}
}

// RFC 6147, section 5.2: with several prefixes there is an address with each.
func TestRFC6147SeveralPrefixes(t *testing.T) {
	f, _ := translating(t, dns64With(t, "64:ff9b::/96", "2001:db8:122::/48"))
	const want = "old.plain.example. AAAA 2001:db8:122:c000:2:100::; " +
		"old.plain.example. AAAA 2001:db8:122:c000:2:200::; " +
		"old.plain.example. AAAA 64:ff9b::c000:201; old.plain.example. AAAA 64:ff9b::c000:202"
	for range 3 {
		if got := section(f.ask("old.plain.example.", dns.TypeAAAA, nil).Answer); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// RFC 6052, section 3.1: with the well-known prefix only addresses of the public Internet are
// translated; a prefix of the operator's own reaches all others too.
func TestRFC6052WellKnownPrefixReachesThePublicInternet(t *testing.T) {
	d := dns64With(t, "64:ff9b::/96")
	d.NonGlobal = false
	f, _ := translating(t, d)
	for label, want := range map[string]int{"public": 1, "home": 0, "old": 0} {
		if m := f.ask(label+".plain.example.", dns.TypeAAAA, nil); len(m.Answer) != want {
			t.Errorf("%s:\n%v", label, m)
		}
	}
	own := dns64With(t, "2001:db8:64::/96")
	own.NonGlobal = false
	own.ExcludeA = []netip.Prefix{netip.MustParsePrefix("192.0.2.2/32")}
	f.view(&policy.View{DNS64: own, Class: 1})
	for label, want := range map[string]int{"public": 1, "home": 1, "old": 1} {
		if m := f.ask(label+".plain.example.", dns.TypeAAAA, nil); len(m.Answer) != want {
			t.Errorf("own prefix, %s:\n%v", label, m)
		}
	}
}

// Names can be left out, and the AAAA records of names can count as none.
func TestRFC6147NamesThatAreExcluded(t *testing.T) {
	d := dns64With(t, "64:ff9b::/96")
	d.ExcludeNames = []wire.Name{wire.MustParseName("old.plain.example.")}
	d.IgnoreAAAA = []wire.Name{wire.MustParseName("both.plain.example."),
		wire.MustParseName("new.plain.example.")}
	f, _ := translating(t, d)
	for range 3 {
		for name, want := range map[string]string{
			"old.plain.example.":   "",
			"brief.plain.example.": "brief.plain.example. AAAA 64:ff9b::c000:204",
			"both.plain.example.":  "both.plain.example. AAAA 64:ff9b::c000:203",
			"both.signed.example.": "both.signed.example. AAAA 2001:db8::3",
			"new.plain.example.":   "",
		} {
			m := f.ask(name, dns.TypeAAAA, edns(true))
			if got := section(m.Answer); got != want || m.Rcode != dns.RcodeSuccess {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
}

// RFC 6147, section 5.1.4: a set that has lost its IPv4-mapped addresses is not what was signed,
// and nobody has denied those that count as none.
func TestRFC6147SetWithoutItsMappedAddressesIsNotSecure(t *testing.T) {
	f, _ := translating(t, dns64With(t, "64:ff9b::/96"))
	for range 3 {
		for _, name := range []string{"some.signed.example.", "mapped.signed.example."} {
			m := f.ask(name, dns.TypeAAAA, edns(true))
			if len(m.Answer) != 1 || m.AuthenticatedData || len(m.Ns) > 0 {
				t.Errorf("got\n%v", m)
			}
		}
	}
}

// RFC 6147, section 5.3.1: the reverse name of a translated address is an alias of that of the IPv4
// address. Names of other addresses are nobody's alias, nor are those of networks.
func TestRFC6147ReverseNames(t *testing.T) {
	f, w := translating(t, dns64With(t, "64:ff9b::/96", "2001:db8:122::/48"))
	reverse := func(addr string) string {
		name, err := dns.ReverseAddr(addr)
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	for _, addr := range []string{"64:ff9b::c000:201", "2001:db8:122:c000:2:100::"} {
		for range 3 {
			m := f.ask(reverse(addr), dns.TypePTR, edns(true))
			if got, want := section(m.Answer), sorted("1.2.0.192.in-addr.arpa. PTR "+
				"old.signed.example.", reverse(addr)+" CNAME 1.2.0.192.in-addr.arpa."); got !=
				want || m.AuthenticatedData {
				t.Errorf("%s: %s\nwant %s", addr, got, want)
			}
		}
	}
	w.Transcript()
	// Whoever validates finds nothing at the name, and everybody by other types.
	for what, m := range map[string]*dns.Msg{
		"CD": f.ask(reverse("64:ff9b::c000:201"), dns.TypePTR, func(q *dns.Msg) {
			edns(true)(q)
			q.CheckingDisabled = true
		}),
		"TXT":           f.ask(reverse("64:ff9b::c000:201"), dns.TypeTXT, edns(true)),
		"other bits":    f.ask(reverse("2001:db8:122:c000:2:100::1"), dns.TypePTR, edns(true)),
		"other address": f.ask(reverse("2001:db8:123::"), dns.TypePTR, edns(true)),
		"network":       f.ask(reverse("64:ff9b::")[4:], dns.TypePTR, edns(true)),
	} {
		if len(m.Answer) > 0 {
			t.Errorf("%s:\n%v", what, m)
		}
	}
	if len(w.Transcript()) == 0 {
		t.Error("other names are not resolved")
	}
}

// RFC 8880, section 7.1; RFC 7050, section 3: by the name ipv4only.arpa clients find the prefix,
// whether its addresses are global or not; and back. Who sets CD and DO gets no address.
func TestRFC8880ClientsFindThePrefix(t *testing.T) {
	d := dns64With(t, "64:ff9b::/96")
	d.NonGlobal, d.ExcludeA = false, []netip.Prefix{netip.MustParsePrefix("192.0.0.0/16")}
	f, w := translating(t, d)
	rules := server.Rules{Config: &server.Config{UDPSize: 1232, EDE: true, Special: true},
		Resolver: f.resolver, Access: private(), View: &policy.View{DNS64: d}}
	f.Handler.Replace(rules)
	const want = "ipv4only.arpa. AAAA 64:ff9b::c000:aa; ipv4only.arpa. AAAA 64:ff9b::c000:ab"
	for _, do := range []bool{false, true} {
		m := f.ask("ipv4only.arpa.", dns.TypeAAAA, edns(do))
		if got := section(m.Answer); got != want || m.AuthenticatedData {
			t.Errorf("DO %v: %s", do, got)
		}
	}
	m := f.ask("ipv4only.arpa.", dns.TypeAAAA, func(q *dns.Msg) {
		edns(true)(q)
		q.CheckingDisabled = true
	})
	if len(m.Answer) > 0 || m.Rcode != dns.RcodeSuccess {
		t.Errorf("CD:\n%v", m)
	}
	name, _ := dns.ReverseAddr("64:ff9b::c000:aa")
	m = f.ask(name, dns.TypePTR, nil)
	if got := section(m.Answer); got != sorted("170.0.0.192.in-addr.arpa. PTR ipv4only.arpa.",
		name+" CNAME 170.0.0.192.in-addr.arpa.") {
		t.Errorf("back: %s", got)
	}
	if n := len(w.Transcript()); n > 0 {
		t.Errorf("%d questions upstream", n)
	}
	// It is so where the name is resolved as any other.
	w.Add(lab.Zone{Name: "ipv4only.arpa.", Algorithm: lab.Unsigned,
		Records: "@ A 192.0.0.170;;@ A 192.0.0.171"})
	config := *rules.Config
	config.Special = false
	rules.Config = &config
	f.Handler.Replace(rules)
	for range 3 {
		if got := section(f.ask("ipv4only.arpa.", dns.TypeAAAA, nil).Answer); got != want {
			t.Errorf("ordinary: %s", got)
		}
	}
}

// The operator's own names get addresses too, and aliases of the operator's lead to them.
func TestRFC6147LocalNames(t *testing.T) {
	f, _ := translating(t, dns64With(t, "64:ff9b::/96"))
	printer, portal := wire.MustParseName("printer.corp."), wire.MustParseName("portal.corp.")
	local := func(q wire.Question) *policy.Local {
		switch {
		case q.Name == printer && q.Type == wire.TypeA:
			return &policy.Local{Answer: []*wire.RRset{localhost(printer)}}
		case q.Name == printer:
			return &policy.Local{}
		case q.Name == portal:
			to := wire.MustParseName("old.signed.example.")
			s := &wire.RRset{Name: portal, Type: wire.TypeCNAME, Class: wire.ClassIN, TTL: 60}
			s.Data = s.Data.Append([]byte(to.Wire()))
			return &policy.Local{Answer: []*wire.RRset{s}, Target: to}
		}
		return nil
	}
	f.view(&policy.View{DNS64: dns64With(t, "64:ff9b::/96"), Local: local})
	for range 3 {
		for name, want := range map[string]string{
			"printer.corp.": "printer.corp. AAAA 64:ff9b::7f00:1",
			"portal.corp.": "old.signed.example. AAAA 64:ff9b::c000:201; " +
				"old.signed.example. AAAA 64:ff9b::c000:202; " +
				"portal.corp. CNAME old.signed.example.",
		} {
			if got := section(f.ask(name, dns.TypeAAAA, edns(true)).Answer); got != want {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
}

// Addresses are made for the clients that need them, and never shared with others; data are fetched
// once for all.
func TestRFC6147ClientsHaveAnswersOfTheirOwn(t *testing.T) {
	f, w := translating(t, nil)
	behind := &policy.View{Class: 1, DNS64: dns64With(t, "64:ff9b::/96")}
	rules := []policy.Rule{{Net: netip.MustParsePrefix("::/0"), Action: policy.Allow},
		{Net: netip.MustParsePrefix("2001:db8:66::/64"), Action: policy.Refuse}}
	f.Handler = f.server.Handler(policy.NewACL(rules, policy.Clients{
		Net: netip.MustParsePrefix("2001:db8::/32"), View: behind}), &policy.View{})
	asking := func(from string) *dns.Msg {
		return f.askFrom("["+from+"]:1000", transport.UDP, "old.signed.example.", dns.TypeAAAA,
			edns(true))
	}
	for turn := range 4 {
		if m := asking("2001:db8::1"); len(m.Answer) != 2 {
			t.Errorf("turn %d, behind the translator:\n%v", turn, m)
		}
		if turn == 0 {
			w.Transcript()
		}
		if m := asking("2001:db9::1"); len(m.Answer) != 0 || len(m.Ns) < 4 {
			t.Errorf("turn %d, elsewhere:\n%v", turn, m)
		}
		if m := asking("2001:db8:66::1"); m.Rcode != dns.RcodeRefused {
			t.Errorf("turn %d, who may not ask:\n%v", turn, m)
		}
	}
	if n := len(w.Transcript()); n != 0 || f.seen.hits == 0 {
		t.Errorf("%d questions upstream for the others; %d hits", n, f.seen.hits)
	}
}

// When the operator switches DNS64 on, off, or to another prefix, prepared answers are judged
// again; nothing is fetched for them.
func TestRFC6147GenerationJudgesWhatWasPrepared(t *testing.T) {
	f, w := translating(t, nil)
	rules := server.Rules{Config: &server.Config{UDPSize: 1232}, Access: private()}
	var prefixes = []string{"", "64:ff9b::/96", "2001:db8:64::/96", ""}
	for generation, p := range prefixes {
		rules.View = &policy.View{Generation: uint32(generation)}
		if p != "" {
			rules.View.DNS64 = dns64With(t, p)
		}
		f.Handler.Replace(rules)
		for range 4 {
			m := f.ask("old.signed.example.", dns.TypeAAAA, nil)
			if p == "" && len(m.Answer) > 0 || p != "" && (len(m.Answer) != 2 ||
				!strings.Contains(m.String(), strings.TrimSuffix(p, "/96"))) {
				t.Errorf("generation %d:\n%v", generation, m)
			}
			f.ask("old.signed.example.", dns.TypeA, nil)
		}
		if n := len(w.Transcript()); generation > 1 && n > 0 {
			t.Errorf("generation %d: %d questions upstream", generation, n)
		}
	}
}

// The policy for private addresses is about A records before they are translated. What is made of
// others may have a prefix that the operator keeps out of the answers of strangers.
func TestRebindingJudgesAddressesBeforeTheyAreTranslated(t *testing.T) {
	d := dns64With(t, "64:ff9b:1::/48")
	f, _ := translating(t, d)
	f.view(&policy.View{DNS64: d, Private: policy.PrivateAddresses{Translators: d.Prefixes,
		Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"),
			netip.MustParsePrefix("64:ff9b:1::/48")}}})
	for range 3 {
		m := f.ask("old.signed.example.", dns.TypeAAAA, edns(true))
		if len(m.Answer) != 2 || !m.AuthenticatedData {
			t.Errorf("public addresses:\n%v", m)
		}
		m = f.ask("home.signed.example.", dns.TypeAAAA, edns(true))
		if codes, _ := ede(m); len(m.Answer) != 0 || m.AuthenticatedData ||
			!slices.Equal(codes, []uint16{dns.ExtendedErrorCodeFiltered}) {
			t.Errorf("a private address:\n%v", m)
		}
	}
}

// RFC 6147, section 5.1.3: while there is no room to resolve, stale data are translated as others
// are (RFC 8767, section 5).
func TestRFC8767StaleDataAreTranslated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := translating(t, dns64With(t, "64:ff9b::/96"))
		f.ask("old.plain.example.", dns.TypeAAAA, edns(true))
		f.clock.Advance(time.Hour)
		w.Transcript()
		f.server.FillServing()
		for range 3 {
			m := f.ask("old.plain.example.", dns.TypeAAAA, edns(true))
			codes, _ := ede(m)
			if len(m.Answer) != 2 || m.AuthenticatedData ||
				!slices.Contains(codes, dns.ExtendedErrorCodeStaleAnswer) {
				t.Errorf("got\n%v", m)
			}
		}
		if n := len(w.Transcript()); n > 0 {
			t.Errorf("%d questions upstream", n)
		}
		f.close()
	})
}

// A query without RD is a look into the cache: A records that are not there are not fetched.
func TestRFC6147LookIntoTheCache(t *testing.T) {
	f, w := translating(t, dns64With(t, "64:ff9b::/96"))
	rule := policy.Rule{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: policy.Snoop}
	acl := policy.NewACL([]policy.Rule{rule})
	f.Handler = f.server.Handler(acl, &policy.View{DNS64: dns64With(t, "64:ff9b::/96")})
	f.ask("old.plain.example.", dns.TypeAAAA, nil)
	without := f.server.Handler(acl, &policy.View{Class: 1})
	with := f.Handler
	f.Handler = without
	f.ask("brief.plain.example.", dns.TypeAAAA, nil)
	f.Handler = with
	w.Transcript()
	for name, want := range map[string]int{"old.plain.example.": 2, "brief.plain.example.": 0} {
		m := f.ask(name, dns.TypeAAAA, func(q *dns.Msg) { q.RecursionDesired = false })
		if len(m.Answer) != want || m.Rcode != dns.RcodeSuccess {
			t.Errorf("%s:\n%v", name, m)
		}
	}
	if n := len(w.Transcript()); n > 0 {
		t.Errorf("%d questions upstream", n)
	}
}

// A rule of a policy zone about an address holds for the addresses that are made of it: a client
// behind a translator is led to the same host. What a rule puts in place is not translated.
func TestPolicyZonesJudgeAddressesBeforeTheyAreTranslated(t *testing.T) {
	f, _ := translating(t, nil)
	z := f.polices(1, "32.9.9.9.9.rpz-ip CNAME .", "32.2.2.0.192.rpz-ip CNAME brief.plain.example.",
		"none.plain.example CNAME *.")
	f.view(&policy.View{Class: 1, Generation: 1, DNS64: dns64With(t, "64:ff9b::/96"),
		Zones: &rpz.Set{Zones: []rpz.Zone{*z}}})
	for range 3 {
		for name, want := range map[string]string{
			"public.plain.example.": "NXDOMAIN ",
			"old.plain.example.": "NOERROR brief.plain.example. AAAA 64:ff9b::c000:204; " +
				"old.plain.example. CNAME brief.plain.example.",
			"both.plain.example.":  "NOERROR both.plain.example. AAAA 2001:db8::3",
			"brief.plain.example.": "NOERROR brief.plain.example. AAAA 64:ff9b::c000:204",
			"none.plain.example.":  "NOERROR ",
		} {
			m := f.ask(name, dns.TypeAAAA, nil)
			if got := dns.RcodeToString[m.Rcode] + " " + section(m.Answer); got != want {
				t.Errorf("%s: %s, want %s", name, got, want)
			}
		}
	}
}

// RFC 6147, sections 5.1.3 and 5.1.8: the question for A records does not wait until that for AAAA
// records has used up the client's time. Both have the time of one, whoever is silent for what.
func TestRFC6147BothQuestionsHaveTheTimeOfOne(t *testing.T) {
	for _, c := range []struct {
		what   string
		script func(qtype uint16, in lab.Incoming) (lab.Reply, bool)
		want   int // addresses
	}{
		{"all is silence", func(uint16, lab.Incoming) (lab.Reply, bool) {
			return lab.Reply{}, true
		}, 0},
		{"AAAA is", func(qtype uint16, _ lab.Incoming) (lab.Reply, bool) {
			return lab.Reply{}, qtype == dns.TypeAAAA
		}, 2},
		{"A is, and the denial of AAAA is slow", func(qtype uint16, in lab.Incoming) (lab.Reply,
			bool) {
			if qtype == dns.TypeAAAA {
				return lab.Messages(in.Honest()).After(1200 * time.Millisecond), true
			}
			return lab.Reply{}, qtype == dns.TypeA
		}, 0},
		{"both are slow", func(_ uint16, in lab.Incoming) (lab.Reply, bool) {
			return lab.Messages(in.Honest()).After(2800 * time.Millisecond), true
		}, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			f, w := translating(t, dns64With(t, "64:ff9b::/96"))
			f.far(w, "none.plain.example.")
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				q := in.Question()
				if !strings.EqualFold(q.Name, "old.plain.example.") {
					return lab.Reply{}, false
				}
				return c.script(q.Qtype, in)
			}
			begun := time.Now()
			m := f.ask("old.plain.example.", dns.TypeAAAA, edns(true))
			if took := time.Since(begun); took > resolver.MaxTime {
				t.Errorf("%s: answered after %v", c.what, took)
			}
			rcode := dns.RcodeSuccess
			if c.want == 0 {
				rcode = dns.RcodeServerFailure
			}
			if len(m.Answer) != c.want || m.Rcode != rcode {
				t.Errorf("%s:\n%v", c.what, m)
			}
			f.close()
		})
	}
}

// far has the servers of names known as far away, so that the resolver waits for them for long.
func (f *front) far(w *lab.World, names ...string) {
	f.t.Helper()
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		return lab.Messages(in.Honest()).After(700 * time.Millisecond), true
	}
	for _, name := range names {
		for range 2 {
			f.ask(name, dns.TypeTXT, nil)
		}
		f.ask(name, dns.TypeMX, nil)
		f.ask(name, dns.TypeSRV, nil)
	}
}

// RFC 6147, section 5.1.8: servers that are prompt for AAAA are not asked for A records that nobody
// needs.
func TestRFC6147NoQuestionForANeedless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := translating(t, dns64With(t, "64:ff9b::/96"))
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			return lab.Messages(in.Honest()).After(100 * time.Millisecond), true
		}
		f.ask("none.plain.example.", dns.TypeTXT, nil)
		for _, name := range []string{"both.plain.example.", "missing.plain.example."} {
			f.ask(name, dns.TypeAAAA, nil)
		}
		f.close()
		for _, e := range w.Transcript() {
			if e.Type == "A" && (e.Name == "both.plain.example." ||
				e.Name == "missing.plain.example.") {
				t.Errorf("asked %v", e)
			}
		}
	})
}

// MaxTime is for all that a query causes: where a policy zone leads it elsewhere by what its first
// answer was, the second question has what the first one has left of the time.
func TestMaxTimeIsForTheAliasesOfPolicyZonesToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, w := translating(t, nil)
		f.polices(1, "32.1.2.0.192.rpz-ip CNAME a.wild.signed.example.")
		f.far(w, "none.plain.example.", "none.signed.example.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			switch q := in.Question(); strings.ToLower(q.Name) {
			case "old.plain.example.":
				return lab.Messages(in.Honest()).After(1200 * time.Millisecond), true
			case "a.wild.signed.example.":
				return lab.Reply{}, true
			}
			return lab.Reply{}, false
		}
		begun := time.Now()
		m := f.ask("old.plain.example.", dns.TypeA, nil)
		if took := time.Since(begun); took > resolver.MaxTime {
			t.Errorf("answered after %v", took)
		}
		if m.Rcode != dns.RcodeServerFailure {
			t.Errorf("got\n%v", m)
		}
		f.close()
		if !slices.ContainsFunc(w.Transcript(), func(e lab.Exchange) bool {
			return e.Name == "a.wild.signed.example."
		}) {
			t.Errorf("asked %v", w.Transcript())
		}
	})
}
