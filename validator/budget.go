// The budget that a client query shares with all its children.

package validator

import "sync/atomic"

// Budget is what a client query and everything it causes may still spend on judging. It is never
// reset; it may be shared between goroutines.
type Budget struct {
	signatures, failures, mismatches, blocks atomic.Int32
}

// NewBudget returns a full budget.
func NewBudget() *Budget {
	b := &Budget{}
	b.signatures.Store(MaxSignatureChecks)
	b.failures.Store(MaxSignatureFailures)
	b.mismatches.Store(MaxDigestMismatches)
	b.blocks.Store(MaxHashBlocks)
	return b
}

// signature pays for one verification before it is done; weight is for how many it counts.
func (b *Budget) signature(weight int32) bool {
	return b.failures.Load() > 0 && b.signatures.Add(-weight) >= 0
}

// failed notes that a verification failed, and reports whether another may.
func (b *Budget) failed() bool { return b.failures.Add(-1) > 0 }

// digest reports whether one more DS digest may be computed.
func (b *Budget) digest() bool { return b.mismatches.Load() > 0 }

// mismatch notes that a digest was computed in vain.
func (b *Budget) mismatch() { b.mismatches.Add(-1) }

// hash pays for an NSEC3 hash of so many blocks before it is done.
func (b *Budget) hash(blocks int) bool { return b.blocks.Add(int32(-blocks)) >= 0 }

// Full reports whether nothing has been spent.
func (b *Budget) Full() bool {
	return b.signatures.Load() == MaxSignatureChecks && b.failures.Load() == MaxSignatureFailures &&
		b.mismatches.Load() == MaxDigestMismatches && b.blocks.Load() == MaxHashBlocks
}

// Spent tells how many verifications the query has cost, dear ones by their weight.
func (b *Budget) Spent() int { return MaxSignatureChecks - max(0, int(b.signatures.Load())) }
