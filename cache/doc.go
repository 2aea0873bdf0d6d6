// Package cache keeps what the resolver has learnt: answers in wire form, RRsets, negative answers,
// denials for aggressive use, delegations, and recent failures.
//
// A cache is a [Cache]: shards by a seeded hash, each a table that is read without a lock, with a
// clock that evicts. The whole key is compared on a hit. The memory of an entry is counted in
// bytes, with its overhead. Or it is a [Packed], with encoded values outside of the heap, for data
// that are many and are seldom used again. [New] divides the configured memory among the caches. An
// insertion evicts until the shard fits again, so the sum never exceeds that memory. Eviction never
// breaks an answer: no entry depends on another, and missing data are fetched again.
//
// Time is absolute: an entry carries the second at which it expires, and the caller passes the
// present time. Data carry their security status. Data fetched with CD=1 have keys of their own,
// and no look-up without CD sees them.
package cache
