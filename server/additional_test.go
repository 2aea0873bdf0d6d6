// Addresses that are added to answers that name hosts.

package server_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/internal/limit"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
)

// hosting is a server, and a world of names that are served by other hosts.
func hosting(t *testing.T, minimal bool) (*front, *lab.World) {
	t.Helper()
	q := &quiet{}
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	records := "host A 192.0.2.1;;host AAAA 2001:db8::1;;@ A 192.0.2.2;;inner A 10.0.0.1;;" +
		"mail MX 10 host;;null MX 0 .;;none SRV 0 0 0 .;;_s._tcp SRV 0 0 443 host;;" +
		"www HTTPS 1 host alpn=h2;;@ HTTPS 1 . alpn=h2;;shop HTTPS 0 www;;_p SVCB 1 host;;" +
		"ring HTTPS 0 ring2;;ring2 HTTPS 0 ring;;in MX 10 inner;;" +
		"both MX 10 inner;;both MX 20 host;;txt TXT x"
	var many strings.Builder
	for i := range 20 {
		fmt.Fprintf(&many, ";;many MX 10 m%d;;m%d A 192.0.2.%d", i, i, 100+i)
	}
	w.Add(lab.Zone{Name: "signed.example.", Records: records + many.String()})
	w.Add(lab.Zone{Name: "plain.example.", Algorithm: lab.Unsigned, Records: records})
	w.Add(lab.Zone{Name: "mixed.example.", Records: "mail MX 10 host.plain.example."})
	cfg, anchors := labtest.Resolver(w)
	f := newFrontAll(t, func(c *server.Config) { c.NSBeside = !minimal },
		func(c *resolver.Config) { c.Hints = cfg.Hints }, q,
		func(p *resolver.Parts) { p.Anchors, p.Exchanger = anchors, w })
	f.seen = q
	return f, w
}

// beside are the records of the additional section without OPT and signatures.
func beside(m *dns.Msg) string {
	var rrs []dns.RR
	for _, rr := range m.Extra {
		if rr.Header().Rrtype != dns.TypeOPT {
			rrs = append(rrs, rr)
		}
	}
	return section(rrs)
}

// Nothing is fetched for the additional section: it has what is in the cache, in every turn. RFC
// 9460, section 4.2: an alias brings the records that it leads to, and their hosts' addresses.
func TestRFC9460AddressesFromTheCacheStandBeside(t *testing.T) {
	for _, zone := range []string{"signed.example.", "plain.example."} {
		f, w := hosting(t, false)
		both := "host." + zone + " A 192.0.2.1; host." + zone + " AAAA 2001:db8::1"
		cases := []struct {
			label string
			qtype uint16
			want  string
		}{
			{"mail.", dns.TypeMX, both},
			{"_s._tcp.", dns.TypeSRV, both},
			{"www.", dns.TypeHTTPS, both},
			{"_p.", dns.TypeSVCB, both},
			{"", dns.TypeHTTPS, zone + " A 192.0.2.2"},
			{"shop.", dns.TypeHTTPS, both + "; www." + zone + ` HTTPS 1 host.` + zone +
				` alpn="h2"`},
			{"ring.", dns.TypeHTTPS, "ring2." + zone + " HTTPS 0 ring." + zone},
			{"null.", dns.TypeMX, ""}, {"none.", dns.TypeSRV, ""}, {"txt.", dns.TypeTXT, ""},
		}
		for _, c := range cases { // with nothing known of the hosts
			if c.qtype == dns.TypeHTTPS {
				continue
			}
			m := f.ask(c.label+zone, c.qtype, edns(true))
			if beside(m) != "" || len(m.Answer) == 0 {
				t.Errorf("%s%s, unknown: %s", c.label, zone, beside(m))
			}
		}
		f.forget()
		for _, q := range []struct {
			label string
			qtype uint16
		}{{"host.", dns.TypeA}, {"host.", dns.TypeAAAA}, {"", dns.TypeA}, {"www.", dns.TypeHTTPS},
			{"ring.", dns.TypeHTTPS}, {"ring2.", dns.TypeHTTPS}} {
			f.ask(q.label+zone, q.qtype, edns(true))
		}
		f.forget()
		for _, c := range cases {
			f.ask(c.label+zone, c.qtype, edns(true))
			w.Transcript()
			f.forget()
			for turn := range 4 {
				m := f.ask(c.label+zone, c.qtype, edns(true))
				if got := beside(m); got != c.want ||
					m.AuthenticatedData != (zone == "signed.example.") {
					t.Errorf("%s%s, turn %d: %s\nwant %s", c.label, zone, turn, got, c.want)
				}
				signed := strings.Contains(fmt.Sprint(m.Extra), "RRSIG")
				if signed != (c.want != "" && zone == "signed.example.") {
					t.Errorf("%s%s: signatures beside: %v", c.label, zone, signed)
				}
			}
			if n := len(w.Transcript()); n > 0 {
				t.Errorf("%s%s: %d questions upstream", c.label, zone, n)
			}
		}
	}
}

