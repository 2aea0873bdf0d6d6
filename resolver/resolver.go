// The resolver: from a client's question to its answer, link by link.

package resolver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/dchest/siphash"
	lru "github.com/hashicorp/golang-lru/v2"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/internal/memcache"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/validator"
	"bailiwick/wire"
)

// Resolver resolves and validates. It is safe for concurrent use.
type Resolver struct {
	cfg       Config
	cache     *cache.Store
	validator *validator.Validator
	anchors   *trustanchor.Set
	exchanger transport.Exchanger
	probes    chan struct{} // one for each server that is being probed for encryption
	clock     clock.Clock
	observe   Observer
	events    event.Sink
	guard     *guard.Guard

	servers      *servers
	trusts       trusts
	flights      flights
	link         *linkState
	refetches    *refetches
	cookieSecret [2]uint64

	mu     sync.Mutex
	active []*topLevel // resolutions for clients, oldest first; guarded by mu
	ended  int         // of them; guarded by mu
	when   func() time.Time
}

// topLevel is a client's resolution under way.
type topLevel struct {
	cancel context.CancelCauseFunc
	done   bool
}

// Parts are what a resolver works with.
type Parts struct {
	Cache     *cache.Store
	Anchors   *trustanchor.Set
	Exchanger transport.Exchanger
	Clock     clock.Clock
	Observer  Observer
	Events    event.Sink   // nil if nobody listens
	Guard     *guard.Guard // of the goroutines that no client waits for; it may be nil
	// ValidationTime, if set, is the time signatures are judged at in place of the clock's time of
	// day.
	ValidationTime func() time.Time
}

// New returns a resolver.
func New(cfg Config, p Parts) *Resolver {
	if p.ValidationTime == nil {
		p.Cache.FollowDay(p.Clock.Ahead)
	}
	r := newResolver(cfg, p)
	r.validator = validator.New(r.cfg.Validation)
	r.probes = make(chan struct{}, MaxProbes)
	r.servers = newServers(cache.Share(r.cfg.Memory, cache.ShareServers))
	r.trusts = newTrusts(cache.Share(r.cfg.Memory, cache.ShareTrust), p.Cache.RRsets)
	zones, _ := lru.New[wire.Name, time.Time](maxRefetches) // fails for a size of 0 only
	r.link, r.refetches = &linkState{}, &refetches{zones: zones}
	if err := binary.Read(rand.Reader, binary.NativeEndian, &r.cookieSecret); err != nil {
		panic("resolver: no random source: " + err.Error())
	}
	return r
}

// newResolver returns a resolver that has no memory yet.
func newResolver(cfg Config, p Parts) *Resolver {
	if cfg.Port == 0 {
		cfg.Port = 53
	}
	if cfg.MaxAliases == 0 {
		cfg.MaxAliases = MaxAliases
	}
	if cfg.MaxFlights == 0 {
		cfg.MaxFlights = MaxFlights
	}
	if cfg.Memory == 0 {
		cfg.Memory = cache.DefaultMemory
	}
	if p.Observer == nil {
		p.Observer = Quiet{}
	}
	if p.ValidationTime == nil {
		p.ValidationTime = func() time.Time { return clock.Wall(p.Clock) }
	}
	return &Resolver{cfg: cfg, cache: p.Cache, anchors: p.Anchors, exchanger: p.Exchanger,
		clock: p.Clock, observe: p.Observer, events: p.Events, guard: p.Guard,
		when:    p.ValidationTime,
		flights: flights{all: map[cache.Key]*flight{}}}
}

// clockFor is the time that signatures are judged at.
func (r *Resolver) clockFor() time.Time { return r.when() }

// clientCookie is ours for a server (RFC 7873, section 4.1; RFC 9018, section 3): it tells nobody who we are.
func (r *Resolver) clientCookie(a netip.Addr) (c [8]byte) {
	b := a.As16()
	binary.LittleEndian.PutUint64(c[:], siphash.Hash(r.cookieSecret[0], r.cookieSecret[1], b[:]))
	return c
}

// Stats are counters of the resolver's own caches.
type Stats struct {
	Servers, Trust                 memcache.Stats
	SignatureHits, SignatureMisses uint64
	Flights                        int
	OwnP256                        bool // see validator.Validator.OwnP256
}

// Stats returns the counters.
func (r *Resolver) Stats() (s Stats) {
	s.Servers, s.Trust = r.servers.cache.Stats(), r.trusts.cache.Stats()
	s.SignatureHits, s.SignatureMisses = r.validator.CacheStats()
	s.OwnP256 = r.validator.OwnP256()
	r.flights.mu.Lock()
	s.Flights = len(r.flights.all)
	r.flights.mu.Unlock()
	return s
}

