// Clarifications for DNSSEC: denials at and below delegations, and with aliases.

package validator

import (
	"crypto"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// Section 4.1: the parent's record at a delegation, and the record at a DNAME, deny nothing below:
// neither a name, nor the wildcard that could have made it, nor a closer name than a wildcard.
func TestRFC6840AncestorDelegationDeniesNothingBelow(t *testing.T) {
	const apex = "example. NSEC a.example. NS SOA RRSIG NSEC DNSKEY"
	for types, want := range map[string]proof{"A RRSIG NSEC": proofNXDomain,
		"NS RRSIG NSEC": proofNone, "DNAME RRSIG NSEC": proofNone} {
		cut := "a.example. NSEC m.example. " + types
		if got := denialOf(t, []string{cut, apex}, "x.a.example", wire.TypeA); got != want {
			t.Errorf("a name below %s: got %d, want %d", types, got, want)
		}
		empty := map[bool]proof{true: proofEmpty}[want != proofNone]
		lines := []string{"a.example. NSEC y.x.a.example. " + types}
		if got := denialOf(t, lines, "x.a.example", wire.TypeA); got != empty {
			t.Errorf("an empty non-terminal below %s: got %d, want %d", types, got, empty)
		}
		if got := expansionOf(t, []string{cut}, "x.a.example", "a.example"); got != want {
			t.Errorf("a closer name below %s: got %d, want %d", types, got, want)
		}
		// The name is in a span of names below; its wildcard is in the span of the cut.
		lines = []string{"b.a.example. NSEC d.a.example. A RRSIG NSEC",
			"a.example. NSEC b.a.example. " + types}
		if got := denialOf(t, lines, "c.a.example", wire.TypeA); got != want {
			t.Errorf("the wildcard below %s: got %d, want %d", types, got, want)
		}
	}
}

// Section 4.1, for the name itself: at a delegation the parent denies only DS.
func TestRFC6840ParentDeniesOnlyDSAtADelegation(t *testing.T) {
	z := nsec3Zone{}
	for what, line := range map[string]string{
		"NSEC":  "a.example. NSEC d.example. NS RRSIG NSEC",
		"NSEC3": z.match("a.example", "NS"),
	} {
		if got := denialOf(t, []string{line}, "a.example", wire.TypeA); got != proofNone {
			t.Errorf("%s, A: got %d", what, got)
		}
		if got := denialOf(t, []string{line}, "a.example", wire.TypeDS); got != proofUnsignedCut {
			t.Errorf("%s, DS: got %d", what, got)
		}
	}
}

// Section 4.4 with RFC 4035, section 5.2: DS is denied by the zone above. The record of the zone
// itself has SOA, and lacks DS whatever the zone above says.
func TestRFC6840ChildDoesNotDenyItsDS(t *testing.T) {
	z := nsec3Zone{}
	for what, line := range map[string]string{
		"NSEC":  "a.example. NSEC d.example. NS SOA RRSIG NSEC DNSKEY",
		"NSEC3": z.match("a.example", "NS SOA RRSIG DNSKEY"),
	} {
		if got := denialOf(t, []string{line}, "a.example", wire.TypeDS); got != proofNone {
			t.Errorf("%s: got %d", what, got)
		}
	}
}

// Section 4.3: a name that is an alias has no other types, and its record does not deny them: the
// answer is the alias, which was left out. The same holds at the wildcard.
func TestRFC6840AliasIsNoDenial(t *testing.T) {
	z := nsec3Zone{}
	for what, lines := range map[string][]string{
		"NSEC": {"b.example. NSEC d.example. CNAME RRSIG NSEC"},
		"NSEC at the wildcard": {"a.example. NSEC d.example. A RRSIG NSEC",
			"*.example. NSEC a.example. CNAME RRSIG NSEC"},
		"NSEC3": {z.match("b.example", "CNAME RRSIG")},
		"NSEC3 at the wildcard": {z.match("example", "NS SOA RRSIG"), z.cover("b.example"),
			z.match("*.example", "CNAME RRSIG")},
	} {
		if got := denialOf(t, lines, "b.example", wire.TypeA); got != proofNone {
			t.Errorf("%s: got %d", what, got)
		}
	}
}

// Section 5.2, and RFC 9905, section 2: a delegation whose DS have only algorithms and digests that
// are not supported is insecure. RSA/SHA-1 is supported if the operator configures it; SHA-1 as a
// digest always is.
func TestRFC9905RSASHA1IsTheOperatorsChoice(t *testing.T) {
	k := newSigner(t, 257, 3)
	other := *k.ToDS(dns.SHA256)
	other.Algorithm = 100
	weak := *k.ToDS(dns.SHA256)
	weak.Algorithm = algRSASHA1
	for _, c := range []struct {
		name string
		ds   *dns.DS
		sha1 bool
		want cause.Cause
	}{
		{"SHA-256", k.ToDS(dns.SHA256), false, cause.None},
		{"a digest of SHA-1", k.ToDS(dns.SHA1), false, cause.None},
		{"RSA/SHA-1", &weak, false, cause.AlgorithmUnsupported},
		{"RSA/SHA-1, allowed", &weak, true, cause.None},
		{"an unknown algorithm", &other, true, cause.AlgorithmUnsupported},
	} {
		set := readSets(t, []string{c.ds.String()})[0]
		cfg := Default()
		if cfg.SHA1 {
			t.Error("RSA/SHA-1 is supported by default")
		}
		cfg.SHA1 = c.sha1
		use, why := New(cfg).UsableDS(set)
		if why != c.want || (len(use) > 0) != (why == cause.None) {
			t.Errorf("%s: %d usable, %v, want %v", c.name, len(use), why, c.want)
		}
	}
}

// Section 5.11: one valid path is enough, unless the operator demands one for each algorithm that
// the DS set names and that is supported: of the DNSKEY set, and of each set of the zone.
func TestRFC6840AllAlgorithms(t *testing.T) {
	header := func(owner string, rrtype uint16) dns.RR_Header {
		return dns.RR_Header{Name: owner, Rrtype: rrtype, Class: dns.ClassINET, Ttl: 300}
	}
	key := func(algorithm uint8) (*dns.DNSKEY, crypto.Signer) {
		k := &dns.DNSKEY{Hdr: header("example.", dns.TypeDNSKEY), Flags: 257, Protocol: 3,
			Algorithm: algorithm}
		p, err := k.Generate(256)
		if err != nil {
			t.Fatal(err)
		}
		return k, p.(crypto.Signer)
	}
	strong, strongKey := key(dns.ED25519)
	weak, weakKey := key(dns.ECDSAP256SHA256)
	signed := func(set []dns.RR, by ...*dns.DNSKEY) *wire.RRset {
		var lines []string
		for _, rr := range set {
			lines = append(lines, rr.String())
		}
		for _, k := range by {
			sig := &dns.RRSIG{Hdr: header(set[0].Header().Name, dns.TypeRRSIG),
				Algorithm: k.Algorithm, KeyTag: k.KeyTag(), SignerName: "example.",
				Inception: uint32(testNow.Unix()) - 60, Expiration: uint32(testNow.Unix()) + 60}
			if k == strong {
				sig.Expiration -= 30
			}
			private := map[*dns.DNSKEY]crypto.Signer{strong: strongKey, weak: weakKey}[k]
			if err := sig.Sign(private, set); err != nil {
				t.Fatal(err)
			}
			lines = append(lines, sig.String())
		}
		return readSets(t, lines)[0]
	}
	keys := []dns.RR{strong, weak}
	data := []dns.RR{&dns.A{Hdr: header("www.example.", dns.TypeA), A: []byte{192, 0, 2, 1}}}
	gone := &dns.DNSKEY{Hdr: weak.Hdr, Flags: 257, Protocol: 3, Algorithm: dns.RSASHA256,
		PublicKey: "AwEAAaetidLzsKWUt4swWR8yu0wPHPiUi8LU"}
	unknown := &dns.DNSKEY{Hdr: weak.Hdr, Flags: 257, Protocol: 3, Algorithm: 200,
		PublicKey: "AwEAAaetidLzsKWUt4swWR8yu0wPHPiUi8LU"}
	both := []*dns.DNSKEY{strong, weak}
	for _, c := range []struct {
		what               string
		ds, keysBy, dataBy []*dns.DNSKEY
		all                bool
		want               cause.Cause
	}{
		{"by both", both, both, both, true, cause.None},
		{"data by the weak one", both, both, both[1:], true, cause.AlgorithmMissing},
		{"data by the weak one, and any will do", both, both, both[1:], false, cause.None},
		{"data by one twice", both, both, []*dns.DNSKEY{weak, weak}, true,
			cause.AlgorithmMissing},
		{"keys by the weak one", both, both[1:], both, true, cause.AlgorithmMissing},
		{"keys by the weak one, and any will do", both, both[1:], both, false, cause.None},
		{"a DS whose key is gone", []*dns.DNSKEY{weak, gone}, both, both, true,
			cause.AlgorithmMissing},
		{"a DS whose key is gone, and any will do", []*dns.DNSKEY{weak, gone}, both, both, false,
			cause.None},
		{"a DS of the weak one alone", both[1:], both[1:], both[1:], true, cause.None},
		{"a DS of an algorithm that is not supported", []*dns.DNSKEY{weak, unknown}, both[1:],
			both[1:], true, cause.None},
		{"data by neither", both, both, nil, true, cause.SignatureMissing},
	} {
		cfg := Default()
		cfg.AllAlgorithms = c.all
		v := New(cfg)
		ds, _ := v.UsableDS(dsOf(t, c.ds...))
		at, b := InstantOf(testNow), NewBudget()
		set := signed(keys, c.keysBy...)
		got, r := v.MatchDS(ds, set, at, b)
		if r.Status == wire.Secure {
			r = v.VerifySet(signed(data, c.dataBy...), got, at, b)
			again := v.VerifySet(signed(data, c.dataBy...), v.KeysFor(ds, set), at, b)
			if again.Status != r.Status {
				t.Errorf("%s: %s with the keys from memory", c.what, again.Status)
			}
		}
		why := cause.None
		if r.Failure != nil {
			why = r.Failure.Cause
		}
		if why != c.want || (r.Status == wire.Secure) != (c.want == cause.None) {
			t.Errorf("%s: got %s (%v)", c.what, r.Status, r.Failure)
		}
		if r.Status == wire.Secure && c.all && len(c.dataBy) == 2 &&
			(r.TTL != 30 || r.Until != uint32(at)+30) {
			t.Errorf("%s: kept for %d, until %d", c.what, r.TTL, r.Until-uint32(at))
		}
	}
}
