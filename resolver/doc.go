// Package resolver is the walk from the root to an answer, and from the trust anchor to its proof.
//
// # One referral walk
//
// A client asks for www.example.com A. [Resolver.Resolve] begins a budget and looks for the first
// link of the answer: not in the cache, so a fetch begins that others who ask the same will join.
// The walk starts at the deepest delegation known, the root's. The root's servers are asked for com
// A (RFC 9156): ask picks a server, sends, hears a referral to com with DS and signatures; scrub
// keeps what the root may say, and the delegation is stored for as long as its parent said. com's
// servers are asked for example.com A, refer to example.com; its servers are asked for
// www.example.com A and answer.
//
// The answer is judged before anyone sees it: the validator finds RRSIGs by example.com and says
// that it needs the trust in that zone; trust asks for DS (known from the referral) and DNSKEY (a
// question like any other), and the validator verifies. Were it bogus, the next server would be
// asked. What is believed goes into the cache with its status, and to everyone who waits.
//
// # One alias
//
// www is a CNAME for host.example.net. The CNAME is a link of its own, judged and cached by itself.
// What the answer says of the target counts only if the target is in the zone that answered; here
// it is not, so the next link is asked for at example.net's servers. What each link costs is
// charged to the client's budget; coming back to a name is a loop.
//
// # The unhappy path
//
// A server that times out, refuses, is lame or bogus is reported through one door (servers.go) and
// the next is tried; so one good server is enough. If none is, the failure carries the most telling
// cause seen, it is remembered (RFC 9520), and the client hears it as an Extended DNS Error.
//
// # Limitations
//
// Class IN only. Sub-questions of one resolution are asked one after the other, but for the keys of
// a zone on the way, which are asked for beside what they will judge.
package resolver