// Flush forgets a name, or everything at and below it.
func (r *Resolver) Flush(name wire.Name, subtree bool) int {
	return r.cache.Flush(name, subtree) + r.trusts.cache.RemoveFunc(func(n wire.Name) bool {
		return n == name || subtree && n.Within(name)
	})
}

// FlushZoneOf forgets what the zone of a name is found and judged by, so that keys that were rolled
// or servers that have moved are seen at the next question. The root's stay: all depends on them.
func (r *Resolver) FlushZoneOf(name wire.Name) (zone wire.Name, n int) {
	if zone = r.cache.ZoneOf(name); zone.IsRoot() {
		return zone, 0
	}
	n = r.trusts.cache.RemoveFunc(func(t wire.Name) bool { return t.Within(zone) && name.Within(t) })
	return zone, n + r.cache.FlushZone(zone)
}

// Options vary how a question is resolved.
type Options struct {
	CheckingDisabled bool       // return data whether they verify or not (RFC 4035, section 3.2.2)
	Events           event.Sink // of what is resolved for it; nil if nobody listens
}

// Answer is what became of a question.
type Answer struct {
	Question  wire.Question
	RCode     wire.RCode
	Status    wire.Security
	Sets      []*wire.RRset // the alias chain and the answer, in order
	Authority []*wire.RRset // SOA and proofs
	// Additional is what the client is likely to ask next; only answers that are made here have it.
	Additional []*wire.RRset
	Failure    *cause.Failure
	Sent       int // packets that it took
	// Refresh is the second from which it should be resolved anew, before it ends; 0 if nothing of it is from the cache.
	Refresh int64
	Gap     bool // a name error that holds for the whole gap that the name is in
	NoCache bool // not to be kept: the operator wants it so, better data are on their way, or it is as cheap to make again
}

// Resolve answers a question. It never fails: what cannot be resolved is SERVFAIL with its Failure.
func (r *Resolver) Resolve(ctx context.Context, q wire.Question, o Options) *Answer {
	b, done := r.takeOff(ctx)
	defer done()
	t := trail{sink: event.Both(r.events, o.Events)}
	var began time.Time
	if t.sink != nil {
		e := t.of(event.Question, q)
		began = e.Time
		t.sink.Event(e)
	}
	a := r.chainOf(q, o.CheckingDisabled, func(k cache.Key) (*link, *cause.Failure) {
		return r.resolveLink(k, nil, b, 0, t)
	})
	if a.Sent = b.sent(); t.sink != nil {
		t.answered(a, time.Since(began))
	}
	if a.Failure != nil && a.Failure.Cause.Kind() == cause.KindLimit {
		r.observe.Limit(a.Failure.Cause)
		if t.sink != nil {
			e := t.of(event.Limit, q)
			e.Cause = a.Failure.Cause
			t.sink.Event(e)
		}
	}
	return a
}

// Known answers from memory, failures included; nil if something would have to be asked for. It does not block.
func (r *Resolver) Known(q wire.Question, cd bool) *Answer {
	b := validator.NewBudget()
	return r.chainOf(q, cd, func(k cache.Key) (*link, *cause.Failure) { return r.remembered(k, b, 0) })
}

// takeOff registers a client's resolution, and gives it a budget. Beyond the limit the oldest gives way: it has had its chance.
func (r *Resolver) takeOff(ctx context.Context) (*Budget, func()) {
	b, cancel := newBudget(ctx, MaxTime)
	t := &topLevel{cancel: cancel}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active = append(r.active, t)
	for len(r.active)-r.ended > r.cfg.MaxFlights {
		old := r.active[0]
		r.active = r.active[1:]
		if old.done {
			r.ended--
			continue
		}
		old.done = true
		old.cancel(&cause.Failure{Cause: cause.Overload})
	}
	return b, func() {
		r.signOff(t)
		cancel(nil)
	}
}

// signOff notes that a resolution has ended.
func (r *Resolver) signOff(t *topLevel) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !t.done {
		t.done = true
		r.ended++
	}
	if r.ended > len(r.active)/2 {
		r.sweep()
	}
}

// sweep drops what has ended from the list. mu is held.
func (r *Resolver) sweep() {
	live := r.active[:0]
	for _, t := range r.active {
		if !t.done {
			live = append(live, t)
		}
	}
	clear(r.active[len(live):])
	r.active, r.ended = live, 0
}

