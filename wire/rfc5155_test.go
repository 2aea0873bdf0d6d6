package wire

import "testing"

// Sections 3.1.7 and 8.8: a record covers the hashes between its owner and next, and neither of
// them; the last record of the chain covers what is after it and what is before the first.
func TestRFC5155SpanOfARecord(t *testing.T) {
	for _, c := range []struct {
		owner, hash, next byte
		want              bool
	}{
		{20, 25, 30, true}, {20, 20, 30, false}, {20, 30, 30, false},
		{20, 10, 30, false}, {20, 40, 30, false},
		{30, 40, 20, true}, {30, 10, 20, true}, {30, 25, 20, false},
		{30, 30, 20, false}, {30, 20, 20, false},
		{20, 10, 20, true}, {20, 30, 20, true}, {20, 20, 20, false},
	} {
		if got := BetweenNSEC3([]byte{c.owner}, []byte{c.hash}, []byte{c.next}); got != c.want {
			t.Errorf("%d between %d and %d: %v", c.hash, c.owner, c.next, got)
		}
	}
}
