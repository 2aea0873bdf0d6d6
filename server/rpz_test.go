// Response policy zones: what clients get, draft-vixie-dnsop-dns-rpz-00.

package server_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/localdata"
	"bailiwick/internal/policy"
	"bailiwick/internal/rpz"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
	"bailiwick/zone"
)

// polices has the front enforce a policy zone, the first time under generation 1. It returns the
// zone, for the test to change.
func (f *front) polices(generation uint32, lines ...string) *rpz.Zone {
	f.t.Helper()
	text := "@ 60 SOA ns. host. 1 60 60 86400 30\n@ NS ns.\n" + strings.Join(lines, "\n") + "\n"
	apex := wire.MustParseName("rpz.")
	z, err := zone.Parse(strings.NewReader(text), apex, "", 1<<20)
	if err != nil {
		f.t.Fatal(err)
	}
	rules := rpz.New(z)
	if n, why := rules.Skipped(); n > 0 {
		f.t.Fatal(why)
	}
	s := &rpz.Set{Zones: []rpz.Zone{{Name: apex, BreakDNSSEC: true, Reason: cause.Blocked,
		Rules: rules, Uses: new(rpz.Uses)}}}
	f.own = &policy.View{Class: 1, Generation: generation, Zones: s}
	f.Handler = f.server.Handler(private(), f.own)
	return &s.Zones[0]
}

// says asks a question three times, and compares what is heard each time: when it is resolved, from
// the cache, and prepared.
func (f *front) says(from string, p transport.Protocol, q, want string) {
	f.t.Helper()
	name, qt, _ := strings.Cut(q, " ")
	for i := range 3 {
		m := f.askFrom(from, p, name, dns.StringToType[qt], withEDNS)
		got := heardOf(m)
		if m != nil {
			for _, rr := range m.Extra {
				if rr.Header().Rrtype == dns.TypeSOA {
					got += " + SOA " + rr.Header().Name
				}
			}
			if m.Truncated {
				got += " TC"
			}
		}
		got = strings.ReplaceAll(got, " "+name+" RRSIG", "")
		if got != want {
			f.t.Errorf("%s (%d): %s, want %s", q, i, got, want)
		}
	}
}

const (
	someone = "127.0.0.1:1000"
	another = "10.0.0.9:1000"
)

// The actions of section 3 of the draft on a name that is asked for: the answer says what the rule
// says, with the reason, and has the SOA record of the policy zone. No server is asked.
func TestPolicyZoneActions(t *testing.T) {
	f, up := newCounted(t, func(*resolver.Config) {})
	f.polices(1, "www.secure.example CNAME .", "*.nsec3.example CNAME *.",
		"quiet.example CNAME rpz-drop.", "tcp.example CNAME rpz-tcp-only.",
		"own.example A 192.0.2.99", "own.example TXT mine")
	for q, want := range map[string]string{
		"www.secure.example. A":     "NXDOMAIN EDE 15 + SOA rpz.",
		"x.nsec3.example. A":        "NOERROR EDE 15 + SOA rpz.",
		"own.example. A":            "NOERROR own.example. A EDE 4 + SOA rpz.",
		"own.example. MX":           "NOERROR EDE 15 + SOA rpz.",
		"quiet.example. A":          "nothing",
		"tcp.example. A":            "NOERROR TC",
		"x.www.secure.example. DS":  "NXDOMAIN AD SOA secure.example.",
		"nsec3.example. DNSKEY":     "NOERROR AD nsec3.example. DNSKEY",
		"www.unsigned.example. MX":  "NOERROR SOA unsigned.example.",
		"www.rsasha256.example. MX": "NOERROR AD SOA rsasha256.example.",
	} {
		before := up.n.Load()
		f.says(someone, transport.UDP, q, want)
		if sent := up.n.Load() - before; strings.Contains(want, "rpz.") && sent != 0 {
			t.Errorf("%s: %d queries were sent", q, sent)
		}
	}
	if m := f.askFrom(someone, transport.TCP, "tcp.example.", dns.TypeA, withEDNS); m.Truncated ||
		m.Rcode != dns.RcodeNameError {
		t.Errorf("over TCP: %s", heardOf(m))
	}
}

