package validator

import (
	"crypto/ecdsa"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// zoneKey is a key of a zone in a test.
type zoneKey struct {
	*dns.DNSKEY
	private *ecdsa.PrivateKey
}

func newZoneKey(t *testing.T, zone string) zoneKey {
	t.Helper()
	k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: zone, Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET,
		Ttl: 300},
		Flags: 257, Protocol: 3, Algorithm: dns.ECDSAP256SHA256}
	p, err := k.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	return zoneKey{k, p.(*ecdsa.PrivateKey)}
}

// set signs records, which are one set, and returns the set. A wildcard's set may be given another
// owner.
func (k zoneKey) set(t *testing.T, owner string, lines ...string) *wire.RRset {
	t.Helper()
	var set []dns.RR
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			t.Fatal(err)
		}
		set = append(set, rr)
	}
	h := set[0].Header()
	sig := &dns.RRSIG{Hdr: dns.RR_Header{Name: h.Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET,
		Ttl: 300},
		Algorithm: k.Algorithm, KeyTag: k.KeyTag(), SignerName: k.Hdr.Name,
		Inception:  uint32(testNow.Add(-time.Hour).Unix()),
		Expiration: uint32(testNow.Add(time.Hour).Unix())}
	if err := sig.Sign(k.private, set); err != nil {
		t.Fatal(err)
	}
	s := readSets(t, append(lines, sig.String()))[0]
	if owner != "" {
		s.Name = wire.MustParseName(owner)
	}
	return s
}

// zones is a known chain of trust; names that are not in it belong to the zone above.
type zones map[string]Trust

func zonesOf(t *testing.T, keys ...zoneKey) zones {
	c := zones{}
	for _, k := range keys {
		zone := wire.MustParseName(k.Hdr.Name)
		c[zone.String()] = Trust{Zone: zone, Status: wire.Secure,
			Keys: NewKeySet(readSets(t, []string{k.String()})[0])}
	}
	return c
}

func (c zones) Zone(apex wire.Name) (Trust, bool) {
	for n := apex; ; n = n.Parent() {
		if tr, ok := c[n.String()]; ok || n.IsRoot() {
			return tr, true
		}
	}
}

func (c zones) Enclosing(name wire.Name) (Trust, bool) { return c.Zone(name) }
func (c zones) Excepted(wire.Name) (Trust, bool)       { return Trust{}, false }

func question(name string, t wire.Type) wire.Question {
	return wire.Question{Name: wire.MustParseName(name), Type: t, Class: wire.ClassIN}
}

// judged returns the verdict on a response of example.'s servers, or of another zone's if the
// response names it.
func judged(c zones, r *Response) Verdict {
	if r.Servers.IsZero() {
		r.Servers = wire.MustParseName("example.")
	}
	return judgeUnchanged(New(Default()), r, c, testNow)
}

// judgeUnchanged judges a response, and panics if that changes the response: the same sets may be
// judged in several goroutines while others use them. The sets of the verdict are copies, with its
// status.
func judgeUnchanged(v *Validator, r *Response, c Chain, now time.Time) Verdict {
	copied := func(sets []*wire.RRset) (out []wire.RRset) {
		for _, s := range sets {
			one := *s
			one.Data, one.Sigs = slices.Clone(s.Data), slices.Clone(s.Sigs)
			out = append(out, one)
		}
		return out
	}
	sets, authority := copied(r.Sets), copied(r.Authority)
	verdict := v.Judge(r, c, now, NewBudget())
	if !reflect.DeepEqual(copied(r.Sets), sets) ||
		!reflect.DeepEqual(copied(r.Authority), authority) {
		panic("Judge changed " + r.Question.String())
	}
	for i, s := range verdict.Sets {
		if s == r.Sets[i] || s.Security != verdict.Status {
			panic("the verdict has no copy with its status of " + s.Name.String())
		}
	}
	return verdict
}

func expect(t *testing.T, what string, v Verdict, status wire.Security, why cause.Cause) {
	t.Helper()
	got := cause.None
	if v.Failure != nil {
		got = v.Failure.Cause
	}
	if !v.Need.IsZero() || v.Status != status || got != why {
		t.Errorf("%s: got %s %s (%v), want %s %s", what, v.Status, got, v.Failure, status, why)
	}
}

