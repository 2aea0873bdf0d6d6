// Client queries: from a question to its answer, even if the fetch that it waits for goes on.

package resolver

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/internal/ledger"
	"bailiwick/wire"
)

// client is a client's query being resolved. Its goroutine leads the fetches that it begins. If the
// client's time ends, or it leaves, while others wait for such a fetch, the client is answered at
// once and the goroutine goes on for the others.
type client struct {
	budget
	trail
	r        *Resolver
	q        wire.Question
	cd       bool // the CD flag
	done     func(*Answer)
	began    time.Time
	answered atomic.Bool    // it has its answer
	detached atomic.Bool    // its goroutine works for others
	passing  sync.WaitGroup // the goroutine that answers it meanwhile

	from         netip.Prefix // the network that it counts for
	network      netip.Prefix // what may be sent of its own
	older, newer *client      // guarded by fetches.mu
	unwatch      func() bool
	late         *time.Timer // answers it from stale data; nil if it has not to wait for fresh ones
}

// Start resolves a question and calls done once with the answer. A question that cannot be resolved
// is answered with SERVFAIL and its Failure. Start runs in the caller's goroutine. It may return
// after the client's time is over, if others wait for the same fetch; then done is called by
// another goroutine. It returns after done has returned.
func (r *Resolver) Start(ctx context.Context, q wire.Question, o Options, done func(*Answer)) {
	c := &client{r: r, q: q, cd: o.CheckingDisabled, done: done, from: o.Client,
		network: o.Network}
	checks := o.Checks
	if checks == nil {
		checks = &Checks{}
	}
	if f := r.fetches.enter(ctx, c, checks); f != nil {
		c.answer((&Answer{Question: q}).fail(f))
		return
	}
	defer r.fetches.exit(c)
	defer func() {
		if c.detached.Load() { // the client has its answer
			r.guard.Caught(recover(), guard.Fetch)
		}
	}()
	c.trail.sink, c.trail.number = event.Both(r.events, o.Events), o.Query
	if c.sink != nil {
		c.tell(c.of(event.Question, q))
	}
	shared, realm := true, r.memory.at(cache.Key{Name: q.Name, Type: q.Type}).Realm
	fleeting := false // an alias was not kept
	a := r.chainOf(q, c.cd, func(k cache.Key) (*result, *cause.Failure) {
		// what one of the aliases leads to may be for one network, or one realm, alone
		shared = shared && !r.tailored(k.Name, k.Type) && r.memory.at(k).Realm == realm
		of := r.asksFor(k, o.Network)
		l, f := r.resolveResult(of, &c.budget, nil, 0, c.trail)
		if f != nil {
			if old := c.instead(of, f); old != nil {
				return old, nil
			}
		}
		fleeting = fleeting || f == nil && l.kind == wire.KindAlias && l.ttl() == 0
		return l, f
	})
	if shared && fleeting {
		r.rememberLoop(a, c.cd)
	}
	c.answer(a)
}

// rememberLoop remembers of a client's own question that its aliases lead in a ring, or to no end
// (RFC 9520, section 2.5), so that aliases without a TTL are not all asked for again with each
// query: of those with one, the cache tells it. Names that the chain leads through are not
// concerned.
func (r *Resolver) rememberLoop(a *Answer, cd bool) {
	q := a.Question
	if a.RCode != wire.RCodeServFail ||
		a.Failure.Cause != cause.AliasLoop && a.Failure.Cause != cause.LimitAliases {
		return
	}
	r, k := r.home(cache.Key{Name: q.Name, Type: q.Type, Unchecked: cd && r.checks(q.Name)})
	now := r.clock.Now()
	if _, known := r.memory.failure(k, now); !known { // else it would never end
		r.memory.putFailure(k, a.Failure, true, true, now)
	}
}

// Resolve answers a question. It returns when the client's time is over at the latest, and soon
// when ctx ends.
func (r *Resolver) Resolve(ctx context.Context, q wire.Question, o Options) *Answer {
	answers := make(chan *Answer, 2)
	go func() {
		defer func() {
			if r.guard.Caught(recover(), guard.Query) {
				answers <- (&Answer{Question: q}).fail(panicked)
			}
		}()
		r.Start(ctx, q, o, func(a *Answer) { answers <- a })
	}()
	return <-answers
}

// answer gives the client its answer, unless it has one.
func (c *client) answer(a *Answer) {
	if c.answered.Swap(true) {
		return
	}
	limit := cause.None
	if a.Failure != nil && a.Failure.Cause.Kind() == cause.KindLimit {
		limit = a.Failure.Cause
		if a.Failure = c.told(a.Failure); a.Failure.Cause.Kind() == cause.KindDNSSEC {
			a.Status = wire.Bogus
		}
	}
	if a.Sent = c.sent(); c.sink != nil {
		c.trail.answered(a, time.Since(c.began))
	}
	if limit != cause.None {
		c.r.observe.Limit(limit)
		if c.sink != nil {
			e := c.of(event.Limit, c.q)
			e.Cause = limit
			c.tell(e)
		}
	}
	c.done(a)
}

