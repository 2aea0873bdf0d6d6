// Package server takes one client query from packet to response, by a pipeline of steps: see
// pipeline.go. A repeated question finds a prepared answer in wire form: the server looks it up,
// patches ID, flags, letter case and TTLs, and appends OPT, without any allocation.
package server

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/dnstap"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/internal/hook"
	"bailiwick/internal/ledger"
	"bailiwick/internal/policy"
	"bailiwick/internal/recorder"
	"bailiwick/internal/rest"
	"bailiwick/internal/trouble"
	"bailiwick/internal/workers"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Config is what the operator decides about serving. It is complete and immutable.
type Config struct {
	UDPSize uint16 // most octets of a response over UDP
	Cookies bool
	// Secret is the secret of the server cookies; nil: the server makes a random one. Cookies made
	// with OtherSecrets are accepted too.
	Secret       *[16]byte
	OtherSecrets [][16]byte
	// CookieRotation is how often cookies get another secret, which is derived from Secret and the
	// time; 0: never.
	CookieRotation time.Duration

	AnyFull  bool // ANY is answered in full over UDP too
	NSBeside bool // the NS set of the zone, and addresses of hosts, are added to data
	Rotate   bool // the records of a set are rotated in each response (RFC 1794)
	NSID     []byte
	Identity string // id.server and hostname.bind; "" refuses
	Version  string // version.server and version.bind; "" refuses
	EDE      bool
	Special  bool // answer special-use names here (RFC 6761)
	// SpecialServer is the MNAME of their zones; zero: each zone itself.
	SpecialServer wire.Name
	// Ordinary are special zones that are resolved as any other.
	Ordinary []wire.Name
	// BareRefusals answers clients that may not ask with REFUSED alone: without their question and
	// without a reason, in fewer octets than they sent.
	BareRefusals bool
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config {
	return Config{UDPSize: defaultUDPSize, Cookies: true, Rotate: true, EDE: true, Special: true}
}

// Observer receives counts of events. Its methods return at once and allocate nothing.
type Observer interface {
	Query(p transport.Protocol, t wire.Type)
	Response(event.Served)
	ServFail(c cause.Cause)
	Limit(c cause.Cause)
	// Unvalidated is called for an answer that is served although it did not verify, with the
	// reason.
	Unvalidated(c cause.Cause)
	// Cookie is called for a query with a cookie (RFC 7873).
	Cookie(kind event.CookieKind)
	// Refused is called for a query that was refused or dropped because of its client or its
	// question, or that its client has abandoned.
	Refused(c cause.Cause)
	// Paced is called for an answer that is delayed for a moment.
	Paced()
	// Stale is called for an answer from stale data.
	Stale(why resolver.StaleReason)
	// Local is called for an answer that is made here.
	Local(from policy.Source, outcome policy.Outcome)
	// PrivateAnswer is called for an answer that is refused because it has private addresses.
	PrivateAnswer()
}

// Incidents keeps the record of what is broken. Its methods return at once and allocate nothing.
type Incidents interface {
	// Failed is called for each query that fails, or that would without stale data or the
	// operator's exceptions. It reports whether a log line is due, and for the line how many
	// queries have failed so for the zone at fault, and from about how many networks.
	Failed(q wire.Question, client netip.Addr, f *cause.Failure, o cause.Outcome) (queries uint64,
		networks int, due bool)
	// Secure is called for so many secure answers of a client; of prepared answers, for some.
	Secure(client netip.Addr, answers uint64)
	// Resolved is called when servers have given the answer to a question.
	Resolved(name wire.Name)
}

// QueryLog receives the ends of queries ([event.ClientResponse]). Its methods return at once.
type QueryLog interface {
	event.Sink
	// Wants reports whether the query that ends now is wanted; it allocates nothing.
	Wants() bool
}

// Server answers the queries of its handlers.
type Server struct {
	cfg      *Config
	own      atomic.Pointer[ownSecrets] // of cookies, where the configuration has none
	resolver *resolver.Resolver
	cache    *cache.Store
	clock    clock.Clock
	observe  Observer
	broken   Incidents          // may be nil
	recorder *recorder.Recorder // the same
	events   event.Sink         // may be nil
	guard    *guard.Guard
	rest     *rest.Rest
	ledger   *ledger.Ledger
	log      *slog.Logger
	notify   func(from netip.Addr, packet []byte) ([]byte, bool) // may be nil
	hooks    *hook.Chain
	// hooksPerClient is what it says of itself, for the step prepared.
	hooksPerClient bool

	requests sync.Pool // of *request
	serving  atomic.Int32
	notReady atomic.Pointer[cause.Failure] // why clients are not to be sent here; nil: they are
	workers  *workers.Pool                 // of resolutions
	pace     *pacer

	lines, refused trouble.Lines // of failures, of refused clients
	privates       trouble.Lines // of answers without their private addresses
	stale          trouble.Lines // of answers from stale data
	limits         trouble.Lines // of networks that begin to be limited
	informs        trouble.Lines // of questions for names in zones of the type inform
	queries        atomic.Uint64 // the number of the last query, counted if there is a sink

	// asked has the rates of queries, and told those of responses; nil until any is limited.
	asked, told atomic.Pointer[buckets]

	mu       sync.Mutex
	prefixes map[netip.Prefix]int // queries in work; guarded by mu
}

// Parts are the dependencies of a server.
type Parts struct {
	Resolver *resolver.Resolver
	Cache    *cache.Store
	Clock    clock.Clock
	Observer Observer
	// Incidents and Recorder may be nil.
	Incidents Incidents
	Recorder  *recorder.Recorder
	Events    event.Sink   // may be nil
	Guard     *guard.Guard // without one a query that panics ends the process
	Rest      *rest.Rest   // stirred by what is not answered from memory; may be nil
	// Ledger is what pending queries are drawn from; nil: no limit.
	Ledger *ledger.Ledger
	Log    *slog.Logger
	// Notify returns the response to a NOTIFY request (RFC 1996), and whether it is for a zone that
	// is kept; nil: there are none.
	Notify func(from netip.Addr, packet []byte) (answer []byte, mine bool)
	// Hooks are policy steps that the operator has compiled in; nil: there are none.
	Hooks *hook.Chain
}

// New returns a server.
func New(cfg Config, p Parts) *Server {
	s := &Server{cfg: &cfg, resolver: p.Resolver, cache: p.Cache, clock: p.Clock,
		observe: p.Observer, broken: p.Incidents, recorder: p.Recorder,
		events: p.Events, guard: p.Guard, rest: p.Rest, ledger: p.Ledger, log: p.Log,
		notify: p.Notify, hooks: p.Hooks, hooksPerClient: p.Hooks.PerClient(),
		prefixes: map[netip.Prefix]int{}, workers: workers.New(maxIdleWorkers)}
	s.lines.Most, s.refused.Most, s.privates.Most = maxLogLines, MaxRefusedLines, MaxRefusedLines
	s.stale.Most, s.informs.Most, s.limits.Most = MaxRefusedLines, maxLogLines, MaxRefusedLines
	s.pace = newPacer(p.Observer, p.Guard, p.Ledger)
	s.RenewSecret()
	s.requests.New = func() any { return &request{server: s, checks: new(resolver.Checks)} }
	return s
}

// Handler answers the clients of one listener, by its rules. It is a transport.Handler.
type Handler struct {
	server *Server
	rules  atomic.Pointer[Rules]
}

// Rules are the configuration for the queries of a handler. They are immutable.
type Rules struct {
	*Config
	// Resolver resolves them; nil for that of the server.
	Resolver *resolver.Resolver
	Access   *policy.ACL
	View     *policy.View // of clients for whom Access has no view
	Events   event.Sink   // may be nil
	Listener string       // what it is called in the log
	Tally    Tally        // may be nil
	Log      QueryLog     // may be nil
	// Tap copies messages of clients; nil: none are copied. Local is the address that they are sent
	// to; its port alone may be known.
	Tap   *dnstap.Tap
	Local netip.AddrPort
	// ViewLogs are those of views that have one of their own (policy.View.Log); nil ones log
	// nothing.
	ViewLogs []QueryLog

	// Keys are the views of clients that sign their queries, by the name of the key.
	Keys map[wire.Name]SignedView

	secrets *secretSource // of cookies
}

// Handler returns a handler for the clients that an ACL allows, under the server's configuration.
func (s *Server) Handler(acl *policy.ACL, v *policy.View) *Handler {
	h := &Handler{server: s}
	h.Replace(Rules{Config: s.cfg, Resolver: s.resolver, Access: acl, View: v,
		Events: s.events})
	return h
}

// Replace sets the rules for later queries. Those in work keep the rules that they began with.
func (h *Handler) Replace(r Rules) {
	if r.Resolver == nil {
		r.Resolver = h.server.resolver
	}
	r.secrets = newSecretSource(r.Config, h.server.own.Load())
	if old := h.rules.Load(); old != nil {
		r.secrets = r.secrets.follow(old.secrets, h.server.dayNow())
	}
	h.rules.Store(&r)
}

// Drain waits until the queries in work are answered, and reports whether they are; it does not
// wait longer than until ctx ends.
func (s *Server) Drain(ctx context.Context) bool {
	tick := time.NewTicker(drainTick)
	defer tick.Stop()
	for s.serving.Load() > 0 {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
	return true
}

// drainTick is the time between two looks at what is in work.
const drainTick = 5 * time.Millisecond

// Close waits until the queries in work are answered. A resolver that is closed before has ended
// its own with SERVFAIL.
func (s *Server) Close() {
	s.workers.Close()
	s.pace.close()
}

// admit counts a query in, or returns why it may not enter. Queries with a proven address are
// counted together with the others, but still find room when the others, any of which may be
// forged, do not. While memory is short, a client network that has as many as others on average has
// to wait for their end; so the memory that is left is for those that have few. A query for which
// there is none does not enter.
func (s *Server) admit(a netip.Addr, proven bool) *cause.Failure {
	p := transport.ClientPrefix(a)
	if f := s.enter(p, proven); f != nil {
		return f
	}
	if !s.ledger.Draw(ledger.Queries, queryBytes) {
		s.leave(p)
		return &cause.Failure{Cause: cause.Overload}
	}
	return nil
}

// enter is the part of admit that counts queries.
func (s *Server) enter(p netip.Prefix, proven bool) *cause.Failure {
	most := MaxPerPrefix
	if proven {
		most = maxPerProvenPrefix
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.serving.Load() >= MaxServing:
		return &cause.Failure{Cause: cause.Overload}
	case s.prefixes[p] >= most, s.ledger.Short() && s.prefixes[p] > 0 &&
		s.prefixes[p] >= int(s.serving.Load())/len(s.prefixes):
		return &cause.Failure{Cause: cause.LimitClient}
	}
	s.prefixes[p]++
	s.serving.Add(1)
	return nil
}

// release counts a query out. A query whose client has hung up keeps its place for hangUpTime, but
// not its memory.
func (s *Server) release(a netip.Addr, hungUp bool) {
	s.ledger.Add(ledger.Queries, -queryBytes)
	if p := transport.ClientPrefix(a); hungUp {
		time.AfterFunc(hangUpTime, func() { s.leave(p) })
	} else {
		s.leave(p)
	}
}

func (s *Server) leave(p netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prefixes[p]--; s.prefixes[p] <= 0 {
		delete(s.prefixes, p)
	}
	s.serving.Add(-1)
}
