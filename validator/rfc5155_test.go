package validator

import (
	"strings"
	"testing"

	"bailiwick/wire"
)

// denialOf returns what the records of example. show about a question.
func denialOf(t *testing.T, lines []string, name string, typ wire.Type) proof {
	t.Helper()
	d := New(Default()).newDenial(wire.MustParseName("example"), readSets(t, lines),
		maxNSEC3Iterations, NewBudget())
	return d.prove(wire.MustParseName(name), typ)
}

// Section 8.2: a record with unknown flags is ignored.
func TestRFC5155UnknownFlags(t *testing.T) {
	z := nsec3Zone{}
	apex, encloser := z.match("example", "NS SOA RRSIG"), z.cover("b.example")
	odd := strings.Replace(encloser, "NSEC3 1 0 ", "NSEC3 1 2 ", 1)
	if got := denialOf(t, []string{apex, encloser, z.cover("*.example")}, "b.example",
		wire.TypeA); got != proofNXDomain {
		t.Fatalf("got %d", got)
	}
	if got := denialOf(t, []string{apex, odd, z.cover("*.example")}, "b.example",
		wire.TypeA); got != proofNone {
		t.Errorf("a record with another flag is used: %d", got)
	}
}

// Section 8.2: the records of a proof have one salt and one number of iterations. Records of two
// chains, in a zone that changes these, are not a proof together.
func TestRFC5155ChainsAreNotMixed(t *testing.T) {
	old, next := nsec3Zone{}, nsec3Zone{salt: "AB"}
	whole := []string{old.match("example", "NS SOA RRSIG"), old.cover("b.example"),
		old.cover("*.example")}
	if got := denialOf(t, append(whole, next.cover("b.example")), "b.example",
		wire.TypeA); got != proofNXDomain {
		t.Errorf("a whole proof beside a record of another chain: %d", got)
	}
	mixed := []string{whole[0], next.cover("b.example"), next.cover("*.example")}
	if got := denialOf(t, mixed, "b.example", wire.TypeA); got != proofNone {
		t.Errorf("records of two chains prove %d", got)
	}
	// Hashed with the first chain's salt, a record of the second covers a name that it does not
	// deny.
	lying := strings.Replace(old.cover("b.example"), " - ", " AB ", 1)
	if got := denialOf(t, []string{whole[0], lying, whole[2]}, "b.example",
		wire.TypeA); got != proofNone {
		t.Errorf("a record of the second chain, hashed as of the first, proves %d", got)
	}
}

// RFC 4592, section 2.2.2: a wildcard with names below it and without data is an empty
// non-terminal: the answer is NODATA and not a name error.
func TestRFC4592WildcardIsAnEmptyNonTerminal(t *testing.T) {
	lines := []string{"example. NSEC x.*.example. NS SOA RRSIG NSEC DNSKEY",
		"a.example. NSEC d.example. A RRSIG NSEC"}
	if got := denialOf(t, lines, "b.example", wire.TypeA); got != proofNoData {
		t.Errorf("got %d, want no data", got)
	}
}

// RFC 4034, section 4: a name has one NSEC. If there are two, both are ignored.
func TestRFC4034TwoNSECAtAName(t *testing.T) {
	lines := []string{"a.example. NSEC d.example. A RRSIG NSEC",
		"a.example. NSEC z.example. A RRSIG NSEC",
		"example. NSEC a.example. NS SOA RRSIG NSEC DNSKEY"}
	if got := denialOf(t, lines, "b.example", wire.TypeA); got != proofNone {
		t.Errorf("got %d", got)
	}
}

// expansionOf returns what the records of example. show about an expansion of the wildcard below an
// encloser.
func expansionOf(t *testing.T, lines []string, name, encloser string) proof {
	t.Helper()
	d := New(Default()).newDenial(wire.MustParseName("example"), readSets(t, lines),
		maxNSEC3Iterations, NewBudget())
	return d.proveExpansion(wire.MustParseName(name), wire.MustParseName(encloser))
}

// Section 8.3: at an encloser that is a delegation or a DNAME the zone ends, or its own names do.
// Its records deny nothing below.
func TestRFC5155EncloserAboveACut(t *testing.T) {
	z := nsec3Zone{}
	for types, want := range map[string]proof{"A RRSIG": proofNXDomain, "NS": proofNone,
		"DNAME RRSIG": proofNone, "NS SOA RRSIG": proofNXDomain} {
		lines := []string{z.match("b.example", types), z.cover("a.b.example"),
			z.cover("*.b.example")}
		if got := denialOf(t, lines, "a.b.example", wire.TypeA); got != want {
			t.Errorf("an encloser with %s: got %d, want %d", types, got, want)
		}
	}
}