// Section 5.3.1: the signer is the zone of the set. The keys of the zone above are valid, but not
// for this set; the zone below cannot sign its own DS.
func TestRFC4035SignerIsTheZoneOfTheSet(t *testing.T) {
	root, example, sub := newZoneKey(t, "."), newZoneKey(t, "example."), newZoneKey(t,
		"sub.example.")
	c := zonesOf(t, root, example, sub)
	const a = "www.example. 300 IN A 192.0.2.1"
	answer := func(q wire.Question, s *wire.RRset) *Response {
		return &Response{Question: q,
			Sets: []*wire.RRset{s}}
	}
	q := question("www.example.", wire.TypeA)
	expect(t, "its own", judged(c, answer(q, example.set(t, "", a))), wire.Secure, cause.None)
	// The root's signature over a name of example. would be accepted if the zone's own servers had
	// not been asked.
	expect(t, "the zone above", judged(c, answer(q, root.set(t, "", a))), wire.Bogus,
		cause.SignerMismatch)
	expect(t, "a zone beside", judged(c, answer(q, sub.set(t, "", a))), wire.Bogus,
		cause.SignerMismatch)

	ds := sub.ToDS(dns.SHA256).String()
	q = question("sub.example.", wire.TypeDS)
	expect(t, "DS of the parent", judged(c, answer(q, example.set(t, "", ds))), wire.Secure,
		cause.None)
	expect(t, "DS of the child", judged(c, answer(q, sub.set(t, "", ds))), wire.Bogus,
		cause.SignerMismatch)
}

// Sections 5.3.2 and 5.4: an NSEC that was expanded from a wildcard is ignored: the wildcard's NSEC
// has the wildcard as its owner.
func TestRFC4035ExpandedNSECProvesNothing(t *testing.T) {
	k := newZoneKey(t, "example.")
	c := zonesOf(t, k)
	soa := func() *wire.RRset { return k.set(t, "", "example. 300 IN SOA a. b. 1 2 3 4 5") }
	wild := "*.example. 300 IN NSEC z.example. A RRSIG NSEC"
	r := &Response{Question: question("b.example.", wire.TypeTXT), Kind: wire.KindNoData}
	r.Authority = []*wire.RRset{soa(), k.set(t, "b.example.", wild)}
	expect(t, "at the name", judged(c, r), wire.Bogus, cause.DenialInvalid)
	r.Authority = []*wire.RRset{soa(), k.set(t, "", wild),
		k.set(t, "", "a.example. 300 IN NSEC d.example. A RRSIG NSEC")}
	expect(t, "at the wildcard", judged(c, r), wire.Secure, cause.None)
}

// Section 5.4: a zone that does not have the name cannot deny it, and the parent denies a DS. Even
// with a valid signature, the proof has to be from the zone of the name.
func TestRFC4035DenierHoldsTheName(t *testing.T) {
	example, sub := newZoneKey(t, "example."), newZoneKey(t, "sub.example.")
	c := zonesOf(t, example, sub)
	apex := sub.set(t, "", "sub.example. 300 IN NSEC sub.example. NS SOA RRSIG NSEC DNSKEY")
	soa := sub.set(t, "", "sub.example. 300 IN SOA a. b. 1 2 3 4 5")
	r := &Response{Question: question("sub.example.", wire.TypeDS), Kind: wire.KindNoData,
		Authority: []*wire.RRset{soa, apex}}
	expect(t, "DS denied by the child", judged(c, r), wire.Bogus, cause.SignerMismatch)
	r = &Response{Question: question("www.example.", wire.TypeA), Kind: wire.KindNXDomain,
		Authority: []*wire.RRset{soa, apex}}
	expect(t, "a name beside", judged(c, r), wire.Bogus, cause.SignerMismatch)
	r = &Response{Question: question("www.sub.example.", wire.TypeA), Kind: wire.KindNXDomain,
		Authority: []*wire.RRset{soa, apex}}
	expect(t, "its own", judged(c, r), wire.Secure, cause.None)
}

