// The budget of a client query, shared with everything that it causes.

package validator

import (
	"sync/atomic"

	"bailiwick/internal/cause"
)

// Budget is how much a client query and everything it causes may still spend on validation. It is
// never reset. It may be shared between goroutines.
type Budget struct {
	signatures, failures, mismatches, blocks atomic.Int32
	payer                                    Payer // nil if nobody else is charged
}

// Payer finds the budget that pays besides another one: what a resolution spends is also charged to
// the client query that the resolution is made for.
type Payer interface {
	// Charge takes n units from the budget that pays now, by calling take, and reports whether it
	// had as many. If it had not, its query has met limit.
	Charge(limit cause.Cause, take func(b *Budget, n int32) bool, n int32) bool
}

// NewBudget returns a full budget.
func NewBudget() *Budget {
	b := &Budget{}
	b.Fill(nil)
	return b
}

// Fill fills an empty budget. Its spending is charged to p too, unless p is nil.
func (b *Budget) Fill(p Payer) {
	b.signatures.Store(maxSignatureChecks)
	b.failures.Store(maxSignatureFailures)
	b.mismatches.Store(maxDigestMismatches)
	b.blocks.Store(maxHashBlocks)
	b.payer = p
}

// charge charges the payer, if there is one.
func (b *Budget) charge(limit cause.Cause, take func(*Budget, int32) bool, n int32) bool {
	return b.payer == nil || b.payer.Charge(limit, take, n)
}

// signature pays for one verification before it is done; weight is how much it counts.
func (b *Budget) signature(weight int32) bool {
	return b.failures.Load() > 0 && b.signatures.Add(-weight) >= 0 &&
		b.charge(cause.LimitSignatures, (*Budget).signature, weight)
}

// failed notes that a verification failed, and reports whether another may.
func (b *Budget) failed() bool {
	b.fail(1)
	return b.failures.Load() > 0
}

// fail counts n failed verifications. If the budget cannot pay for them, the next verification is
// refused.
func (b *Budget) fail(n int32) bool {
	b.failures.Add(-n)
	b.charge(cause.LimitSignatures, (*Budget).fail, n)
	return true
}

// digest reports whether one more DS digest may be computed.
func (b *Budget) digest() bool { return b.mayMismatch(1) }

// mayMismatch reports whether n more DS digests may be computed without a match.
func (b *Budget) mayMismatch(n int32) bool {
	return b.mismatches.Load() >= n && b.charge(cause.LimitDigests, (*Budget).mayMismatch, n)
}

// mismatch notes that a digest was computed without a match.
func (b *Budget) mismatch() { b.mismatched(1) }

func (b *Budget) mismatched(n int32) bool {
	b.mismatches.Add(-n)
	b.charge(cause.LimitDigests, (*Budget).mismatched, n)
	return true
}

// hash pays for an NSEC3 hash of so many SHA-1 blocks before it is computed.
func (b *Budget) hash(blocks int32) bool {
	return b.blocks.Add(-blocks) >= 0 && b.charge(cause.LimitNSEC3, (*Budget).hash, blocks)
}
