// The resolver: from a client's question to its answer, result by result.

package resolver

import (
	"math/rand/v2"
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
	"bailiwick/internal/ledger"
	"bailiwick/internal/limit"
	"bailiwick/internal/memcache"
	"bailiwick/internal/rest"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/validator"
	"bailiwick/wire"
)

// Resolver resolves and validates. It is safe for concurrent use.
type Resolver struct {
	cfg       Config
	memory    memory
	validator *validator.Validator
	anchors   *trustanchor.Set
	exchanger transport.Exchanger
	probes    chan struct{} // one for each server that is being probed for encryption
	clock     clock.Clock
	observe   Observer
	events    event.Sink
	guard     *guard.Guard
	rest      *rest.Rest
	routes    Routes
	tap       *dnstap.Tap // nil: no messages are copied
	copies    Copies      // nil if there are none
	fleet     Fleet       // nil if there is none
	views     func() views

	infra        *infraCache
	forwarders   map[forwarderKey]*forwarder // never changed
	fetches      *fetches
	connectivity *connectivity
	refetches    *refetches
	compared     *compared
	timeless     func() *validator.Validator // see compareClock
	reporting    *reporting
	quotas       quotas
	chance       func(n int) int
	subnets      *subnets
	ecsZones     map[wire.Name]bool // never changed
	warmth       atomic.Int32       // how many of the warm keys were fresh the last time

	realms []*Resolver  // those of Parts.Realms
	shared *Resolver    // of a realm's resolver: the one that resolves what is shared; else nil
	name   string       // of the realm
	state  *realmState  // of a realm's resolver
	states *realmStates // of all resolvers that follow each other
}

// Parts are the dependencies of a resolver.
type Parts struct {
	Cache     *cache.Store
	Anchors   *trustanchor.Set
	Exchanger transport.Exchanger
	Clock     clock.Clock
	Observer  Observer
	Events    event.Sink   // nil if no events are wanted
	Guard     *guard.Guard // of the goroutines that no client waits for; it may be nil
	Rest      *rest.Rest   // nil: it never rests
	Routes    Routes       // nil: a route leads to every address
	Tap       *dnstap.Tap  // copies messages to servers and from them; it may be nil
	Copies    Copies       // of zones; nil if there are none
	Fleet     Fleet        // a memory that is shared with other resolvers; nil if there is none
	Realms    []Realm      // other ways of resolving some names
	// Ledger is what queries, refreshes and tries are drawn from; nil: no limit.
	Ledger *ledger.Ledger
	// Chance returns a number from 0 to below n at random, for choices that no attacker gains from
	// knowing; nil for math/rand/v2's.
	Chance func(n int) int
}

// New returns a resolver.
func New(cfg Config, p Parts) *Resolver {
	if cfg.ValidationTime.IsZero() {
		p.Cache.FollowDay(p.Clock.Ahead)
	}
	r := newResolver(cfg, p)
	r.validator = validator.New(r.cfg.Validation)
	r.forwarders = newForwarders(r.cfg.Zones, nil)
	r.probes = make(chan struct{}, maxProbes)
	r.infra = newInfraCache(p.Cache.Share(cache.ShareServers))
	r.memory = newMemory(p.Cache, &r.cfg)
	r.quotas = newQuotas(r, newQuotaCounters(), newQuotaCounters())
	r.connectivity, r.refetches = &connectivity{}, newRefetches()
	r.compared = &compared{}
	r.subnets = newSubnets(r.cfg.ECS.Memory)
	r.reporting, r.states = newReporting(), &realmStates{}
	r.addRealms(p.Realms, nil)
	return r
}

// newResolver returns a resolver without caches of its own.
func newResolver(cfg Config, p Parts) *Resolver {
	if p.Observer == nil {
		p.Observer = nopObserver{}
	}
	if p.Routes == nil {
		p.Routes = routesEverywhere{}
	}
	if p.Chance == nil {
		p.Chance = rand.IntN
	}
	zones := make(map[wire.Name]bool, len(cfg.ECS.Zones))
	for _, z := range cfg.ECS.Zones {
		zones[z] = true
	}
	r := &Resolver{cfg: cfg, ecsZones: zones, anchors: p.Anchors, exchanger: p.Exchanger,
		clock: p.Clock, observe: p.Observer, events: p.Events, guard: p.Guard, rest: p.Rest,
		routes: p.Routes, tap: p.Tap, copies: p.Copies, fleet: p.Fleet, chance: p.Chance,
		fetches: newFetches(p.Guard, p.Ledger, cfg.MaxFlights),
		timeless: sync.OnceValue(func() *validator.Validator {
			return newTimeless(cfg.Validation)
		})}
	r.views = sync.OnceValue(func() views { return r.judgements() })
	return r
}