// RFC 6672, section 5.3.1: an unsigned CNAME is the one that the signed DNAME makes of the name, or
// it is bogus.
func TestRFC6672SynthesisedCNAMEFollowsFromTheDNAME(t *testing.T) {
	k := newZoneKey(t, "example.")
	c := zonesOf(t, k)
	dname := "t.example. 300 IN DNAME d.example."
	cname := func(lines ...string) *wire.RRset { return readSets(t, lines)[0] }
	for _, x := range []struct {
		name  string
		cname *wire.RRset
		want  cause.Cause
	}{
		{"as it follows", cname("a.t.example. 600 IN CNAME a.d.example."), cause.None},
		{"elsewhere", cname("a.t.example. 300 IN CNAME a.attacker.test."), cause.AliasMismatch},
		{"not below", cname("a.example. 300 IN CNAME a.d.example."), cause.AliasMismatch},
		{"two", cname("a.t.example. 300 IN CNAME a.d.example.",
			"a.t.example. 300 IN CNAME b.d.example."), cause.AliasMismatch},
	} {
		r := &Response{Question: question("a.t.example.", wire.TypeA),
			Sets: []*wire.RRset{k.set(t, "", dname), x.cname}}
		want := wire.Secure
		if x.want != cause.None {
			want = wire.Bogus
		}
		v := judged(c, r)
		expect(t, x.name, v, want, x.want)
		if x.want == cause.None && v.Sets[1].TTL != 300 {
			t.Errorf("the CNAME lives for %d s, its DNAME for 300", v.Sets[1].TTL)
		}
	}
}

// RFC 5155, section 8.4: a name error needs the denial of the wildcard, as the wildcard would
// answer otherwise. This holds under opt-out too, where the next closer name may be an unsigned
// delegation. The RCODE is the authority's and is not changed.
func TestRFC5155NameErrorNeedsTheWildcardsDenial(t *testing.T) {
	k := newZoneKey(t, "example.")
	c := zonesOf(t, k)
	for _, z := range []nsec3Zone{{}, {optOut: true}} {
		proofs := func(lines ...string) (sets []*wire.RRset) {
			sets = append(sets, k.set(t, "", "example. 300 IN SOA a. b. 1 2 3 4 5"))
			for _, l := range lines {
				sets = append(sets, k.set(t, "", l))
			}
			return sets
		}
		apex, next, wild := z.match("example",
			"NS SOA RRSIG DNSKEY"), z.cover("b.example"), z.cover("*.example")
		whole := wire.Secure
		if z.optOut {
			whole = wire.Insecure
		}
		q := question("a.b.example.", wire.TypeA)
		for _, x := range []struct {
			name   string
			kind   wire.Kind
			lines  []string
			status wire.Security
			why    cause.Cause
		}{
			{"whole", wire.KindNXDomain, []string{apex, next, wild}, whole, cause.None},
			{"without the wildcard", wire.KindNXDomain, []string{apex, next}, wire.Bogus,
				cause.DenialInvalid},
			{"the wildcard is there", wire.KindNXDomain,
				[]string{apex, next,
					z.match("*.example", "TXT RRSIG")}, wire.Bogus, cause.DenialInvalid},
			{"the name is there", wire.KindNXDomain, []string{z.match("a.b.example", "TXT RRSIG")},
				wire.Bogus, cause.DenialInvalid},
		} {
			v := judged(c, &Response{Question: q, Kind: x.kind, Authority: proofs(x.lines...)})
			expect(t, x.name, v, x.status, x.why)
			if v.Status != wire.Bogus && v.Kind != x.kind {
				t.Errorf("%s: the RCODE is another", x.name)
			}
		}
	}
}

