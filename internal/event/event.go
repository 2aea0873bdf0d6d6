// Package event describes the course of queries: a closed set of events with typed fields, emitted
// by the server and the resolver where they decide something. Nothing is built without a [Sink],
// and only sinks make text. A sink does not change how a query is handled.
package event

import (
	"net/netip"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Kind is the kind of an event.
type Kind uint8

// The kinds, with the fields that they have besides those of all events.
const (
	// Question: a client's question is being resolved.
	Question Kind = iota
	// Answer: it was answered. RCode, Status, Took, Count (packets sent); Failure, if it has one.
	Answer

	// CacheHit: the result is in the cache. Reply, Status, TTL, Judged; Failure, if it has one.
	CacheHit
	// Synthesis: the result follows from other data in the cache, see Origin. Reply, Status, TTL,
	// Judged.
	Synthesis
	// FailureHit: the cache has a failure of the question. Failure.
	FailureHit
	// Refresh: the data in the cache end soon, and are fetched again. TTL.
	Refresh

	// FetchStart: a fetch begins, for Parent if that is not 0.
	FetchStart
	// FetchJoin: the query waits for another fetch, which is Fetch.
	FetchJoin
	// FetchEnd: the fetch has ended. Took and Reply, Status, or Failure.
	FetchEnd

	// Exchange: a server was asked. Zone, Server, Protocol, Took, and RCode and Flags of its reply,
	// or Cause and Err.
	Exchange
	// Scrub: Count RRsets of a reply are outside of the zone, and were dropped. Zone, Server.
	Scrub
	// CopyAsked: the copy of a zone was asked in place of the zone's servers. Zone, RCode, Reply.
	CopyAsked
	// Response: how a reply was classified. Zone, Server, Reply; Target, Count or Cause.
	Response
	// Subnet: a client's network went with the question. Zone, Server, Sent, Count.
	Subnet
	// Fallback: a server is asked again, see Form. Zone, Server.
	Fallback
	// Deferred: a server that the operator named is down, and asked after all others. Zone,
	// Server, Cause.
	Deferred
	// Health: a server that the operator named does not answer any more, or does again if Cause is
	// None; Took is how long the state before has lasted. Zone, Server. It belongs to no query.
	Health

	// Network: the network has changed, and what it may have been the cause of is forgotten. It
	// belongs to no query.
	Network
	// Forgotten: data at and below Zone are dropped, as the settings have changed there:
	// exceptions, anchors, servers. Count is how many. It belongs to no query.
	Forgotten

	// Exception: the operator has made an exception from validation for the zone, see Cause. Zone.
	Exception
	// Anchor: the trust in a zone begins at trust anchors. Zone, Count.
	Anchor
	// Verdict: a response was validated. Zone, Status, Judged; Failure.
	Verdict
	// Trust: the trust in a zone was established. Zone, Status; Failure.
	Trust

	// Reported: the zone's monitoring agent is told of a failure (RFC 9567). Zone, Failure; Target
	// is the name of the report.
	Reported

	// Limit: a limit was met. Cause.
	Limit

	// ClientQuery: a query of a client has arrived. Client, Protocol.
	ClientQuery
	// ClientResponse: the query is finished. Client, Protocol, Origin, Cause, Took, and RCode and
	// Flags, unless the client gets no response.
	ClientResponse
	// AnswerHit: the cache has the whole answer, see Origin. RCode; Status, unless the answer is a
	// prepared one; Failure, if it has one.
	AnswerHit
	// Policy: the policy of the operator or of a standard applies, see Decision. Cause, Count.
	Policy
	// Paced: an answer is delayed for a moment. Cause.
	Paced

	kinds
)

func (k Kind) String() string {
	return [kinds]string{"question", "answer", "cache hit", "synthesis", "failure hit", "refresh",
		"fetch start", "fetch join", "fetch end", "exchange", "scrub", "copy asked",
		"response", "subnet", "fallback", "deferred", "health", "network", "forgotten", "exception",
		"anchor",
		"verdict", "trust", "reported", "limit", "client query", "query", "answer hit", "policy",
		"paced"}[k]
}

// Form is how a server is asked again, and the reason.
type Form uint8

// The forms.
const (
	FormNone          Form = iota
	FormTCP                // the reply was truncated, or may be forged
	FormWithoutEDNS        // FORMERR or NOTIMP to EDNS (RFC 6891, section 7)
	FormWithEDNS           // the response without EDNS is bogus
	FormCookie             // with the cookie that the server wants (RFC 7873, section 5.3)
	FormLowerCase          // the server may not support random letter case
	FormPlain              // not encrypted
	FormNextWay            // over the next encrypted transport of the configuration
	FormWithoutSubnet      // without the client's network (RFC 7871, section 7.3)
)

func (f Form) String() string {
	return [...]string{"", "over TCP", "without EDNS", "with EDNS", "with its cookie",
		"in lower case", "not encrypted", "over the next transport",
		"without the client's network"}[f]
}

// Origin is the source of an answer, or of a result in its alias chain. The server, the resolver
// and the events share this enumeration.
type Origin uint8

// The origins.
const (
	OriginNone     Origin = iota // there is no answer: the client gets no response
	OriginServer                 // an RCODE: the server refuses, cannot read the query, or is full
	OriginLocal                  // the operator's data, special names, class CHAOS
	OriginPrepared               // an answer in wire form
	OriginKnown                  // the caches of the resolver
	OriginReferral               // the caches, for a query without RD that nothing else answers
	OriginResolved               // authoritative servers or forwarders
	OriginPublic                 // servers of the public tree, as those of a configured zone failed
	OriginDNAME                  // a DNAME in the cache (RFC 6672, section 3.3)
	OriginChain                  // a DNAME earlier in the same alias chain
	OriginCut                    // a denied ancestor of the name, in the cache (RFC 8020)
	OriginSpan                   // a span that covers the name, in the cache (RFC 8198)
	OriginStale                  // what has ended in the cache (RFC 8767)
	OriginFleet                  // the memory that a fleet shares
)

func (o Origin) String() string {
	return [...]string{"none", "server", "local", "prepared", "known", "referral", "resolved",
		"the public tree", "a DNAME", "a DNAME of the same chain", "a denied name above",
		"a denied span", "stale data", "the fleet"}[o]
}

// Decision is a decision of policy.
type Decision uint8

// The decisions.
const (
	DecisionNone    Decision = iota
	DecisionRefused          // the query is refused. Cause
	DecisionDropped          // it is not answered. Cause
	DecisionLocal            // the operator's data answer it
	DecisionSpecial          // it is for a special name (RFC 6761)
	DecisionPrivate          // the answer is refused for Count private addresses. Cause
	DecisionRPZ              // a response policy zone decides. Zone, Target is the rule, Cause
	DecisionDNS64            // Count addresses are made of others (RFC 6147)
	DecisionHook             // a policy step that is compiled in decides. Cause
)

func (d Decision) String() string {
	return [...]string{"", "refused", "dropped", "answered with local data", "a special name",
		"private addresses refused", "a response policy zone", "addresses translated",
		"a policy step of the operator's"}[d]
}

// Event is one event. Fields that its kind does not have are zero. It refers to no memory that is
// changed later.
type Event struct {
	Kind Kind
	Time time.Time
	// Query is the number of the client's query that the event belongs to, 0 if there is none. A
	// fetch belongs to the query that began it, even if others wait for it.
	Query uint64
	// Fetch is the number of the fetch that the event belongs to, 0 if there is none. Parent is the
	// number of the fetch that needs this one, 0 if a client does.
	Fetch, Parent uint64
	Question      wire.Question

	Zone     wire.Name // the zone whose servers are asked, or that signs
	Target   wire.Name // of an alias, or of a referral
	Server   netip.AddrPort
	Client   netip.AddrPort
	Sent     *Tailoring // the network of the client that was sent, or that the answer is for
	Err      error      // of the transport
	Failure  *cause.Failure
	Judged   *Judged // only for a Collector
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

// Served is a response to a client, as metrics count it.
type Served struct {
	Protocol transport.Protocol
	RCode    wire.RCode
	Origin   Origin
	// Status is the result of validation; Unchecked if nothing was validated.
	Status wire.Security
	// Took is how long it took from the arrival of the query in the server to the response, and
	// Weight how many responses are taken to have taken as long. 0: it was not measured.
	Took   time.Duration
	Weight uint32
}

// Tailoring is a client's network that was sent to a server.
type Tailoring struct {
	Network netip.Prefix
	Result  string // what became of it
}

// ClientNetwork returns the network that was sent, or that the answer is for; the zero value if
// there is none.
func (e *Event) ClientNetwork() netip.Prefix {
	if e.Sent == nil {
		return netip.Prefix{}
	}
	return e.Sent.Network
}

// String returns both as text.
func (t *Tailoring) String() string {
	if t == nil {
		return "unknown"
	}
	return t.Network.String() + ": " + t.Result
}

// Judged is what a verdict is about, or what the cache has of a verdict. The sets share the octets
// of the records with others, and nothing else.
type Judged struct {
	Kind   wire.Kind
	Sets   []*wire.RRset // the answer; with the time at which its signature ends, if it is secure
	Proofs []*wire.RRset // SOA, NSEC and NSEC3: those that verified, or all if the verdict is bogus
	// UnsignedCut reports, for a denied DS, that an unsigned delegation is there, or may be.
	UnsignedCut bool
}

// JudgedOf returns what a verdict is about.
func JudgedOf(kind wire.Kind, sets, proofs []*wire.RRset, unsignedCut bool) *Judged {
	return &Judged{kind, copied(sets), copied(proofs), unsignedCut}
}

// copied returns copies of sets: the cache writes into those that it keeps.
func copied(sets []*wire.RRset) []*wire.RRset {
	out := make([]*wire.RRset, len(sets))
	for i, s := range sets {
		c := *s
		out[i] = &c
	}
	return out
}

// Sink receives events. Event returns at once, and is called by several goroutines. It gets a copy,
// so that no event is allocated.
type Sink interface{ Event(Event) }

// Collector is a sink that wants to know what was judged, too: see [Judged].
type Collector interface {
	Sink
	Collects() bool
}

// Collects reports whether a sink wants to know what was judged.
func Collects(s Sink) bool {
	c, ok := s.(Collector)
	return ok && c.Collects()
}

// both passes events to two sinks.
type both struct{ a, b Sink }

// Event implements Sink.
func (t both) Event(e Event) {
	t.a.Event(e)
	t.b.Event(e)
}

// Collects implements Collector.
func (t both) Collects() bool { return Collects(t.a) || Collects(t.b) }

// Both returns a sink that passes events to a and b; either may be nil.
func Both(a, b Sink) Sink {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return both{a, b}
}