// Minimal responses, which are the default, have no addresses that were not asked for.
func TestMinimalResponsesHaveNoAddressesBeside(t *testing.T) {
	f, _ := hosting(t, true)
	f.ask("host.signed.example.", dns.TypeA, nil)
	for range 3 {
		if m := f.ask("mail.signed.example.", dns.TypeMX, edns(true)); beside(m) != "" ||
			len(m.Answer) == 0 {
			t.Errorf("got\n%v", m)
		}
	}
}

// RFC 4035, section 3.2.3: what is not secure does not stand beside what is.
func TestRFC4035NothingInsecureStandsBesideSecureData(t *testing.T) {
	f, _ := hosting(t, false)
	f.ask("host.plain.example.", dns.TypeA, nil)
	for range 3 {
		if m := f.ask("mail.mixed.example.", dns.TypeMX, edns(true)); beside(m) != "" ||
			!m.AuthenticatedData {
			t.Errorf("got\n%v", m)
		}
	}
	// What was fetched without validation stands beside nothing.
	f.ask("host.signed.example.", dns.TypeAAAA, func(q *dns.Msg) {
		edns(true)(q)
		q.CheckingDisabled = true
	})
	for range 3 {
		if m := f.ask("mail.signed.example.", dns.TypeMX, edns(true)); beside(m) != "" {
			t.Errorf("unchecked data: %s", beside(m))
		}
	}
}

// A private address that was not asked for is left out, and the answer stands.
func TestRebindingPrivateAddressesDoNotStandBeside(t *testing.T) {
	f, _ := hosting(t, false)
	f.ask("inner.signed.example.", dns.TypeA, nil)
	f.ask("host.signed.example.", dns.TypeA, nil)
	f.Handler.Replace(server.Rules{Config: &server.Config{UDPSize: 1232, NSBeside: true},
		Access: private(), View: &policy.View{Private: policy.PrivateAddresses{
			Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}})
	for range 4 {
		for name, want := range map[string]string{"in.signed.example.": "",
			"both.signed.example.": "host.signed.example. A 192.0.2.1"} {
			if m := f.ask(name, dns.TypeMX, edns(true)); beside(m) != want || len(m.Answer) == 0 ||
				!m.AuthenticatedData {
				t.Errorf("%s:\n%v", name, m)
			}
		}
	}
}

// maxTargets: a set of many hosts gets the addresses of some of them, and that is counted. They
// give way where they do not fit, without a sign of truncation.
func TestMaxTargets(t *testing.T) {
	f, _ := hosting(t, false)
	for i := range 20 {
		f.ask(fmt.Sprintf("m%d.signed.example.", i), dns.TypeA, nil)
	}
	before := limit.Targets.Count()
	m := f.ask("many.signed.example.", dns.TypeMX, func(q *dns.Msg) { q.SetEdns0(4096, false) })
	if n := strings.Count(beside(m), " A "); n != 8 || m.Truncated ||
		limit.Targets.Count() == before {
		t.Errorf("%d addresses, TC %v, counted %d", n, m.Truncated, limit.Targets.Count()-before)
	}
	m = f.ask("many.signed.example.", dns.TypeMX, func(q *dns.Msg) { q.SetEdns0(512, false) })
	if len(m.Answer) != 20 || m.Truncated {
		t.Errorf("in 512 octets:\n%v", m)
	}
}
