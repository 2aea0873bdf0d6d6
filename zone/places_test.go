package zone

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"bailiwick/internal/namehash"
	"bailiwick/wire"
)

// Every name of a zone is found by its hash, the wildcards by those of their parents, and nothing
// else is: neither names that are not there, nor a name where its wildcard is looked for.
func TestNamesAreFoundByTheirHashes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	text.WriteString("@ 60 SOA ns. host. 1 60 60 60 60\n* A 192.0.2.1\n")
	want := map[string]bool{"": true, "*.": true}
	for range 5000 {
		owner := fmt.Sprintf("n%d.z%d.", random.IntN(2000), random.IntN(3))
		if random.IntN(3) == 0 {
			owner = "*." + owner
		}
		if random.IntN(4) == 0 {
			owner = fmt.Sprintf("a%d.%s", random.IntN(3), strings.TrimPrefix(owner, "*."))
		}
		want[owner] = true
		fmt.Fprintf(&text, "%stest. A 192.0.2.%d\n%[1]stest. TXT x\n", owner, random.IntN(9))
	}
	z := parsed(t, "test.", text.String())
	if len(want) != z.Names() {
		t.Fatalf("%d names, want %d", z.Names(), len(want))
	}
	for n := range 2010 {
		for _, parent := range []string{fmt.Sprintf("n%d.z0.", n), fmt.Sprintf("n%d.z1.", n),
			fmt.Sprintf("n%d.z9.", n), fmt.Sprintf("a1.n%d.z2.", n), ""} {
			name := wire.MustParseName(strings.TrimSuffix(parent, ".") + ".")
			h := namehash.Of(z.Seed(), name.Wire())
			for _, wildcard := range []bool{false, true} {
				owner := parent
				if wildcard {
					owner = "*." + parent
				}
				place, ok := z.Place(h, name.Wire(), wildcard)
				if ok != want[owner] {
					t.Fatalf("%q: found %v", owner, ok)
				}
				if ok && z.OwnerAt(place) != wire.MustParseName(owner+"test.") {
					t.Fatalf("%q is %s", owner, z.OwnerAt(place))
				}
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() { z.Place(1, "\x00", false) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A name with a label of one octet is not a wildcard, though it lies beside its parent.
func TestNamesBesideTheirParentAreNoWildcards(t *testing.T) {
	z := parsed(t, "test.", "@ 60 SOA ns. host. 1 60 60 60 60\np A 192.0.2.1\na.p A 192.0.2.1\n")
	if len(z.groups) != 2 {
		t.Fatalf("%d groups", len(z.groups)-1)
	}
	p := wire.MustParseName("p.").Wire()
	if place, ok := z.Place(namehash.Of(z.Seed(), p), p, true); ok {
		t.Errorf("the wildcard below p is %s", z.OwnerAt(place))
	}
}

// Names that are not there end in the filter of their group, but for a few of a hundred.
func TestFiltersOfGroups(t *testing.T) {
	var text strings.Builder
	text.WriteString("@ 60 SOA ns. host. 1 60 60 60 60\n")
	for i := range 20_000 {
		fmt.Fprintf(&text, "n%d.z%d A 192.0.2.1\n", i, i%7)
	}
	z := parsed(t, "test.", text.String())
	passed := 0
	for i := range 100_000 {
		h := namehash.Of(z.Seed(), wire.MustParseName(fmt.Sprintf("x%d.z.", i)).Wire())
		if f := filter(h); z.groups[z.groups.home(h)]&f == f {
			passed++
		}
	}
	if passed > 12_000 {
		t.Errorf("%d of 100,000 names pass", passed)
	}
}
