package validator

import (
	"testing"

	"bailiwick/internal/cause"
)

// payer pays for nothing, or for everything.
type payer struct {
	pays    bool
	charged map[cause.Cause]int32
}

func (p *payer) Charge(limit cause.Cause, _ func(*Budget, int32) bool, n int32) bool {
	p.charged[limit] += n
	return p.pays
}

// KeyTrap (CVE-2023-50387 and CVE-2023-50868): all costs of validation are charged to the payer,
// and nothing is computed that it does not pay for.
func TestCVE202350387AllIsCharged(t *testing.T) {
	for _, pays := range []bool{true, false} {
		p := &payer{pays, map[cause.Cause]int32{}}
		b := &Budget{}
		b.Fill(p)
		if b.signature(3) != pays || b.digest() != pays || b.hash(5) != pays {
			t.Errorf("paid for: %v, but it is computed, or not", pays)
		}
		b.failed()
		b.mismatch()
		if s, d, h := p.charged[cause.LimitSignatures], p.charged[cause.LimitDigests],
			p.charged[cause.LimitNSEC3]; s != 4 || d != 2 || h != 5 {
			t.Errorf("charged %d for signatures, %d for digests, %d for hashes", s, d, h)
		}
	}
}
