// Memory that reading messages uses again.

package wire

import (
	"testing"
)

// A message keeps nothing that the next one is read into: neither signatures that cover a set of
// it, nor those that cover none and so are a set of their own.
func TestReusedMemoryBelongsToNoMessage(t *testing.T) {
	signature := func(owner, fields string) string {
		return owner + " 60 RRSIG " + fields +
			" 13 2 60 20300101000000 20200101000000 1 example. AAAA"
	}
	m, err := Parse(message(t, "www.example. 60 A 192.0.2.1", signature("www.example.", "A"),
		signature("alone.example.", "MX")))
	if err != nil || len(m.Answer) != 2 {
		t.Fatal(m, err)
	}
	for range 50 {
		if _, err := Parse(message(t, signature("other.example.", "TXT"),
			signature("x.example.", "A"), "y.example. 60 A 192.0.2.9")); err != nil {
			t.Fatal(err)
		}
	}
	a, alone := m.Answer[0], m.Answer[1]
	if a.Name != MustParseName("www.example.") || a.Type != TypeA || a.Len() != 1 ||
		a.Sigs.Len() != 1 || Type(a.Sigs.First()[1]) != TypeA {
		t.Errorf("a signed set became %v", *a)
	}
	if alone.Name != MustParseName("alone.example.") || alone.Type != TypeRRSIG ||
		alone.TTL != 60 || alone.Len() != 1 || Type(alone.Data.First()[1]) != TypeMX {
		t.Errorf("a set of signatures became %v", *alone)
	}
}

// The name of a signer is in general the end of the owner's name, and costs no memory.
func TestReusedSignersName(t *testing.T) {
	m, err := Parse(message(t, "www.example. 60 A 192.0.2.1",
		"www.example. 60 RRSIG A 13 2 60 20300101000000 20200101000000 1 EXAMPLE. AAAA"))
	if err != nil {
		t.Fatal(err)
	}
	s := m.Answer[0]
	for _, owner := range []string{"www.example.", "example.", ".", "other.", "le."} {
		sig, err := ParseRRSIGOf(MustParseName(owner), s.Sigs.First())
		if err != nil || sig.Signer != MustParseName("example.") {
			t.Errorf("for data of %s: %v, %v", owner, sig.Signer, err)
		}
	}
	read := func() { _, _ = ParseRRSIGOf(s.Name, s.Sigs.First()) }
	if n := testing.AllocsPerRun(20, read); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
