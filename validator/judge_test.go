package validator

import (
	"slices"
	"testing"

	"bailiwick/wire"
)

// A verdict returns copies of all sets, with its status: verified ones, and those of an unsigned
// zone. The weakest set determines the status of all. Callers that keep the sets need not write to
// the response.
func TestVerdictHasCopiesWithItsStatus(t *testing.T) {
	key := newZoneKey(t, "example.")
	chain := zonesOf(t, key)
	chain["plain.example."] = Trust{Zone: wire.MustParseName("plain.example."),
		Status: wire.Insecure}
	plain := readSets(t, []string{"a.plain.example. 600 IN A 192.0.2.1"})[0]
	signed := key.set(t, "", "a.example. 300 IN A 192.0.2.1")
	for _, c := range []struct {
		name string
		sets []*wire.RRset
		want wire.Security
	}{
		{"signed", []*wire.RRset{signed}, wire.Secure},
		{"not signed", []*wire.RRset{plain}, wire.Insecure},
		{"both", []*wire.RRset{signed, plain}, wire.Insecure},
	} {
		before := make([]wire.RRset, len(c.sets))
		for i, s := range c.sets {
			before[i] = *s
		}
		v := judged(chain, &Response{Question: question("a.example.", wire.TypeA), Sets: c.sets})
		if v.Status != c.want || len(v.Sets) != len(c.sets) {
			t.Errorf("%s: %s with %d sets (%v)", c.name, v.Status, len(v.Sets), v.Failure)
			continue
		}
		for i, s := range v.Sets {
			if s.Security != c.want || slices.Contains(c.sets, s) {
				t.Errorf("%s: set %d is %s, want %s and a copy", c.name, i, s.Security, c.want)
			}
			if c.sets[i].Security != before[i].Security || c.sets[i].TTL != before[i].TTL {
				t.Errorf("%s: set %d of the response was changed", c.name, i)
			}
		}
	}
}