// Section 5.1 of the draft: a rule about the target of an alias holds, and what leads to the target
// stays in the answer. One about a name earlier in the chain comes first, whatever it says.
func TestSection51AliasChains(t *testing.T) {
	f := newFront(t, nil)
	f.polices(1, "www.secure.example CNAME .", "32.1.2.0.192.rpz-ip CNAME *.",
		"away.nsec3.example CNAME rpz-passthru.", "www.unsigned.example A 192.0.2.99")
	for q, want := range map[string]string{
		"away.secure.example. A": "NXDOMAIN away.secure.example. CNAME EDE 15 + SOA rpz.",
		"alias.nsec3.example. A": "NOERROR alias.nsec3.example. CNAME EDE 15 + SOA rpz.",
		"alias.unsigned.example. A": "NOERROR alias.unsigned.example. CNAME " +
			"www.unsigned.example. A EDE 4 + SOA rpz.",
		"away.nsec3.example. A": "NOERROR AD away.nsec3.example. CNAME www.secure.example. A " +
			"www.secure.example. RRSIG",
		"away.secure.example. CNAME": "NOERROR AD away.secure.example. CNAME",
	} {
		f.says(someone, transport.UDP, q, want)
	}
}

// Local data that are an alias: its target is resolved, and nothing else is subject to rules
// (section 6 of the draft), so two rules that lead to each other are not a loop. The same holds for
// a rule that is found by what the answer has.
func TestSection6AliasesOfRules(t *testing.T) {
	f := newFront(t, nil)
	f.polices(1, "a.example CNAME www.secure.example.", "www.secure.example CNAME a.example.",
		"*.bad.example CNAME *.wild.secure.example.", "24.0.2.0.192.rpz-ip CNAME www.plain.",
		"self.example CNAME x.self.example.", "*.self.example CNAME self.example.")
	for q, want := range map[string]string{
		"a.example. A": "NOERROR a.example. CNAME www.secure.example. A " +
			"www.secure.example. RRSIG EDE 4 + SOA rpz.",
		"x.bad.example. A": "NOERROR x.bad.example. CNAME x.bad.example.wild.secure.example. A " +
			"x.bad.example.wild.secure.example. RRSIG EDE 4 + SOA rpz.",
		"www.nsec3.example. A": "NOERROR www.nsec3.example. CNAME www.plain. A EDE 4 + SOA rpz.",
		"www.secure.example. A": "NXDOMAIN www.secure.example. CNAME SOA example. EDE 4 " +
			"+ SOA rpz.",
		"self.example. A": "NXDOMAIN self.example. CNAME SOA example. EDE 4 + SOA rpz.",
		"www.secure.example. AAAA": "NXDOMAIN www.secure.example. CNAME SOA example. EDE 4 " +
			"+ SOA rpz.",
	} {
		f.says(someone, transport.UDP, q, want)
	}
}

// Rules about servers: their names and their addresses, of the zone and of those above it; also
// when the answer has been in the cache for longer than what is known of the servers.
func TestPolicyAboutServers(t *testing.T) {
	f := newFront(t, nil)
	m := f.askFrom(someone, transport.UDP, "unsigned.example.", dns.TypeNS, nil)
	server := m.Answer[0].(*dns.NS).Ns
	m = f.askFrom(someone, transport.UDP, server, dns.TypeA, nil)
	at := strings.Split(m.Answer[0].(*dns.A).A.String(), ".")
	for _, rule := range []string{server + "rpz-nsdname CNAME .",
		"*.unsigned.example.rpz-nsdname CNAME .",
		fmt.Sprintf("32.%s.%s.%s.%s.rpz-nsip CNAME .", at[3], at[2], at[1], at[0])} {
		f.polices(1, rule)
		f.says(someone, transport.UDP, "www.unsigned.example. A", "NXDOMAIN EDE 15 + SOA rpz.")
		f.says(someone, transport.UDP, "no.unsigned.example. A", "NXDOMAIN EDE 15 + SOA rpz.")
		f.says(someone, transport.UDP, "www.secure.example. A", "NOERROR AD www.secure.example. A")
		f.store.Delegations.RemoveFunc(func(cache.ZoneKey) bool { return true })
		f.says(someone, transport.UDP, "www.unsigned.example. A", "NXDOMAIN EDE 15 + SOA rpz.")
		f = newFront(t, nil)
	}
}

// A rule about a client's address is for that client alone: others get their own answers, whoever
// asked first, and a client that is let through leaves nothing behind for those that are not.
func TestPolicyAboutClients(t *testing.T) {
	for _, first := range []string{someone, another} {
		f := newFront(t, nil)
		f.polices(1, "24.0.0.0.10.rpz-client-ip CNAME rpz-passthru.", "*.example CNAME .")
		for range 2 {
			for _, from := range []string{first, someone, another} {
				want := "NXDOMAIN EDE 15 + SOA rpz."
				if from == another {
					want = "NOERROR AD www.secure.example. A"
				}
				f.says(from, transport.UDP, "www.secure.example. A", want)
			}
		}
	}
	f := newFront(t, nil)
	f.polices(1, "24.0.0.0.10.rpz-client-ip CNAME rpz-drop.")
	f.says(someone, transport.UDP, "www.secure.example. A", "NOERROR AD www.secure.example. A")
	f.says(another, transport.UDP, "www.secure.example. A", "nothing")
}

