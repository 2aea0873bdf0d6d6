// Which records may be trust anchors, and which of several anchors applies.

package trustanchor

import (
	"strings"
	"testing"

	"bailiwick/wire"
)

// ksk returns the key of RFC 6605, section 6.1, with these flags and this protocol.
func ksk(flagsAndProtocol string) string {
	return "example. 3600 IN DNSKEY " + flagsAndProtocol + " 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvT" +
		"meexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA=="
}

// A key is an anchor in the same way as its SHA-256 DS, which RFC 6605, section 6.1 prints.
func TestRFC4035KeyIsAnAnchorByItsDigest(t *testing.T) {
	s := &Set{}
	if err := s.Add(ksk("257 3")); err != nil {
		t.Fatal(err)
	}
	set, _ := s.At(wire.MustParseName("example"))
	// The RFC's key belongs to example.net: the digest covers the owner.
	other := &Set{}
	if err := other.Add(strings.Replace(ksk("257 3"), "example.", "example.net.", 1)); err != nil {
		t.Fatal(err)
	}
	want := &Set{}
	if err := want.Add("example.net. 3600 IN DS 55648 13 2 " +
		"b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17"); err != nil {
		t.Fatal(err)
	}
	a, _ := other.At(wire.MustParseName("example.net"))
	b, _ := want.At(wire.MustParseName("example.net"))
	if !a.Data.Equal(b.Data) {
		t.Errorf("got %x, RFC 6605 has %x", a.Data, b.Data)
	}
	if set.Data.Equal(a.Data) {
		t.Error("the owner is not part of the digest")
	}
}

// RFC 4034, section 2.1: a key that may not sign a zone is not an anchor.
func TestRFC4034AnchorIsAZoneKey(t *testing.T) {
	for _, bad := range []string{"1 3", "257 4"} {
		err := (&Set{}).Add(ksk(bad))
		if err == nil || !strings.Contains(err.Error(), "not a zone key") {
			t.Errorf("flags and protocol %s: %v", bad, err)
		}
	}
}

// RFC 5011, section 2.1: a revoked key is not an anchor, even in an old file.
func TestRFC5011RevokedKeyIsNoAnchor(t *testing.T) {
	if err := (&Set{}).Add(ksk("385 3")); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("got %v", err)
	}
}

// An anchor that can match no key makes everything below it bogus: it is refused when it is read.
// Digests have the length of their type (RFC 4509, RFC 6605), keys that of their algorithm.
func TestRFC4509AnchorsHaveTheirLength(t *testing.T) {
	for record, good := range map[string]bool{
		"example. IN DS 1 13 2 " + strings.Repeat("ab", 32):      true,
		"example. IN DS 1 13 2 " + strings.Repeat("ab", 31):      false,
		"example. IN DS 1 13 4 " + strings.Repeat("ab", 32):      false,
		"example. IN DS 1 13 4 " + strings.Repeat("ab", 48):      true,
		"example. IN DS 1 13 1 " + strings.Repeat("ab", 32):      false,
		"example. IN DNSKEY 257 3 13 " + strings.Repeat("A", 40): false,
		ksk("257 3"): true,
	} {
		if err := (&Set{}).Add(record); (err == nil) != good {
			t.Errorf("%s: %v", record, err)
		}
	}
}

// RFC 4035, section 4.3: trust starts at the deepest anchor above a name.
func TestRFC4035DeepestAnchorDecides(t *testing.T) {
	s := Builtin()
	if err := s.Add("example. IN DS 1 13 2 " + strings.Repeat("ab", 32)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"www.example": "example.", "example": "example.",
		"test": ".", ".": "."} {
		if got, ok := s.Closest(wire.MustParseName(name)); !ok || got.String() != want {
			t.Errorf("%s: got %v, want %s", name, got, want)
		}
	}
	if _, ok := (&Set{}).Closest(wire.MustParseName("example")); ok {
		t.Error("the empty set trusts something")
	}
}

// RFC 7646, section 1.1: a negative trust anchor covers its name and the names below, except those
// with a deeper trust anchor.
func TestRFC7646DeeperAnchorWins(t *testing.T) {
	s := Builtin()
	if err := s.AddNegative("broken.example"); err != nil {
		t.Fatal(err)
	}
	if err := s.Add("island.broken.example. IN DS 1 13 2 " + strings.Repeat("ab", 32)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"www.broken.example": true, "broken.example": true,
		"example": false, "notbroken.example": false, "island.broken.example": false,
		"x.island.broken.example": false} {
		if _, got := s.Exception(wire.MustParseName(name)); (got == Negative) != want {
			t.Errorf("%s: negative %v, want %v", name, got, want)
		}
	}
	if err := s.AddNegative("a..b"); err == nil {
		t.Error("a name that is none")
	}
}

// A file with any other content is refused as a whole, with its name: half of the anchors would not
// be the trust that the operator wrote down.
func TestRFC1035AnchorFileIsReadWhole(t *testing.T) {
	good := "example. IN DS 1 13 2 " + strings.Repeat("ab", 32) + "\n"
	for text, want := range map[string]bool{good: true, good + "; comment\n": true,
		good + "example. IN NS a.example.\n": false, good + "example. IN DS x\n": false, "": false,
		"; nothing\n": false} {
		err := (&Set{}).AddZoneFile(strings.NewReader(text), "anchors")
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "anchors") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