// Stats are counters of the resolver's own caches.
type Stats struct {
	Servers, Trust, Variants       memcache.Stats
	SignatureHits, SignatureMisses uint64
	Fetches, Refreshes             int  // under way; the latter are among the former
	OwnP256                        bool // see validator.Validator.OwnP256
	Warm, WarmFresh                int  // questions that are kept fresh, and those that are
}

// Stats returns the counters.
func (r *Resolver) Stats() (s Stats) {
	s.Servers, s.Trust = r.infra.cache.Stats(), r.memory.trustStats()
	s.Variants = r.subnets.variants.Stats()
	s.SignatureHits, s.SignatureMisses = r.validator.CacheStats()
	s.OwnP256 = r.validator.OwnP256()
	s.Fetches, s.Refreshes = r.fetches.count()
	s.Warm, s.WarmFresh = len(r.cfg.warmKeys()), int(r.warmth.Load())
	return s
}

// Flush forgets a name, or everything at and below it, for all clients.
func (r *Resolver) Flush(name wire.Name, subtree bool) int {
	r.subnets.forgetZones(name)
	r.forgetShared(name, subtree)
	return r.memory.flush(name, subtree) + r.subnets.forget(name, subtree, wire.TypeNone)
}

// FlushZoneOf drops the delegation, DS, keys and trust of the zone of a name, so that the next
// question sees rolled keys and moved servers. The root's are kept, as everything depends on them.
//
// It is the deepest zone that is known in any realm.
func (r *Resolver) FlushZoneOf(name wire.Name) (zone wire.Name, n int) {
	zone = wire.Root
	r.each(func(o *Resolver) {
		if z := o.memory.zoneOf(name); z.Below(zone) {
			zone = z
		}
	})
	r.forgetShared(zone, false)
	return zone, r.memory.flushZone(zone, name)
}

// Options vary how a question is resolved.
type Options struct {
	CheckingDisabled bool       // return data whether they verify or not (RFC 4035, section 3.2.2)
	Events           event.Sink // for the events of the question; may be nil
	Query            uint64     // the number of the client's query, which its events carry
	// Client is the network that counts as one client when queries have to give way.
	Client netip.Prefix
	Checks *Checks // what [Resolver.Known] has left; nil: nothing is spent
	// Network is what may be sent to servers of the client's address, see [ECS.Network]; zero:
	// nothing.
	Network netip.Prefix
}

// Answer is the outcome of a question.
type Answer struct {
	Question  wire.Question
	RCode     wire.RCode
	Status    wire.Security
	Sets      []*wire.RRset // the alias chain and the answer, in order
	Authority []*wire.RRset // SOA and proofs
	// Additional is what the client is likely to ask for next; only local answers have it.
	Additional []*wire.RRset
	Failure    *cause.Failure
	Sent       int // packets that it took
	// Refresh is the second from which it should be resolved anew, before it ends; 0 if nothing of
	// it is from the cache.
	Refresh int64
	// Compact reports whether the name error is proven by a compact denial: servers and clients may
	// have no error in its place (RFC 9824, section 3.1).
	Compact bool
	// Synthesised reports whether its end follows from denials of other names (RFC 8198).
	Synthesised bool
	WholeSpan   bool // a name error that holds for the whole span that the name is in
	// NoCache reports whether the answer must not be cached: the operator wants it so, fresher data
	// are being fetched, or it can be made again as cheaply.
	NoCache bool
	// Scope is how many bits of the client's network it is for; 0: it is for all (RFC 7871, section
	// 7.2.2).
	Scope int
	// Stale is why data of it are stale, if they are. KeepFor is how long it may be cached then, or
	// if policy has left no record in it.
	Stale   StaleReason
	KeepFor time.Duration
}

// checks reports whether a name is validated: there is a trust anchor above it, and no negative
// one.
func (r *Resolver) checks(name wire.Name) bool {
	_, decided := r.policyTrust(name)
	return !decided
}

