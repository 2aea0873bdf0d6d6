package server_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/validator"
	"bailiwick/wire"
)

// spanNames are names that exist and names around them, at every depth.
func spanNames(r *rand.Rand, zone string) (names []string) {
	heads := []string{"www", "wild", "ent", "b.ent", "a.b.ent", "deep", "leaf.deep", "dname",
		"tree", "alias", "away", "*", "*.wild", "sub", "plain", "nsec3", "ns1"}
	for range 400 {
		label := func() string {
			if r.IntN(3) == 0 {
				h := heads[r.IntN(len(heads))]
				return h[:r.IntN(len(h))] + string(rune('a'+r.IntN(26)))
			}
			return fmt.Sprintf("%c%c%d", 'a'+r.IntN(26), 'a'+r.IntN(26), r.IntN(100))
		}
		name := zone
		if r.IntN(3) == 0 {
			name = heads[r.IntN(len(heads))] + "." + name
		}
		for range r.IntN(3) {
			name = strings.Trim(label(), ".*") + "." + name
		}
		names = append(names, strings.ReplaceAll(name, "..", "."))
	}
	return names
}

// Names in spans that are known from other denials are denied at once, as by a resolver that has to
// ask: with the same RCODE, the same security, and a valid proof.
func TestPreparedDenials(t *testing.T) {
	quick := newFront(t, nil)
	slow := newFrontWith(t, nil, func(c *resolver.Config) { c.AggressiveNSEC = false })
	r := rand.New(rand.NewPCG(7, 8))
	ways := []func(*dns.Msg){edns(true), edns(false), nil,
		func(m *dns.Msg) { m.AuthenticatedData = true }, func(m *dns.Msg) {
			m.SetEdns0(1232,
				true)
			m.CheckingDisabled = true
		}}
	for _, zone := range []string{"secure.example.", "nsec3.example.", "iterated.example.",
		"compact.example.", "example.", "signed.optout.", "."} {
		before := quick.seen.hits
		for i, name := range spanNames(r, strings.TrimPrefix(zone, ".")) {
			if name == "" || strings.HasPrefix(name, ".") {
				continue
			}
			if !strings.HasSuffix(name, ".") {
				name += "."
			}
			qtype := []uint16{dns.TypeA, dns.TypeTXT, dns.TypeAAAA, dns.TypeDS, dns.TypeNS,
				dns.TypeCNAME}[r.IntN(6)]
			way := ways[i%len(ways)]
			got, want := quick.ask(name, qtype, way), slow.ask(name, qtype, way)
			if got.Rcode != want.Rcode || got.AuthenticatedData != want.AuthenticatedData ||
				texts(got.Answer) != texts(want.Answer) {
				t.Errorf("%s/%s: got\n%v\nwant\n%v", name, dns.TypeToString[qtype], got, want)
			}
			if got.Rcode == dns.RcodeNameError && len(got.Answer) == 0 && got.IsEdns0() != nil &&
				got.IsEdns0().Do() && got.AuthenticatedData {
				checkProof(t, got)
			}
		}
		if hits := quick.seen.hits - before; zone != "compact.example." &&
			zone != "signed.optout." && hits < 50 {
			t.Errorf("%s: only %d answers at once", zone, hits)
		}
	}
}

// texts returns the records without their TTLs, ordered by text.
func texts(rrs []dns.RR) string {
	var all []string
	for _, rr := range rrs {
		rr = dns.Copy(rr)
		rr.Header().Ttl = 0
		switch rr := rr.(type) { // each of the two worlds has its own keys
		case *dns.RRSIG:
			rr.Signature, rr.KeyTag, rr.Inception, rr.Expiration = "", 0, 0, 0
		case *dns.DS:
			rr.Digest, rr.KeyTag = "", 0
		}
		all = append(all, rr.String())
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// checkProof reports whether the authority section of a name error proves it.
func checkProof(t *testing.T, m *dns.Msg) {
	t.Helper()
	packed, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := wire.Parse(packed)
	if err != nil {
		t.Fatal(err)
	}
	soa := wire.FindType(parsed.Authority, wire.TypeSOA)
	if soa == nil {
		t.Errorf("no SOA in\n%v", m)
		return
	}
	for _, s := range parsed.Authority {
		if s.Sigs.Len() == 0 {
			t.Errorf("%s/%s without signature in\n%v", s.Name, s.Type, m)
		}
	}
	if shape, ok := validator.New(validator.Default()).ProveCached(soa.Name, parsed.Authority,
		parsed.Question, validator.NewBudget()); !ok || shape != wire.KindNXDomain {
		t.Errorf("no proof in\n%v", m)
	}
}

// A span's answer has TTLs that count down, ends with them, and is not used if the name itself is
// in the cache.
func TestPreparedDenialEnds(t *testing.T) {
	f := newFront(t, nil)
	ttl := func(m *dns.Msg) uint32 { return m.Ns[0].Header().Ttl }
	for i := range 60 { // several names in each span
		f.ask(fmt.Sprintf("zz%d.nsec3.example.", i), dns.TypeA, edns(true))
		f.ask(fmt.Sprintf("zz%d.secure.example.", i), dns.TypeA, edns(true))
	}
	for _, zone := range []string{"secure.example.", "nsec3.example."} {
		before := f.seen.hits
		first := f.ask("ZZd."+zone, dns.TypeA, edns(true))
		if first.Rcode != dns.RcodeNameError || first.Question[0].Name != "ZZd."+zone {
			t.Fatalf("%v", first)
		}
		f.clock.Advance(5 * time.Second)
		second := f.ask("zze."+zone, dns.TypeA, edns(true))
		if f.seen.hits < before+1 {
			t.Errorf("%s: not at once", zone)
		}
		if ttl(second) >= ttl(first) {
			t.Errorf("%s: TTL %d, five seconds later %d", zone, ttl(first), ttl(second))
		}
		if m := f.ask("www."+zone, dns.TypeA, edns(true)); m.Rcode != dns.RcodeSuccess {
			t.Errorf("a name that exists: %v", m)
		}
	}
	f.clock.Advance(time.Hour)
	before := f.seen.hits
	if m := f.ask("zzf.secure.example.", dns.TypeA, edns(true)); m.Rcode != dns.RcodeNameError ||
		f.seen.hits != before {
		t.Errorf("after its end: %v", m)
	}
}

// A prepared denial allocates nothing, even for a query with a cookie.
func TestDeniedAllocates(t *testing.T) {
	f := newFront(t, nil)
	for _, zone := range []string{"secure.example.", "nsec3.example."} {
		for i := range 4 {
			f.ask(fmt.Sprintf("zz%d.%s", i, zone), dns.TypeA, edns(true))
		}
		q := new(dns.Msg).SetQuestion("zz2."+zone, dns.TypeTXT)
		edns(true, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"})(q)
		packet, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 0, 4096)
		c := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
		if !f.Prepared(packet, c) {
			t.Fatalf("%s: not at once", zone)
		}
		if n := testing.AllocsPerRun(100, func() { f.Handle(packet, c, buf) }); n != 0 {
			t.Errorf("%s: %v allocations", zone, n)
		}
	}
}