// Section 8.8: the next closer name of an expansion does not exist. The record at that name, and
// the one before it, which ends there, do not cover it.
func TestRFC5155RecordDoesNotCoverItsOwnEnds(t *testing.T) {
	z := nsec3Zone{}
	for what, c := range map[string]struct {
		line string
		want proof
	}{
		"around the name": {z.cover("b.example"), proofNXDomain},
		"of the name":     {z.match("b.example", "A RRSIG"), proofNone},
		"before the name": {z.record("b.example", -1, 0, "A RRSIG"), proofNone},
	} {
		if got := expansionOf(t, []string{c.line}, "b.example", "example"); got != c.want {
			t.Errorf("the record %s: got %d, want %d", what, got, c.want)
		}
	}
}

// A chain of one record covers all names but its own (RFC 7129, section 5.5 draws the ring).
func TestRFC5155ChainOfOneRecord(t *testing.T) {
	only := nsec3Zone{}.record("example", 0, 0, "NS SOA RRSIG DNSKEY NSEC3PARAM")
	if got := denialOf(t, []string{only}, "b.example", wire.TypeA); got != proofNXDomain {
		t.Errorf("another name: got %d", got)
	}
	if got := denialOf(t, []string{only}, "example", wire.TypeA); got != proofNoData {
		t.Errorf("its own name: got %d", got)
	}
	d := New(Default()).newDenial(wire.MustParseName("example"), readSets(t, []string{only}),
		maxNSEC3Iterations, NewBudget())
	if d.cover(wire.MustParseName("example")) != nil {
		t.Error("it covers its own name")
	}
}

// Sections 9.2 and 8.6: a name in an opt-out span may exist as an unsigned delegation. The span
// proves nothing for an authentic answer, and a span without opt-out does not prove that a
// delegation is unsigned.
func TestRFC5155OptOutProvesLess(t *testing.T) {
	z, open := nsec3Zone{}, nsec3Zone{optOut: true}
	apex := z.match("example", "NS SOA RRSIG DNSKEY NSEC3PARAM")
	for _, c := range []struct {
		name string
		typ  wire.Type
		line []string
		want proof
	}{
		{"a name", wire.TypeA, []string{apex, open.cover("b.example"), z.cover("*.example")},
			proofNameOptOut},
		{"DS", wire.TypeDS, []string{apex, open.cover("b.example")}, proofOptOut},
		{"DS without opt-out", wire.TypeDS, []string{apex, z.cover("b.example")}, proofNone},
		{"no data at the wildcard", wire.TypeMX, []string{apex, open.cover("b.example"),
			z.match("*.example", "A RRSIG")}, proofOptOut},
	} {
		if got := denialOf(t, c.line, "b.example", c.typ); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
	got := expansionOf(t, []string{open.cover("b.example")}, "b.example", "example")
	if got != proofNameOptOut {
		t.Errorf("an expansion: got %d", got)
	}
}

// Section 8.6: the DS of an unsigned delegation that opt-out leaves out of the chain is denied by
// its closest encloser and the record that covers it. That record may happen to be the wildcard's,
// which says nothing of the delegation, even if the wildcard is an alias.
func TestRFC5155OptOutBesideAWildcard(t *testing.T) {
	z, open := nsec3Zone{}, nsec3Zone{optOut: true}
	apex := z.match("example", "NS SOA RRSIG DNSKEY NSEC3PARAM")
	wildcard := z.match("*.example", "CNAME RRSIG")
	for _, c := range []struct {
		what  string
		typ   wire.Type
		cover string
		want  proof
	}{
		{"DS", wire.TypeDS, open.cover("kid.example"), proofOptOut},
		{"DS without opt-out", wire.TypeDS, z.cover("kid.example"), proofNone},
		{"data, which the wildcard has", wire.TypeA, open.cover("kid.example"), proofNone},
	} {
		if got := denialOf(t, []string{apex, wildcard, c.cover}, "kid.example",
			c.typ); got != c.want {
			t.Errorf("%s: got %d, want %d", c.what, got, c.want)
		}
	}
}

// Section 8.1: only the defined hash is used. Section 3: a chain's records are one label below the
// apex; deeper ones belong to another zone.
func TestRFC5155RecordsOfAnotherKind(t *testing.T) {
	z := nsec3Zone{}
	apex, wild := z.match("example", "NS SOA RRSIG"), z.cover("*.example")
	next := z.cover("b.example")
	below := strings.Replace(next, ".example. ", ".sub.example. ", 1)
	for what, line := range map[string]string{
		"another hash":         strings.Replace(next, "NSEC3 1 ", "NSEC3 2 ", 1),
		"another zone":         below,
		"an owner of no hash":  "x.example. " + next[strings.Index(next, "NSEC3"):],
		"an owner not base 32": "zz.example. " + next[strings.Index(next, "NSEC3"):],
	} {
		got := denialOf(t, []string{apex, line, wild}, "b.example", wire.TypeA)
		if got != proofNone {
			t.Errorf("%s: got %d", what, got)
		}
	}
}
