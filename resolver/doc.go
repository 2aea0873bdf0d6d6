// Package resolver iterates from the root to an answer, and from the trust anchor to its proof.
//
// # From the root to an answer
//
// A client asks for www.example.com A. [Resolver.Start] makes a budget and looks the name up; it is
// not in the cache, so a fetch begins (fetch.go) that other clients with the same question join. It
// starts at the deepest delegation known, at worst the root's (walk.go). The root's servers are
// asked for com A (minimise.go; RFC 9156): a server is selected (selection.go) and asked (ask.go,
// tries.go) when the schedule has it (schedule.go), in the form that it takes (ladder.go). It
// refers to com with DS and signatures; the response is classified (response.go) and scrubbed
// (bailiwick.go), and the delegation is stored for as long as its parent allows (delegation.go).
// com's servers are asked for example.com A and refer to example.com, whose servers answer
// www.example.com A.
//
// The answer is validated before it is used (validate.go): the validator finds RRSIGs by
// example.com and returns that it needs the trust in that zone. The DS set, known from the
// referral, and the DNSKEY set, resolved like any other, give that trust (chain.go), and the
// validator verifies. If the answer were bogus, the next server would be asked. A result goes into
// the cache with its status, and to all clients that wait.
//
// # One alias
//
// www is a CNAME for host.example.net. The CNAME is a result of its own, validated and cached
// separately. Records of the target in the response are used only if the target is in the zone that
// answered; here it is not, so the target is asked for at example.net's servers. The cost of all
// results is charged to the client's budget; a name that occurs twice is a loop (aliases.go).
//
// # Failures
//
// A server that times out, refuses, is lame or bogus is reported to the infrastructure cache
// (infra.go) and the next one is tried, so that one good server is enough. If there is none, the
// failure has the cause of the highest rank, is remembered (failures.go; RFC 9520), and reaches the
// client as an Extended DNS Error.
//
// # Limitations
//
// Class IN only. Sub-questions of one resolution are asked one after the other, except for the keys
// of a zone on the way, which are fetched in parallel with the data that they will validate.
//
// # Other programs
//
// This package is the server's engine, and changes with it. Package bailiwick, at the root of the
// module, is the interface of other programs (docs/library.md).
package resolver
