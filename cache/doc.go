// Package cache is what the resolver knows: answers in wire form, RRsets, negative answers, denials
// for aggressive use, delegations, zones' keys, servers, and recent failures.
//
// A cache is a [Cache]: shards by a seeded hash, each a table that is read without a lock and a
// clock that evicts, the whole key compared on a hit, accounted in octets with the entry's own
// overhead. Or it is a [Packed], which keeps values serialised, outside of the heap,
// for what is many and seldom asked for again. [New] divides one configured figure among them; an
// insertion evicts until the shard fits again, so the sum never exceeds the figure. Evicting never
// breaks an answer: every entry stands by itself, and whatever is missing is fetched again.
//
// Time is absolute: an entry carries the second at which it expires, and the caller passes the
// present time. Data carry their security status. Data fetched with CD=1 have keys of their own,
// and no look-up without CD sees them.
package cache