// told returns what a client is told of a limit. Where the limit has ended a search for something
// better than data that do not verify, it is why these do not (RFC 8914, section 4.7): no other
// cause is as precise. Where servers have been silent for most of its time, whatever had replied on
// the way there, or have replied over UDP alone that an answer is truncated, it is that: a longer
// time would not have helped. What is remembered is another matter, which the fetch decides.
func (c *client) told(f *cause.Failure) *cause.Failure {
	f = c.spentOn(f)
	if bogus := c.bogus.Load(); bogus != nil &&
		(f.Cause == cause.LimitTime || f.Cause == cause.LimitQueries) {
		return bogus.Within(f.HeldAgainst())
	}
	if f.Cause != cause.LimitTime || f.Under == nil {
		return f
	}
	switch {
	case f.Under.Cause == cause.Truncated, silent(f.Under.Cause) && !c.heardSince(MaxTime/2):
		return f.Under.Within(f.HeldAgainst())
	}
	return f
}

// giveUp answers a client whose query has ended while its goroutine works for others.
func (c *client) giveUp() {
	defer c.passing.Done()
	f := c.err()
	a := (&Answer{Question: c.q}).fail(f)
	if replaceable(f) {
		if old := c.fromMemory(StaleFailed, f); old != nil {
			a = old
		}
	}
	c.answer(a)
}

// enter registers a client's query and fills its budget; checks is what it may spend on validation.
// Beyond the limit, or while memory is short, others are ended, see crowder.
func (t *fetches) enter(ctx context.Context, c *client, checks *Checks) *cause.Failure {
	c.fill(t, nil, checks.budget())
	c.query = c
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return &cause.Failure{Cause: cause.Stopping}
	}
	t.clients.Add(1)
	c.began = time.Now()
	t.link(c)
	for n := 0; n < 2 && t.flights.Load() > 1 && (int(t.flights.Load()) > t.maxClients ||
		t.ledger.Above(ledger.Work)); n++ { // two: so it shrinks
		t.end(&t.crowder().budget, &cause.Failure{Cause: cause.Overload})
	}
	if t.late == nil {
		t.late = time.AfterFunc(MaxTime, t.endLate)
	}
	if ctx.Done() != nil {
		c.unwatch = context.AfterFunc(ctx, func() { c.end(failureOf(ctx)) })
	}
	return nil
}

// endLate ends the queries whose time is over. One timer, that of the oldest query, is enough for
// all, as all have the same time.
func (t *fetches) endLate() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.oldest != nil {
		if left := MaxTime - time.Since(t.oldest.began); left > 0 {
			t.late = time.AfterFunc(left, t.endLate)
			return
		}
		t.end(&t.oldest.budget, &cause.Failure{Cause: cause.LimitTime})
	}
	t.late = nil
}

// exit ends a client's query.
func (t *fetches) exit(c *client) {
	if c.unwatch != nil {
		c.unwatch()
	}
	if c.late != nil {
		c.late.Stop()
	}
	c.end(nil)
	c.passing.Wait() // who called Start gives up now what the answer is made with
	t.clients.Done()
}

// crowdSample is how many queries are compared to find the one that gives way.
const crowdSample = 16

// crowder returns the query that gives way to a new one: of the oldest, which have had the most
// time, one of the client network that has the most queries. So a flood from one network, however
// dense, ends its own queries and not those of others. mu is held.
func (t *fetches) crowder() *client {
	most := t.oldest
	for c, n := t.oldest, 0; c != nil && n < crowdSample; c, n = c.newer, n+1 {
		if t.networks[c.from] > t.networks[most.from] {
			most = c
		}
	}
	return most
}

// link makes a client the newest of the list. mu is held.
func (t *fetches) link(c *client) {
	if c.older = t.newest; c.older == nil {
		t.oldest = c
	} else {
		c.older.newer = c
	}
	t.newest = c
	t.flights.Add(1)
	t.networks[c.from]++
}

// unlink takes a client from the list. mu is held.
func (t *fetches) unlink(c *client) {
	if c.older == nil {
		t.oldest = c.newer
	} else {
		c.older.newer = c.newer
	}
	if c.newer == nil {
		t.newest = c.older
	} else {
		c.newer.older = c.older
	}
	c.older, c.newer = nil, nil // whoever still has one client has not all that came since
	t.flights.Add(-1)
	if t.networks[c.from]--; t.networks[c.from] == 0 {
		delete(t.networks, c.from)
	}
}

// Close ends all fetches and clients' queries, and waits for all goroutines of the resolver. Later
// queries fail with the cause Stopping.
func (r *Resolver) Close() { r.fetches.close() }