// Failed returns why the question fails, or would without stale data; nil if it does not.
func (a *Answer) Failed() *cause.Failure {
	switch {
	case a.Failure == nil:
		return nil
	case a.RCode == wire.RCodeServFail:
		return a.Failure
	case a.Stale != StaleNone:
		return a.Failure.Under
	}
	return nil
}

func (a *Answer) fail(f *cause.Failure) *Answer {
	status := wire.Unchecked
	if f.Cause.Kind() == cause.KindDNSSEC {
		status = wire.Bogus
	}
	return &Answer{Question: a.Question, RCode: wire.RCodeServFail, Status: status, Failure: f}
}

// resolveResult returns one result: from the cache, from a running fetch, or by resolving it. It
// spends from the budget w. parent is the fetch that needs the result, nil for a client.
func (r *Resolver) resolveResult(k fetchKey, w *budget, parent *fetch, depth int, t trail) (
	*result, *cause.Failure) {
	r, k.Key = r.home(k.Key)
	ended := r.fetches.landed.of(k)
	for {
		before := ended.Load()
		l, fail, stale := r.recalled(k, w.validation, depth, depth == 0 && r.mayBeStale(k.Key))
		if l != nil || fail != nil {
			if t.sink != nil {
				t.known(k.Key, l, fail)
			}
			return l, fail
		}
		if stale && w.query != nil {
			w.query.expect()
		}
		f, how := r.fetches.join(k, w, parent)
		switch how {
		case joinCycle:
			return nil, cause.New(cause.DependencyLoop, k.Name, "%s", k.Type)
		case joinFull:
			return nil, cause.New(cause.Overload, nil, "%d wait for %s", MaxWaiters, k.Name)
		case joinEnded:
			return nil, w.err()
		case joinSubnets:
			limit.SubnetFetches.Met()
			l, fail := r.resolveResult(fetchKey{Key: k.Key}, w, parent, depth, t)
			if fail != nil {
				return nil, fail
			}
			return l.narrowed(k.network), nil
		case joinWait:
			if t.sink != nil {
				t.fetched(event.FetchJoin, k.Key, f.id)
			}
			l, fail, again := r.fetches.wait(f, w, parent)
			if again {
				continue
			}
			return l, fail
		}
		x := r.runOf(f, depth, t)
		x.late = ended.Load() != before
		return x.lead()
	}
}

// runOf prepares a fetch to be resolved.
func (r *Resolver) runOf(f *fetch, depth int, t trail) *resolution {
	f.run = resolution{r: r, q: keyQuestion(f.key.Key), cd: f.key.Unchecked, fetch: f,
		budget: &f.budget, depth: depth, trail: t.begin(f.key.Key, f),
		network: f.key.network, flushes: r.memory.flushes()}
	return &f.run
}

// panicked is the failure of a fetch that panics. It is immutable.
var panicked = &cause.Failure{Cause: cause.InternalError}

// lead resolves the result and gives it to all waiters. If it panics, the waiters get the failure
// panicked, the fetch leaves the table, and the panic goes on to the caller.
func (x *resolution) lead() (l *result, f *cause.Failure) {
	f = panicked // the outcome, if resolve panics
	defer func() {
		if x.sink != nil {
			x.ended(l, f, time.Since(x.fetch.began))
		}
		x.r.fetches.land(x.fetch, l, f)
	}()
	if x.sink != nil {
		x.excepted()
	}
	l, f = x.resolveFor()
	x.releaseClaim()
	if f == nil {
		x.r.memory.succeeded(x.keyOf(x.q))
		return l, nil
	}
	f = x.budget.spentOn(f)
	if (f.Cause.Kind() == cause.KindNetwork || f.Cause == cause.LimitTime && f.Under != nil) &&
		x.r.infra.uplink.isDown() {
		down := cause.New(cause.UplinkDown, nil, "").Within(cause.ScopeLink)
		down.Under = f
		f = down
	}
	f = x.suspectNetwork(f)
	if x.r.cfg.ErrorReporting {
		x.tellAgent(f)
	}
	if x.fetch.private || x.r.memory.recoveries.outdated(f, x.fetch.began) {
		return nil, f
	}
	if f.HeldAgainst() == cause.ScopeLink {
		x.r.connectivity.failed.Store(true)
	}
	x.r.memory.putFailure(x.keyOf(x.q), f, x.own(), x.budget.heard.Load() != 0, x.r.clock.Now())
	return nil, f
}