// The same with NSEC, and the one RCODE that may differ: a compact denial has NOERROR for a name
// that by its bitmap does not exist, or NXDOMAIN, if the signer restores it (RFC 9824, sections 3.1
// and 5).
func TestRFC9824OnlyCompactDenialChangesTheRCode(t *testing.T) {
	k := newZoneKey(t, "example.")
	c := zonesOf(t, k)
	const apex = "example. 300 IN NSEC b.example. NS SOA RRSIG NSEC DNSKEY"
	compact3 := []string{nsec3Zone{}.match("c.example", "RRSIG TYPE128")}
	for _, x := range []struct {
		name  string
		kind  wire.Kind
		lines []string
		want  wire.Security
	}{
		{"name error as such", wire.KindNXDomain,
			[]string{"b.example. 300 IN NSEC d.example. A RRSIG NSEC", apex}, wire.Secure},
		{"name error as no data", wire.KindNoData,
			[]string{"b.example. 300 IN NSEC d.example. A RRSIG NSEC", apex}, wire.Bogus},
		{"no data as name error", wire.KindNXDomain,
			[]string{"c.example. 300 IN NSEC d.example. TXT RRSIG NSEC"}, wire.Bogus},
		{"without the wildcard", wire.KindNXDomain,
			[]string{"b.example. 300 IN NSEC d.example. A RRSIG NSEC"}, wire.Bogus},
		{"compact as no data", wire.KindNoData,
			[]string{`c.example. 300 IN NSEC \000.c.example. RRSIG NSEC TYPE128`}, wire.Secure},
		{"compact, restored", wire.KindNXDomain,
			[]string{`c.example. 300 IN NSEC \000.c.example. RRSIG NSEC TYPE128`}, wire.Secure},
		{"compact with NSEC3", wire.KindNoData, compact3, wire.Secure},
		{"compact with NSEC3, restored", wire.KindNXDomain, compact3, wire.Secure},
	} {
		r := &Response{Question: question("c.example.", wire.TypeA), Kind: x.kind}
		r.Authority = append(r.Authority, k.set(t, "", "example. 300 IN SOA a. b. 1 2 3 4 5"))
		for _, l := range x.lines {
			r.Authority = append(r.Authority, k.set(t, "", l))
		}
		kind := x.kind
		if strings.HasPrefix(x.name, "compact") { // the proof is that of the name alone
			kind = wire.KindNoData
		}
		if v := judged(c, r); v.Status != x.want || v.Status == wire.Secure && v.Kind != kind {
			t.Errorf("%s: got %s, kind %d (%v), want %s", x.name, v.Status, v.Kind, v.Failure,
				x.want)
		}
	}
}

// Section 2.2: RRSIGs are not signed. An answer of RRSIGs alone is secure in no zone, and is not
// judged: no zone has to be known for it. SIG, by which nothing is verified, is a set like others.
func TestRFC4035RRSIGsByThemselvesAreNotSecure(t *testing.T) {
	k := newZoneKey(t, "example.")
	c := zonesOf(t, k)
	a := k.set(t, "", "www.example. 300 IN A 192.0.2.1")
	alone := &wire.RRset{Name: a.Name, Type: wire.TypeRRSIG, Class: wire.ClassIN, TTL: 300,
		Data: a.Sigs}
	r := &Response{Question: question("www.example.", wire.TypeRRSIG), Sets: []*wire.RRset{alone}}
	expect(t, "RRSIG", judged(c, r), wire.Insecure, cause.None)
	sig := readSets(t,
		[]string{"www.example. 300 IN SIG TYPE0 13 2 300 " +
			"20300101000000 20200101000000 1 example. AAAA"})[0]
	r = &Response{Question: question("www.example.", wire.TypeSIG), Sets: []*wire.RRset{sig}}
	expect(t, "SIG", judged(c, r), wire.Bogus, cause.SignatureMissing)
}

// RFC 6840, section 4.4: data below an unsigned delegation are not the zone's, even if the zone's
// servers send them, and neither is their denial: the record at the delegation shows that.
func TestRFC6840DenialBelowAnUnsignedDelegation(t *testing.T) {
	k := newZoneKey(t, "example.")
	c := zonesOf(t, k)
	z := nsec3Zone{}
	for name, line := range map[string]string{
		"NSEC":  "sub.example. 300 IN NSEC z.example. NS RRSIG NSEC",
		"NSEC3": z.match("sub.example", "NS"),
	} {
		r := &Response{Question: question("www.sub.example.", wire.TypeA), Kind: wire.KindNXDomain}
		r.Authority = []*wire.RRset{k.set(t, "", "example. 300 IN SOA a. b. 1 2 3 4 5"),
			k.set(t, "", line)}
		expect(t, name, judged(c, r), wire.Insecure, cause.None)
	}
	r := &Response{Question: question("www.sub.example.", wire.TypeA), Kind: wire.KindNXDomain}
	r.Authority = []*wire.RRset{k.set(t, "",
		"sub.example. 300 IN NSEC z.example. NS DS RRSIG NSEC")}
	expect(t, "a signed delegation", judged(c, r), wire.Bogus, cause.DenialInvalid)
}

