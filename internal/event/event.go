// Package event tells what happens to queries: a closed set of events with typed fields, which the
// server and the resolver emit where they decide something. Nothing is built unless a [Sink]
// listens, and only sinks make text. What is done is the same whether somebody listens or not.
package event

import (
	"net/netip"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Kind is what has happened.
type Kind uint8

// The kinds, with the fields that they have beside those of all events.
const (
	// Question: a client's question is being resolved.
	Question Kind = iota
	// Answer: it was answered. RCode, Status, Took, Count (packets sent); Failure, if it has one.
	Answer

	// CacheHit: the link is in the cache. Reply, Status, TTL; Failure, if it comes with one.
	CacheHit
	// Synthesis: the link follows from other data in the cache, see Origin. Reply, Status, TTL.
	Synthesis
	// FailureHit: the cache has a failure of the question. Failure.
	FailureHit
	// Refresh: the data in the cache end soon, and are fetched anew. TTL.
	Refresh

	// FetchStart: a fetch begins, for Parent if that is not 0.
	FetchStart
	// FetchJoin: another fetch is waited for, which is Fetch.
	FetchJoin
	// FetchEnd: the fetch has ended. Took and Reply, Status, or Failure.
	FetchEnd

	// Exchange: a server was asked. Zone, Server, Protocol, Took, and RCode and Flags of what it
	// replied, or Cause and Err.
	Exchange
	// Scrub: Count RRsets of a reply are outside of the zone, and left out. Zone, Server.
	Scrub
	// Response: what a reply is worth. Zone, Server, Reply; Target, Count or Cause.
	Response
	// Fallback: a server is asked again, see Form. Zone, Server.
	Fallback

	// Verdict: a response was judged. Zone, Status; Failure.
	Verdict
	// Trust: the trust in a zone was established. Zone, Status; Failure.
	Trust

	// Limit: a limit was met. Cause.
	Limit

	// ClientQuery: a client's query has come to the server. Client, Protocol.
	ClientQuery
	// ClientResponse: the server is done with it. Client, Protocol, Origin, Cause, Took, and RCode
	// and Flags, unless the client hears nothing.
	ClientResponse
	// AnswerHit: memory has the whole answer, see Origin. RCode, and unless it is a prepared one
	// Status; Failure, if it has one.
	AnswerHit
	// Policy: the operator's policy or that of a standard decides, see Decision. Cause, Count.
	Policy
	// Paced: an answer is held back for a moment. Cause.
	Paced

	kinds
)

func (k Kind) String() string {
	return [kinds]string{"question", "answer", "cache hit", "synthesis", "failure hit", "refresh",
		"fetch start", "fetch join", "fetch end", "exchange", "scrub", "response", "fallback",
		"verdict", "trust", "limit", "client query", "query", "answer hit", "policy",
		"paced"}[k]
}

// Form is how a server is asked again, and why.
type Form uint8

// The forms.
const (
	FormNone        Form = iota
	FormTCP              // the reply was truncated, or may be forged
	FormWithoutEDNS      // FORMERR or NOTIMP to EDNS (RFC 6891, section 7)
	FormWithEDNS         // what came without is bogus
	FormCookie           // with the cookie that it wants (RFC 7873, section 5.3)
	FormLowerCase        // it may not bear with random letter case
	FormPlain            // not encrypted
)

func (f Form) String() string {
	return [...]string{"", "over TCP", "without EDNS", "with EDNS", "with its cookie",
		"in lower case", "not encrypted"}[f]
}

// Origin is where an answer, or a result in its alias chain, is from: the one enumeration of the
// server, the resolver and the events.
type Origin uint8

// The origins.
const (
	OriginNone     Origin = iota // there is no answer, and the client hears nothing
	OriginServer                 // an RCODE: the server refuses, cannot read the query, or is full
	OriginLocal                  // the operator's data, special names, class CHAOS
	OriginPrepared               // an answer in wire form
	OriginKnown                  // the caches of the resolver
	OriginReferral               // the same, for a query without RD that nothing else answers
	OriginResolved               // servers that were asked
	OriginPublic                 // those of the public tree, as those of a configured zone failed
	OriginDNAME                  // a DNAME in the cache (RFC 6672, section 3.3)
	OriginChain                  // a DNAME that has come earlier in the same alias chain
	OriginCut                    // a denied name above, in the cache (RFC 8020)
	OriginSpan                   // a span without names, in the cache (RFC 8198)
)

func (o Origin) String() string {
	return [...]string{"none", "server", "local", "prepared", "known", "referral", "resolved",
		"the public tree", "a DNAME", "a DNAME of the same chain", "a denied name above",
		"a denied span"}[o]
}

// Decision is what policy decides.
type Decision uint8

// The decisions.
const (
	DecisionNone    Decision = iota
	DecisionRefused          // the query is refused. Cause
	DecisionDropped          // it is not answered. Cause
	DecisionLocal            // the operator's data answer it
	DecisionSpecial          // it is for a special name (RFC 6761)
	DecisionPrivate          // Count private addresses are left out of the answer. Cause
)

func (d Decision) String() string {
	return [...]string{"", "refused", "dropped", "answered with local data", "a special name",
		"private addresses left out"}[d]
}

// Event is something that has happened. Fields that its kind does not have are zero. It holds
// nothing that is changed later.
type Event struct {
	Kind Kind
	Time time.Time
	// Query is the number of the client's query that it happened for, 0 if for none. A fetch is
	// for the query that began it, whoever waits for it later.
	Query uint64
	// Fetch is the number of the fetch that it happened in, 0 if in none, and Parent that of the
	// one that this is for, 0 if it is for a client.
	Fetch, Parent uint64
	Question      wire.Question

	Zone     wire.Name // whose servers are asked, or who signs
	Target   wire.Name // of an alias, or of a referral
	Server   netip.AddrPort
	Client   netip.AddrPort
	Err      error // of the transport
	Failure  *cause.Failure
	Took     time.Duration
	Count    int
	TTL      uint32
	Flags    uint16
	RCode    wire.RCode
	Protocol transport.Protocol
	Cause    cause.Cause
	Status   wire.Security
	Reply    wire.Kind
	Form     Form
	Origin   Origin
	Decision Decision
}

// Sink is told of events. Event returns at once, and is called by several goroutines. It is given
// a copy, so that telling allocates nothing.
type Sink interface{ Event(Event) }

// both tells two sinks.
type both struct{ a, b Sink }

// Event implements Sink.
func (t both) Event(e Event) {
	t.a.Event(e)
	t.b.Event(e)
}

// Both returns a sink that tells a and b; either may be nil.
func Both(a, b Sink) Sink {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return both{a, b}
}
