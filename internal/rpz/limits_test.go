package rpz

import (
	"fmt"
	"testing"

	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
	"bailiwick/wire"
)

// A rule with thousands of records costs a client's question no more than one with a hundred.
func TestRecordsOfARuleAreLimited(t *testing.T) {
	limittest.Met(t, limit.PolicyRecords)
	var lines []string
	for i := range 5000 {
		lines = append(lines, fmt.Sprintf("big.example A 10.0.%d.%d", i/256, i%256))
	}
	for i := range maxRecords {
		lines = append(lines, fmt.Sprintf("some.example A 10.0.0.%d", i))
	}
	s := set(read(t, lines...))
	for _, name := range []string{"some.example.", "big.example."} {
		q := wire.Question{Name: wire.MustParseName(name), Type: wire.TypeA, Class: wire.ClassIN}
		m, v := s.Find(&Facts{Name: q.Name}, func(Match) {})
		sets, _, ok := m.Data(q)
		if v != Found || !ok || len(sets) != 1 || sets[0].Data.Len() != maxRecords {
			t.Errorf("%s: %v, %t, %d sets", name, v, ok, len(sets))
		}
	}
}