// chainOf follows the alias chain; next gives each link, or its failure. Where next gives neither, there is no answer.
func (r *Resolver) chainOf(q wire.Question, cd bool, next func(cache.Key) (*link, *cause.Failure)) *Answer {
	a := &Answer{Question: q, Status: wire.Secure}
	var seen []wire.Name
	for name := q.Name; ; {
		seen = append(seen, name)
		k := cache.Key{Name: name, Type: q.Type, Unchecked: cd && r.checks(name)}
		l, f := r.madeLink(a.Sets, k), (*cause.Failure)(nil)
		if l == nil {
			l, f = next(k)
		}
		switch {
		case f != nil:
			return a.fail(r.forOperator(name, f))
		case l == nil:
			return nil
		}
		a.Status, a.NoCache = min(a.Status, l.status), a.NoCache || l.noCache || l.ending() || l.derived
		if l.refresh > 0 && (a.Refresh == 0 || l.refresh < a.Refresh) {
			a.Refresh = l.refresh
		}
		a.Sets = appendNew(a.Sets, l.sets)
		if a.Failure == nil {
			a.Failure = l.failure
		}
		a.Authority = appendNew(a.Authority, l.proofs)
		if l.own != nil {
			a.Authority = appendNew(a.Authority, []*wire.RRset{l.own})
		}
		switch {
		case l.kind == kindNXDomain:
			a.RCode, a.Gap = wire.RCodeNXDomain, l.gap && len(seen) == 1
			return a
		case l.tooLong:
			a.RCode = wire.RCodeYXDomain // RFC 6672, section 2.2
			if a.Failure == nil {
				a.Failure = cause.New(cause.AliasTooLong, nil, "%s", name)
			}
			return a
		case l.kind != kindAlias:
			return a
		case l.target == name:
			// There is no chain to follow: what the zone says is shown, with the reason, as Unbound
			// 1.26 does. BIND 9.18, Knot Resolver and older Unbounds say SERVFAIL, as we do for
			// longer loops (RFC 1034, section 3.6.2: an error).
			a.Failure = cause.New(cause.AliasLoop, nil, "%s", name)
			return a
		case slices.Contains(seen, l.target), l.growing():
			return a.fail(cause.New(cause.AliasLoop, nil, "%s", l.target))
		case len(seen) > r.cfg.MaxAliases:
			return a.fail(cause.New(cause.LimitAliases, nil, "%s", q.Name))
		}
		name = l.target
	}
}

// madeLink makes a link from an unsigned DNAME that has come earlier in the same chain. It speaks
// for no other query, but in its own it need not be asked for again: a loop of DNAMEs costs
// little.
func (r *Resolver) madeLink(chain []*wire.RRset, k cache.Key) *link {
	for _, s := range chain {
		if s.Type != wire.TypeDNAME || s.Security == wire.Secure || !k.Name.Below(s.Name) ||
			!r.speaksFor(s.Name, k) {
			continue
		}
		if l, _ := aliasFromDNAME(k.Name, s); l != nil {
			l.derived = true
			return l
		}
	}
	return nil
}

// growing reports whether a link is a DNAME that leads below itself: names become longer without
// end.
func (l *link) growing() bool {
	if l.kind != kindAlias || l.sets[0].Type != wire.TypeDNAME {
		return false
	}
	to, ok := wire.TargetName(l.sets[0].Data.First())
	return ok && to.Within(l.sets[0].Name)
}

// appendNew adds the sets of a further link that the answer does not have yet: links may share a
// DNAME, an SOA or a proof, and a message has a set once (RFC 2181, section 5).
func appendNew(have, sets []*wire.RRset) []*wire.RRset {
	if len(have) == 0 {
		return append(have, sets...)
	}
	for _, s := range sets {
		if wire.Find(have, s.Name, s.Type) == nil {
			have = append(have, s)
		}
	}
	return have
}

// checks says whether there is anything to check about a name: a trust anchor above it.
func (r *Resolver) checks(name wire.Name) bool {
	_, decided := r.policyTrust(name)
	return !decided
}

func (a *Answer) fail(f *cause.Failure) *Answer {
	status := wire.Unchecked
	if f.Cause.Kind() == cause.KindDNSSEC {
		status = wire.Bogus
	}
	return &Answer{Question: a.Question, RCode: wire.RCodeServFail, Status: status, Failure: f}
}

// remembered returns a link that is known or follows from what is, or the failure that is known; neither if somebody has to be asked.
// Unchecked keys are content with checked data.
func (r *Resolver) remembered(k cache.Key, b *validator.Budget, depth int) (*link, *cause.Failure) {
	checked := k
	checked.Unchecked = false
	l, ok := r.cached(checked)
	if !ok && k.Unchecked {
		l, ok = r.cached(k)
	}
	if ok && (depth > 0 || !l.bare) {
		if depth == 0 && l.ending() && r.cfg.Prefetch {
			r.refresh(k)
		}
		return l, nil
	}
	if f, ok := r.cache.GetFailure(k, r.clock.Now()); ok {
		return nil, f
	}
	l, _ = r.derived(checked, b)
	return l, nil
}

