// Clarifications for DNSSEC: what denials say at and below delegations, and beside aliases.

package validator

import (
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

// Section 4.1, of the name itself: at a delegation the parent denies DS and nothing else.
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

// Section 4.3: a name that is an alias has no other types, and its record is no denial of them: the
// answer is the alias, which was left out. The same at the wildcard.
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
// are not supported is insecure. SHA-1 is supported if the operator says so.
func TestRFC9905SHA1IsTheOperatorsChoice(t *testing.T) {
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
		{"a digest of SHA-1", k.ToDS(dns.SHA1), false, cause.DigestUnsupported},
		{"a digest of SHA-1, allowed", k.ToDS(dns.SHA1), true, cause.None},
		{"RSA/SHA-1", &weak, false, cause.AlgorithmUnsupported},
		{"RSA/SHA-1, allowed", &weak, true, cause.None},
		{"an unknown algorithm", &other, true, cause.AlgorithmUnsupported},
	} {
		set := readSets(t, []string{c.ds.String()})[0]
		use, why := New(Config{SHA1: c.sha1}).UsableDS(set)
		if why != c.want || (len(use) > 0) != (why == cause.None) {
			t.Errorf("%s: %d usable, %v, want %v", c.name, len(use), why, c.want)
		}
	}
}
