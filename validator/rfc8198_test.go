package validator

import (
	"testing"

	"bailiwick/wire"
)

// RFC 8198, section 5, for questions that the records did not come for: from NSEC3 it may be
// concluded that a name does not exist, but only from NSEC that a type does not. Load balancers
// sign NSEC3 whose bitmap lacks all types but the one asked for: a question for AAAA would make A
// disappear, with AD.
func TestRFC8198NoTypeIsDeniedFromNSEC3(t *testing.T) {
	z, open := nsec3Zone{}, nsec3Zone{optOut: true}
	apex := z.match("example", "NS SOA RRSIG DNSKEY NSEC3PARAM")
	for _, c := range []struct {
		name  string
		lines []string
		q     string
		typ   wire.Type
		kind  wire.Kind
		ok    bool
	}{
		{"NSEC3 at the name", []string{z.match("b.example", "AAAA RRSIG")}, "b.example", wire.TypeA,
			0, false},
		{"NSEC3 at the wildcard", []string{apex, z.cover("b.example"), z.match("*.example",
			"AAAA RRSIG")}, "b.example", wire.TypeA, 0, false},
		{"NSEC3 at an empty non-terminal", []string{z.match("b.example", "")}, "b.example",
			wire.TypeA, 0, false},
		{"NSEC3 at an unsigned delegation", []string{z.match("b.example", "NS")}, "b.example",
			wire.TypeDS, 0, false},
		{"NSEC3 cover the name", []string{apex, z.cover("b.example"), z.cover("*.example")},
			"b.example", wire.TypeA, wire.KindNXDomain, true},
		{"NSEC3 under opt-out", []string{apex, open.cover("b.example"), z.cover("*.example")},
			"b.example", wire.TypeA, 0, false},
		{"NSEC at the name", []string{"b.example. NSEC c.example. AAAA RRSIG NSEC"}, "b.example",
			wire.TypeA, wire.KindNoData, true},
		{"NSEC without itself", []string{"b.example. NSEC c.example. AAAA RRSIG"}, "b.example",
			wire.TypeA, 0, false},
		{"NSEC without RRSIG", []string{"b.example. NSEC c.example. AAAA NSEC"}, "b.example",
			wire.TypeA, 0, false},
		{"NSEC with DS and no NS", []string{"b.example. NSEC c.example. DS RRSIG NSEC"},
			"b.example", wire.TypeA, 0, false},
		{"NSEC with an alias and data", []string{"b.example. NSEC c.example. CNAME TXT RRSIG NSEC"},
			"b.example", wire.TypeA, 0, false},
		{"NSEC without itself at the wildcard", []string{"a.example. NSEC c.example. A RRSIG NSEC",
			"*.example. NSEC a.example. AAAA RRSIG"}, "b.example", wire.TypeA, 0, false},
		{"NSEC over the name", []string{"example. NSEC c.example. NS SOA RRSIG NSEC DNSKEY"},
			"b.example", wire.TypeA, wire.KindNXDomain, true},
		{"compact, no name", []string{`b.example. NSEC \000.b.example. RRSIG NSEC TYPE128`},
			"b.example", wire.TypeA, wire.KindNoData, true},
	} {
		q := wire.Question{Name: wire.MustParseName(c.q), Type: c.typ, Class: wire.ClassIN}
		kind, ok := New(Default()).ProveCached(wire.MustParseName("example"), readSets(t, c.lines),
			q, NewBudget())
		if ok != c.ok || ok && kind != c.kind {
			t.Errorf("%s: got %d %v, want %d %v", c.name, kind, ok, c.kind, c.ok)
		}
	}
}