// What a client over TCP gets is not what one over UDP gets.
func TestPolicyTCPOnlyIsForUDP(t *testing.T) {
	f := newFront(t, nil)
	f.polices(1, "*.secure.example CNAME rpz-tcp-only.")
	for range 2 {
		f.says(someone, transport.TCP, "www.secure.example. A", "NOERROR AD www.secure.example. A")
		f.says(someone, transport.UDP, "www.secure.example. A", "NOERROR TC")
	}
}

// Where the zone says so, clients that validate get secure answers as they are; those without DO,
// and answers that nobody has signed, are rewritten.
func TestPolicyBreakDNSSEC(t *testing.T) {
	f := newFront(t, nil)
	f.polices(1, "www.secure.example CNAME .", "www.unsigned.example CNAME .").BreakDNSSEC = false
	for range 2 {
		f.says(someone, transport.UDP, "www.secure.example. A", "NOERROR AD www.secure.example. A")
		f.says(someone, transport.UDP, "www.unsigned.example. A", "NXDOMAIN EDE 15 + SOA rpz.")
		for range 3 {
			if m := f.askFrom(someone, transport.UDP, "www.secure.example.", dns.TypeA, nil); m.
				Rcode != dns.RcodeNameError {
				t.Errorf("without DO: %s", heardOf(m))
			}
		}
	}
}

// A validator that forwards to this server and checks by itself sets CD. It gets what is signed as
// it is, too, though nothing was checked for it.
func TestPolicyBreakDNSSECWithCD(t *testing.T) {
	f := newFront(t, nil)
	f.polices(1, "www.secure.example CNAME .", "www.unsigned.example CNAME .",
		"no.secure.example A 192.0.2.99").BreakDNSSEC = false
	for name, want := range map[string]int{"www.secure.example.": dns.RcodeSuccess,
		"www.unsigned.example.": dns.RcodeNameError, "no.secure.example.": dns.RcodeNameError} {
		for range 3 {
			m := f.askFrom(someone, transport.UDP, name, dns.TypeA, func(m *dns.Msg) {
				withEDNS(m)
				m.CheckingDisabled = true
			})
			if m.Rcode != want || strings.Contains(heardOf(m), "EDE 4") {
				t.Errorf("%s: %s", name, heardOf(m))
			}
		}
	}
}

// A client that is let through leaves nothing for others, in whatever form it asks: a question's
// name may be compressed, and such a question is not looked up among prepared answers.
func TestPolicyAboutClientsInAnyForm(t *testing.T) {
	f := newFront(t, nil)
	f.polices(1, "24.0.0.0.10.rpz-client-ip CNAME rpz-passthru.", "*.example CNAME .")
	q := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA)
	packet, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	// The last label points to a root in the header: the upper octet of ANCOUNT.
	end := bytes.LastIndexByte(packet[:len(packet)-4], 0)
	pointing := slices.Concat(packet[:end], []byte{0xc0, 6}, packet[end+1:])
	for range 3 {
		m := new(dns.Msg)
		if err := m.Unpack(f.exchange(pointing, another, transport.UDP)); err != nil || m.Rcode !=
			dns.RcodeSuccess {
			t.Fatal(m, err)
		}
	}
	f.says(someone, transport.UDP, "www.secure.example. A", "NXDOMAIN EDE 15 + SOA rpz.")
	if m := f.askFrom(someone, transport.UDP, "www.secure.example.", dns.TypeA, nil); m.Rcode !=
		dns.RcodeNameError {
		t.Errorf("without EDNS: %s", heardOf(m))
	}
}

// With wait_recurse the question is asked all the same, and the client sees no difference.
func TestPolicyWaitRecurse(t *testing.T) {
	f, up := newCounted(t, func(*resolver.Config) {})
	f.polices(1, "www.secure.example CNAME .", "www.expired.faulty CNAME *.").WaitRecurse = true
	f.says(someone, transport.UDP, "www.secure.example. A", "NXDOMAIN EDE 15 + SOA rpz.")
	if up.n.Load() == 0 {
		t.Error("nobody was asked")
	}
	f.says(someone, transport.UDP, "www.expired.faulty. A", "NOERROR EDE 15 + SOA rpz.")
}

