// Package simulate invents internets and clients from a seed, lets a whole server answer them in
// virtual time, and compares each answer with the truth.
//
// A [World] is data: zones and how they are signed, their servers and what is wrong with them, the
// network between, and what clients ask when. [Generate] makes one from a seed. [Run] plays it on
// the lab and returns its [Story] with all that broke a rule. The truth is computed from the
// zones' data alone (truth.go), what the faults allow from the world (expect.go); neither calls
// the resolver's code. [Reduce] finds the fewest events with which a rule is still broken.
//
// docs/simulation.md has the rules and how to use it.
package simulate
