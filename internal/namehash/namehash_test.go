package namehash

import (
	"fmt"
	"testing"

	"bailiwick/wire"
)

// The hash of a name follows from that of its parent, the root's octet does not matter, and each
// octet of a label counts: labels of every length that differ in one octet have other hashes.
func TestEachOctetCounts(t *testing.T) {
	seed := Seed()
	seen := map[uint64]string{}
	for n := 1; n <= 63; n++ {
		for at := range n {
			label := make([]byte, n)
			for i := range label {
				label[i] = 'a'
			}
			label[at] = 'b'
			name := wire.MustParseName(string(label) + ".example.").Wire()
			h := Of(seed, name)
			if h != Of(seed, name[:len(name)-1]) || h != Below(Of(seed, name[n+1:]), name) {
				t.Fatalf("%q: the hash is not that of its labels", name)
			}
			if other, is := seen[h]; is {
				t.Fatalf("%q has the hash of %q", name, other)
			}
			seen[h] = name
		}
	}
	if Of(seed, "") != seed || Of(Seed(), "\x01a") == Of(seed, "\x01a") {
		t.Error("tables have equal seeds, or the root has another hash than its seed")
	}
}

// Hashes are spread evenly: of a million names with a number in them, no group of a thousand has
// much more or less than a thousand.
func TestHashesAreSpread(t *testing.T) {
	seed := Seed()
	var groups [1000]int
	for i := range 1_000_000 {
		h := Of(seed, wire.MustParseName(fmt.Sprintf("n%d.example%d.com.", i, i%100)).Wire())
		groups[h>>32*1000>>32]++
	}
	for g, n := range groups {
		if n < 750 || n > 1250 { // eight standard deviations
			t.Fatalf("group %d has %d names", g, n)
		}
	}
}
