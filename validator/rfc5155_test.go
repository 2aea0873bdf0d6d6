package validator

import (
	"strings"
	"testing"

	"bailiwick/wire"
)

// denialOf is what the records of example. show about a question.
func denialOf(t *testing.T, lines []string, name string, typ wire.Type) proof {
	t.Helper()
	d := New(Policy{}).newDenial(wire.MustParseName("example"), readSets(t, lines),
		MaxNSEC3Iterations, NewBudget())
	return d.prove(wire.MustParseName(name), typ)
}

// Section 8.2: a record with flags that are not known is ignored.
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

// Section 8.2: the records of a proof have one salt and one number of iterations; those of two
// chains, of a zone that changes them, are no proof together.
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
	// Hashed with the first chain's salt a record of the second covers what it does not say.
	lying := strings.Replace(old.cover("b.example"), " - ", " AB ", 1)
	if got := denialOf(t, []string{whole[0], lying, whole[2]}, "b.example",
		wire.TypeA); got != proofNone {
		t.Errorf("a record of the second chain, hashed as of the first, proves %d", got)
	}
}

// RFC 4592, section 2.2.2: a wildcard that has names below it, and no data, is an empty
// non-terminal: the name has no data, but that is no name error.
func TestRFC4592WildcardIsAnEmptyNonTerminal(t *testing.T) {
	lines := []string{"example. NSEC x.*.example. NS SOA RRSIG NSEC DNSKEY",
		"a.example. NSEC d.example. A RRSIG NSEC"}
	if got := denialOf(t, lines, "b.example", wire.TypeA); got != proofNoData {
		t.Errorf("got %d, want no data", got)
	}
}

// RFC 4034, section 4: a name has one NSEC. Of two neither is believed.
func TestRFC4034TwoNSECAtAName(t *testing.T) {
	lines := []string{"a.example. NSEC d.example. A RRSIG NSEC",
		"a.example. NSEC z.example. A RRSIG NSEC",
		"example. NSEC a.example. NS SOA RRSIG NSEC DNSKEY"}
	if got := denialOf(t, lines, "b.example", wire.TypeA); got != proofNone {
		t.Errorf("got %d", got)
	}
}