// RFC 8020, section 2: a name error would deny the names below an empty non-terminal. The RCODE of
// servers that treat one as a name that does not exist is corrected if their own proof is clear.
func TestRFC8020EmptyNonTerminalIsNoNameError(t *testing.T) {
	k := newZoneKey(t, "example.")
	c := zonesOf(t, k)
	z := nsec3Zone{}
	for name, line := range map[string]string{
		"NSEC":  "b.example. 300 IN NSEC x.c.example. A RRSIG NSEC",
		"NSEC3": z.match("c.example", ""),
	} {
		r := &Response{Question: question("c.example.", wire.TypeA), Kind: wire.KindNXDomain}
		r.Authority = []*wire.RRset{k.set(t, "", "example. 300 IN SOA a. b. 1 2 3 4 5"),
			k.set(t, "", line)}
		v := judged(c, r)
		expect(t, name, v, wire.Secure, cause.None)
		if v.Kind != wire.KindNoData {
			t.Errorf("%s: a name error", name)
		}
	}
}

// Section 5.3.4: a wildcard's expansion is accepted if the name has no closer encloser than the
// wildcard's: the proof has to be about that encloser.
func TestRFC4035ExpansionNeedsTheClosestEncloser(t *testing.T) {
	k := newZoneKey(t, "example.")
	c := zonesOf(t, k)
	const missing = cause.WildcardProofMissing
	for what, x := range map[string]struct {
		nsec string
		want cause.Cause
	}{
		"nothing between":  {"a.example. 300 IN NSEC m.example. A RRSIG NSEC", cause.None},
		"b.example exists": {"b.example. 300 IN NSEC m.example. A RRSIG NSEC", missing},
		"the name exists":  {"a.b.example. 300 IN NSEC m.example. A RRSIG NSEC", missing},
		"another span":     {"m.example. 300 IN NSEC z.example. A RRSIG NSEC", missing},
	} {
		r := &Response{Question: question("a.b.example.", wire.TypeA),
			Sets:      []*wire.RRset{k.set(t, "a.b.example.", "*.example. 300 IN A 192.0.2.1")},
			Authority: []*wire.RRset{k.set(t, "", x.nsec)}}
		status := wire.Secure
		if x.want != cause.None {
			status = wire.Bogus
		}
		expect(t, what, judged(c, r), status, x.want)
	}
	r := &Response{Question: question("a.b.example.", wire.TypeA),
		Sets: []*wire.RRset{k.set(t, "a.b.example.", "*.example. 300 IN A 192.0.2.1")}}
	expect(t, "no proof", judged(c, r), wire.Bogus, cause.WildcardProofMissing)
}

// The response is not written to: the verdict has copies, with the TTL and status from verification
// (section 5.3.3).
func TestRFC4035VerdictsHaveSetsOfTheirOwn(t *testing.T) {
	k := newZoneKey(t, "example.")
	answer := k.set(t, "", "www.example. 300 A 192.0.2.1")
	answer.TTL = 86400 // more than the signed TTL
	v := judged(zonesOf(t, k), &Response{Question: question("www.example", wire.TypeA),
		Sets: []*wire.RRset{answer}})
	if v.Status != wire.Secure || len(v.Sets) != 1 || v.Sets[0] == answer ||
		v.Sets[0].TTL != 300 || v.Sets[0].Security != wire.Secure || v.Sets[0].Until == 0 {
		t.Errorf("%s %v", v.Status, v.Sets)
	}
	if answer.TTL != 86400 || answer.Security != wire.Unchecked || answer.Until != 0 {
		t.Errorf("the response was changed: TTL %d, %s", answer.TTL, answer.Security)
	}
}

// Section 5.3.3: a verified set lives no longer than its own TTL, the original TTL, and the
// signature.
func TestRFC4035VerifiedTTL(t *testing.T) {
	k := newSigner(t, 257, 3)
	for _, c := range []struct{ ttl, original, left, want uint32 }{
		{300, 300, 3600, 300}, {86400, 300, 3600, 300}, {300, 300, 10, 10}, {20, 300, 3600, 20},
	} {
		set := k.sign(t, "www.example.", func(s *dns.RRSIG) {
			s.OrigTtl = c.original
			s.Expiration = uint32(testNow.Unix()) + c.left
		})
		set.TTL = c.ttl
		r := New(Default()).VerifySet(set, keySet(t, k), InstantOf(testNow), NewBudget())
		if r.Status != wire.Secure || r.TTL != c.want || r.Until != uint32(testNow.Unix())+c.left {
			t.Errorf("%+v: %v, TTL %d, until %d", c, r.Failure, r.TTL, r.Until)
		}
	}
}

