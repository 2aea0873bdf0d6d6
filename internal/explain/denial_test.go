package explain

import (
	"testing"

	"bailiwick/wire"
)

// What is below a wildcard has no part in a proof, unless the name that was asked for is there.
func TestExplainTellsOfNoNamesBelowWildcards(t *testing.T) {
	wildcard := wire.MustParseName("*.example.")
	hash := wire.NSEC3Hash(wildcard, 0, nil)
	all := wire.NSEC3{Next: hash[:]} // the only name of the zone
	for name, want := range map[string]string{"www.example.": "", "a.*.example.": "; the hash of " +
		"a.*.example. is between it and the next, so there is no such name; the hash of " +
		"*.*.example. is between it and the next, so there is no such name"} {
		told := alsoCovers(hash[:], all, wire.MustParseName(name), wildcard, "")
		if told != want {
			t.Errorf("%s: %q", name, told)
		}
	}
}