// Another version of the zone holds at once, for what was prepared and for what is proven by spans,
// and nothing is asked again for that.
func TestPolicyZoneIsReplaced(t *testing.T) {
	f, up := newCounted(t, func(*resolver.Config) {})
	f.polices(1, "other.example CNAME .")
	f.says(someone, transport.UDP, "www.secure.example. A", "NOERROR AD www.secure.example. A")
	f.says(someone, transport.UDP, "x.secure.example. A", "NXDOMAIN AD SOA secure.example.")
	f.says(someone, transport.UDP, "z.secure.example. A", "NXDOMAIN AD SOA secure.example. EDE 29")
	f.says(someone, transport.UDP, "alias.secure.example. A", "NOERROR AD "+
		"alias.secure.example. CNAME www.secure.example. A www.secure.example. RRSIG")
	asked := up.n.Load()
	f.polices(2, "www.secure.example CNAME *.", "y.secure.example A 192.0.2.99")
	f.says(someone, transport.UDP, "www.secure.example. A", "NOERROR EDE 15 + SOA rpz.")
	f.says(someone, transport.UDP, "alias.secure.example. A",
		"NOERROR alias.secure.example. CNAME EDE 15 + SOA rpz.")
	f.says(someone, transport.UDP, "y.secure.example. A",
		"NOERROR y.secure.example. A EDE 4 + SOA rpz.")
	f.says(someone, transport.UDP, "x.secure.example. A", "NXDOMAIN AD SOA secure.example.")
	f.polices(3, "32.1.2.0.192.rpz-ip CNAME .")
	f.says(someone, transport.UDP, "www.secure.example. A", "NXDOMAIN EDE 15 + SOA rpz.")
	f.polices(4, "other.example CNAME .")
	f.says(someone, transport.UDP, "www.secure.example. A", "NOERROR AD www.secure.example. A")
	if n := up.n.Load() - asked; n != 0 {
		t.Errorf("%d queries were sent", n)
	}
}

// A zone whose rules are only logged changes nothing, and the log and the counters have each use,
// also of what could be answered as before.
func TestPolicyLogOnly(t *testing.T) {
	var log bytes.Buffer
	f := newFrontLogged(t, slog.New(slog.NewTextHandler(&log, nil)), nil,
		func(*resolver.Config) {}, &quiet{})
	z := f.polices(1, "www.secure.example CNAME .", "32.1.2.0.192.rpz-ip CNAME rpz-drop.")
	z.Overrides, z.Override = true, rpz.LogOnly
	for range 3 {
		m := f.askFrom(someone, transport.UDP, "www.secure.example.", dns.TypeA, withEDNS)
		if heardOf(m) != "NOERROR AD www.secure.example. A www.secure.example. RRSIG" {
			t.Error(heardOf(m))
		}
	}
	if n := strings.Count(log.String(), "rule=www.secure.example.rpz."); n != 3 {
		t.Errorf("%d lines: %s", n, log.String())
	}
	if n := z.Uses[rpz.QName][rpz.LogOnly].Load(); n != 3 {
		t.Errorf("%d uses", n)
	}
}

// A question without RD is a look into the cache, which policy has no part in; one with CD is a
// client's like any other.
func TestPolicyByFlags(t *testing.T) {
	f := newFront(t, nil)
	f.polices(1, "www.secure.example CNAME .")
	m := f.askFrom(someone, transport.UDP, "www.secure.example.", dns.TypeA, func(m *dns.Msg) {
		m.RecursionDesired = false
	})
	if m.Rcode != dns.RcodeRefused {
		t.Errorf("without RD: %s", heardOf(m))
	}
	m = f.askFrom(someone, transport.UDP, "www.secure.example.", dns.TypeA, func(m *dns.Msg) {
		m.CheckingDisabled = true
	})
	if m.Rcode != dns.RcodeNameError {
		t.Errorf("with CD: %s", heardOf(m))
	}
}

// The operator's own records come before policy zones, and can be where these lead.
func TestLocalDataComeBeforePolicyZones(t *testing.T) {
	f := newFront(t, func(c *server.Config) { c.Special = true })
	z := f.polices(1, "www.corp CNAME .", "bad.example CNAME garden.corp.",
		"32.11.2.0.192.rpz-ip CNAME garden.corp.")
	b := localdata.NewBuilder(nil)
	for _, r := range []string{"www.corp. A 10.0.0.1", "garden.corp. A 10.0.0.2"} {
		if err := b.AddText(r); err != nil {
			t.Fatal(err)
		}
	}
	d, err := b.Data()
	if err != nil {
		t.Fatal(err)
	}
	f.Handler = f.server.Handler(private(), &policy.View{Class: 1, Local: d.Answer,
		Zones: &rpz.Set{Zones: []rpz.Zone{*z}}})
	for q, want := range map[string]string{
		"www.corp. A":    "NOERROR www.corp. A",
		"bad.example. A": "NOERROR bad.example. CNAME garden.corp. A EDE 4 + SOA rpz.",
		"www.plain. A":   "NOERROR www.plain. CNAME garden.corp. A EDE 4 + SOA rpz.",
	} {
		f.says(someone, transport.UDP, q, want)
	}
}
