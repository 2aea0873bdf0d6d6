package fleet

import "bailiwick/internal/counter"

// Writes returns the counters of records that are written.
func (f *Fleet) Writes() *counter.Outcomes { return f.parts.Writes }