// Section 5.2: the DNSKEY set is signed by a key that a DS names. The signature of another key in
// the set does not count.
func TestRFC4035KeySetIsSignedByAKeyOfADS(t *testing.T) {
	named, other := newSigner(t, 257, 3), newSigner(t, 257, 3)
	v := New(Default())
	ds, _ := v.UsableDS(dsOf(t, named.DNSKEY))
	for what, x := range map[string]struct {
		keys *wire.RRset
		want wire.Security
	}{
		"the named key": {signedKeys(t, named.DNSKEY, named.private, other.DNSKEY), wire.Secure},
		"the other key": {signedKeys(t, other.DNSKEY, other.private, named.DNSKEY), wire.Bogus},
	} {
		if _, r := v.MatchDS(ds, x.keys, InstantOf(testNow), NewBudget()); r.Status != x.want {
			t.Errorf("signed by %s: %s", what, r.Status)
		}
	}
}

// Section 4.3: an answer of several sets, as to ANY, has the lowest of their statuses.
func TestRFC4035AnswerIsAsGoodAsItsWorstSet(t *testing.T) {
	k := newZoneKey(t, "example.")
	c := zonesOf(t, k)
	good := func() *wire.RRset { return k.set(t, "", "www.example. 300 IN TXT good") }
	forged := readSets(t, []string{"www.example. 300 IN A 192.0.2.1"})[0]
	for _, sets := range [][]*wire.RRset{{good(), forged}, {forged, good()}} {
		r := &Response{Question: question("www.example.", wire.TypeANY), Sets: sets}
		expect(t, "with a forged set", judged(c, r), wire.Bogus, cause.SignatureMissing)
	}
}

// Section 5.4: the SOA of a denial sets its TTL; if the SOA does not verify, the whole response is
// bogus.
func TestRFC4035SOAOfADenialVerifies(t *testing.T) {
	k := newZoneKey(t, "example.")
	c := zonesOf(t, k)
	soa := k.set(t, "", "example. 300 IN SOA a. b. 1 2 3 4 5")
	soa.Data[len(soa.Data)-1] ^= 1
	proof := k.set(t, "", "b.example. 300 IN NSEC d.example. TXT RRSIG NSEC")
	r := &Response{Question: question("b.example.", wire.TypeA), Kind: wire.KindNoData,
		Authority: []*wire.RRset{soa, proof}}
	expect(t, "altered", judged(c, r), wire.Bogus, cause.SignatureInvalid)
}

// RFC 9276, section 3.2, with the security considerations of section 4: only an NSEC3 whose
// signature verifies shows that a zone iterates too often, or anybody could make a zone insecure.
func TestRFC9276IterationsAreBelievedOfSignedRecords(t *testing.T) {
	k := newZoneKey(t, "example.")
	c := zonesOf(t, k)
	z := nsec3Zone{iterations: maxNSEC3Iterations + 1}
	soa := k.set(t, "", "example. 300 IN SOA a. b. 1 2 3 4 5")
	high := k.set(t, "", z.match("example", "NS SOA RRSIG DNSKEY NSEC3PARAM"))
	r := &Response{Question: question("b.example.", wire.TypeA), Kind: wire.KindNXDomain,
		Authority: []*wire.RRset{soa, high}}
	v := judged(c, r)
	expect(t, "signed", v, wire.Insecure, cause.NSEC3Iterations)
	if v.Failure == nil || v.Failure.Detail != "51 iterations" {
		t.Errorf("the text has no number: %v", v.Failure)
	}
	forged := *high
	forged.Data = append(wire.RDataList(nil), high.Data...)
	forged.Data[len(forged.Data)-1] ^= 1
	r.Authority = []*wire.RRset{soa, &forged}
	expect(t, "forged", judged(c, r), wire.Bogus, cause.SignatureInvalid)
}

// CVE-2026-13321: the owner of an NSEC and its next name are in the zone.
func TestCVE202613321NSECStaysInItsZone(t *testing.T) {
	const apex = "example. NSEC a.example. NS SOA RRSIG NSEC DNSKEY"
	for line, want := range map[string]proof{
		"a.example. NSEC d.example. A RRSIG NSEC": proofNXDomain,
		"a.example. NSEC z.test. A RRSIG NSEC":    proofNone,
		"a.com. NSEC d.example. A RRSIG NSEC":     proofNone,
	} {
		if got := denialOf(t, []string{line, apex}, "b.example", wire.TypeA); got != want {
			t.Errorf("%s: got %d, want %d", line, got, want)
		}
	}
}
