// The budget that a client query shares with all its children.

package validator

import (
	"sync/atomic"

	"bailiwick/internal/cause"
)

// Budget is what a client query and everything it causes may still spend on judging. It is never
// reset; it may be shared between goroutines.
type Budget struct {
	signatures, failures, mismatches, blocks atomic.Int32
	payer                                    Payer // nil if nobody else is charged
}

// Payer finds the budget that is charged for what another spends, as that of a client is for what a
// resolution spends that is made for it.
type Payer interface {
	// Charge takes n of something from the budget that pays now, by calling take, and reports
	// whether that was to be had. One that could not pay has met limit.
	Charge(limit cause.Cause, take func(b *Budget, n int32) bool, n int32) bool
}

// NewBudget returns a full budget.
func NewBudget() *Budget {
	b := &Budget{}
	b.Fill(nil)
	return b
}

// Fill makes a full budget of an empty one. What is spent of it is charged to p too, unless that is
// nil.
func (b *Budget) Fill(p Payer) {
	b.signatures.Store(maxSignatureChecks)
	b.failures.Store(maxSignatureFailures)
	b.mismatches.Store(maxDigestMismatches)
	b.blocks.Store(maxHashBlocks)
	b.payer = p
}

// charge takes something from whoever else pays.
func (b *Budget) charge(limit cause.Cause, take func(*Budget, int32) bool, n int32) bool {
	return b.payer == nil || b.payer.Charge(limit, take, n)
}

// signature pays for one verification before it is done; weight is for how many it counts.
func (b *Budget) signature(weight int32) bool {
	return b.failures.Load() > 0 && b.signatures.Add(-weight) >= 0 &&
		b.charge(cause.LimitSignatures, (*Budget).signature, weight)
}

// failed notes that a verification failed, and reports whether another may.
func (b *Budget) failed() bool {
	b.fail(1)
	return b.failures.Load() > 0
}

// fail notes that n verifications failed. Who cannot pay for that finds out before the next one.
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

// hash pays for an NSEC3 hash of so many blocks before it is done.
func (b *Budget) hash(blocks int32) bool {
	return b.blocks.Add(-blocks) >= 0 && b.charge(cause.LimitNSEC3, (*Budget).hash, blocks)
}
