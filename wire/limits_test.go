// Limits that need a test of their own.

package wire

import (
	"encoding/binary"
	"testing"

	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
)

// rrsig is the RDATA of an RRSIG that covers A records, with a signature of so many octets.
func rrsig(i, octets int) string {
	sig := make([]byte, 18, 19+octets)
	sig[1] = byte(TypeA)
	sig = append(sig, make([]byte, 1+octets)...)
	binary.BigEndian.PutUint16(sig[16:], uint16(i))
	return string(sig)
}

// scattered is a message whose answer section has an A record, and whose authority section has a
// name server for each signature, and the signatures.
func scattered(sets int, sigs ...string) []byte {
	msg := "\x00\x00\x80\x00\x00\x00\x00\x01" +
		string([]byte{byte((sets + len(sigs)) >> 8), byte(sets + len(sigs))}) + "\x00\x00" +
		record(TypeA, "\x01\x02\x03\x04")
	for i := range sets {
		msg += record(Type(60000+i), "x")
	}
	for _, s := range sigs {
		msg += record(TypeRRSIG, s)
	}
	return []byte(msg)
}

// Signatures from other sections are added to a set up to a size: each is compared with those
// before, and a message has room for 3,000.
func TestMaxAdoptedSigs(t *testing.T) {
	limittest.Met(t, limit.AdoptedSignatures)
	var sigs []string
	for i := range 100 {
		sigs = append(sigs, rrsig(i, 100))
	}
	m, err := Parse(scattered(0, sigs...))
	if err != nil || len(m.Answer) != 1 {
		t.Fatalf("got %v, %v", m, err)
	}
	if n := len(m.Answer[0].Sigs); n == 0 || n > maxAdoptedSigs+2+len(sigs[0]) {
		t.Errorf("%d octets of signatures were adopted, want about %d", n, maxAdoptedSigs)
	}
}

// In a message of many sets signatures are not looked for elsewhere: each costs a search.
func TestMaxAdopt(t *testing.T) {
	limittest.Met(t, limit.AdoptedSignatures)
	for sets, want := range map[int]int{maxAdopt - 2: 1, maxAdopt - 1: 0} {
		m, err := Parse(scattered(sets, rrsig(1, 64)))
		if err != nil || m.Answer[0].Sigs.Len() != want {
			t.Errorf("%d sets beside: got %v, %v, want %d signatures", sets, m.Answer, err, want)
		}
	}
}

// What a reply says to be in a zone begins at a label of it: "badexample" is not in "example", and
// neither is a label that ends in the octets of the zone's name.
func TestBailiwickBeginsAtALabel(t *testing.T) {
	for _, c := range []struct {
		name, zone string
		want       bool
	}{
		{"a.example", "example", true}, {"example", "example", true}, {"example", ".", true},
		{".", "example", false}, {"badexample", "example", false}, {"a.b", "b.a", false},
		{`x\001b`, "b", false},
		{"x" + `\007` + "example", "example", false},
	} {
		if got := MustParseName(c.name).Within(MustParseName(c.zone)); got != c.want {
			t.Errorf("%s within %s: got %v", c.name, c.zone, got)
		}
	}
	n := MustParseName("example")
	if n.Below(n) || !MustParseName("a.example").Below(n) {
		t.Error("a name is below itself, or what is below is not")
	}
}
