package counter

import "sync/atomic"

// Outcomes count what was passed to a writer that nobody waits for: what it has written; what was
// dropped, as more came than it could write; and what was lost, as writing failed.
type Outcomes struct{ Written, Dropped, Lost atomic.Uint64 }