// refresh resolves a link that is about to end, or is not known, before anybody has to wait for
// it. Whoever asks meanwhile has the old one. A refresh that failed is not repeated before its
// failure is forgotten (RFC 9520, section 3.2).
func (r *Resolver) refresh(k cache.Key) {
	l, known := r.cached(k)
	if known && !l.ending() {
		return
	}
	if _, failed := r.cache.GetFailure(k, r.clock.Now()); failed {
		return
	}
	f, how := r.flights.join(k, nil)
	if how != boardLead {
		if how == boardWait {
			r.flights.leave(f, nil, how)
		}
		return
	}
	t := trail{sink: r.events}
	if t.sink != nil && known {
		e := t.of(event.Refresh, keyQuestion(k))
		e.TTL = l.ttl()
		t.sink.Event(e)
	}
	go r.guard.Run(guard.Fetch, func() {
		b, done := r.takeOff(context.Background())
		defer done()
		x := &run{r: r, q: wire.Question{Name: k.Name, Type: k.Type, Class: wire.ClassIN},
			cd: k.Unchecked, flight: f, budget: b, own: true, refresh: true, trail: t.begin(k, f)}
		if known {
			x.until = r.clock.Now().Add(time.Duration(l.ttl()) * time.Second)
		}
		_, _ = x.fly(nil, how) // what comes of it is in the cache
	})
}

// resolveLink returns one link: from memory, from a flight under way, or by flying.
func (r *Resolver) resolveLink(k cache.Key, parent *flight, b *Budget, depth int, t trail) (
	*link, *cause.Failure) {
	for {
		if l, f := r.remembered(k, b.validation, depth); l != nil || f != nil {
			if t.sink != nil {
				t.known(k, l, f)
			}
			return l, f
		}
		f, how := r.flights.join(k, parent)
		switch how {
		case boardLoop:
			return nil, cause.New(cause.DependencyLoop, k.Name, "%s", k.Type)
		case boardFull:
			return nil, cause.New(cause.Overload, nil, "%d wait for %s", MaxWaiters, k.Name)
		case boardWait:
			if t.sink != nil {
				t.fetched(event.FetchJoin, k, f.id)
			}
			l, fail, retry := r.await(f, parent, b)
			if retry {
				continue
			}
			return l, fail
		}
		x := &run{r: r, q: keyQuestion(k), cd: k.Unchecked, flight: f, budget: b,
			own: depth == 0 && b.full(), depth: depth, trail: t.begin(k, f)}
		return x.fly(parent, how)
	}
}

// await waits for somebody else's flight. A limit that they met is the matter of their budget: with
// what is left of our own we try ourselves.
func (r *Resolver) await(f, parent *flight, b *Budget) (l *link, fail *cause.Failure, retry bool) {
	defer r.flights.leave(f, parent, boardWait)
	select {
	case <-f.done:
	case <-b.ctx.Done():
		return nil, b.err(), false
	}
	if f.fail.HeldAgainst() == cause.ScopeQuery && f.fail != panicked && b.err() == nil {
		return nil, nil, true
	}
	return f.link, f.fail, false
}

// panicked is what those hear who wait for a flight that panics. It is immutable.
var panicked = &cause.Failure{Cause: cause.InternalError}

// fly resolves the link and tells everybody, also when it panics: then the panic goes on to
// whoever works for the client, and nothing is left in the table.
func (x *run) fly(parent *flight, how boarding) (l *link, f *cause.Failure) {
	f = panicked // if there is no other end
	began := time.Now()
	defer func() {
		if x.sink != nil {
			x.ended(l, f, time.Since(began))
		}
		if f == panicked {
			x.budget.end(f) // the query that this is for is over, whoever of it waits or goes on
		}
		x.r.flights.land(x.flight, how, l, f)
		x.r.flights.leave(x.flight, parent, how)
	}()
	l, f = x.resolve()
	if f == nil {
		x.r.cache.Failures.Remove(x.keyOf(x.q)) // the next failure is a first one again
		return l, nil
	}
	if f.Cause.Kind() == cause.KindNetwork && x.r.servers.uplink.isDown() {
		down := cause.New(cause.UplinkDown, nil, "").Within(cause.ScopeLink)
		down.Under = f
		f = down
	}
	if how == boardLead {
		x.rememberFailure(f)
	}
	return nil, f
}
