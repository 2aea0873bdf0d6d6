// Stale data: what has ended in the cache answers clients while it cannot be resolved anew (RFC
// 8767).

package resolver

import (
	"net/netip"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/validator"
	"bailiwick/wire"
)

// Stale is what the operator decides about stale data. How long after their end they may be used is
// decided by [cache.Config.MaxStale].
type Stale struct {
	Enabled bool
	TTL     time.Duration // of stale records in answers
	// ClientTimeout is how long a client waits for fresh data before it gets stale ones. With 0 it
	// gets stale data at once, and fresh ones are fetched meanwhile.
	ClientTimeout time.Duration
	Retry         time.Duration // least time between two attempts to get fresh data that fail
}

// defaultStale has what RFC 8767, section 5 recommends.
func defaultStale() Stale {
	return Stale{Enabled: true, TTL: 30 * time.Second, ClientTimeout: 1800 * time.Millisecond,
		Retry: 30 * time.Second}
}

// StaleReason is why a client gets stale data.
type StaleReason uint8

// The reasons.
const (
	StaleNone    StaleReason = iota // the data are not stale
	StaleFailed                     // fresh ones could not be had
	StaleLate                       // fresh ones are not there after Stale.ClientTimeout
	StaleRecheck                    // fresh ones could not be had a short time ago
)

// Label returns the reason as a metric's label.
func (w StaleReason) Label() string { return [...]string{"none", "failed", "late", "recheck"}[w] }

// StaleReasons returns all reasons.
func StaleReasons() []StaleReason { return []StaleReason{StaleFailed, StaleLate, StaleRecheck} }

// attempt is what is known of attempts to get fresh data in place of stale ones.
type attempt struct {
	failed  *cause.Failure // why the last one failed, nil if it did not
	ago     time.Duration  // how long ago it failed
	held    bool           // the failure is remembered: it is not to be tried again yet (RFC 9520)
	running time.Duration  // how long one has been under way; negative if none is
}

// staleStep is what is done for a client's question to which there are stale data.
type staleStep uint8

const (
	staleWait    staleStep = iota // get fresh data; stale ones are used if that fails or is late
	staleServe                    // use the stale data
	staleRefresh                  // use them, and get fresh ones meanwhile
	staleNever                    // they must not be used
)

// step decides what is done for a client. The last failure is not tried again before Retry has
// passed (RFC 8767, section 5: the failure recheck timer). For as long again the next attempt is
// made without a client that waits, as a zone that was dead a moment ago most often still is; BIND
// has a client wait each time that its stale-refresh-time has passed. After that, clients wait for
// the outcome as if nothing had failed.
func (s *Stale) step(a attempt) staleStep {
	switch {
	case a.failed != nil && isVerdict(a.failed):
		return staleNever
	case a.failed != nil && a.ago < s.Retry:
		return staleServe
	case a.failed != nil && (a.held || a.ago < 2*s.Retry), s.ClientTimeout == 0:
		return staleRefresh
	case a.running >= s.ClientTimeout:
		return staleServe
	}
	return staleWait
}

// isVerdict reports whether a failure means that fresh data were had and are bogus. Stale data are
// never used then: what a validator has refused must not be hidden by older data. Where servers
// fail to give a zone's keys, nothing was judged.
func isVerdict(f *cause.Failure) bool {
	for ; f != nil; f = f.Under {
		if ofValidation(f.Cause) && (f.Cause != cause.KeyMissing || f.Under == nil) {
			return true
		}
	}
	return false
}

// replaceable reports whether stale data may be used in place of a failure.
func replaceable(f *cause.Failure) bool {
	k := f.Cause.Kind()
	return (k == cause.KindNetwork || k == cause.KindLimit || f.Cause == cause.KeyMissing) &&
		!isVerdict(f)
}

// mayBeStale reports whether stale data may answer a client's question. What names are resolved and
// validated with is always fresh.
func (r *Resolver) mayBeStale(k cache.Key) bool {
	return r.cfg.Stale.Enabled && k.Type != wire.TypeDS && k.Type != wire.TypeDNSKEY
}

// attempted returns what is known of attempts to get fresh data.
func (r *Resolver) attempted(k fetchKey, now time.Time) attempt {
	r, k.Key = r.home(k.Key)
	a := attempt{running: -1}
	if e, ok := r.memory.lastFailure(k.Key); ok {
		a.failed, a.held = e.Failure, now.Unix() < e.Expires
		a.ago = now.Sub(time.Unix(e.At, 0))
	}
	if since, ok := r.fetches.since(k); ok {
		a.running = time.Since(since)
	}
	return a
}

// staleNow returns a client's result from stale data if they may be used at once; nil if the client
// has to wait. What cached data of other names say is fresh, and is used before them.
func (r *Resolver) staleNow(k fetchKey, b *validator.Budget) *result {
	now := r.clock.Now()
	a := r.attempted(k, now)
	step := r.cfg.Stale.step(a)
	if step != staleServe && step != staleRefresh {
		return nil
	}
	if l, ok := r.follows(k.checked(), b); ok {
		return l
	}
	why := StaleRecheck
	if a.failed == nil || a.ago >= 2*r.cfg.Stale.Retry {
		why = StaleLate
	}
	l := r.stale(k, why, a.failed, now)
	if l == nil {
		return nil
	}
	if step == staleRefresh {
		r.renew(k, nil, RefreshStale)
	} else if a.failed != nil {
		l.keepFor = min(stalePrepared, r.cfg.Stale.Retry-a.ago)
	}
	if a.failed != nil {
		r.askWhetherBack(a.failed, now)
	}
	return l
}

// stale returns a result from stale data; nil if there are none that may be used. What was never
// validated is not used, even for a client that sets CD. Where a network goes with the question,
// its own data come before those of clients without one, which stand in for that network alone.
func (r *Resolver) stale(k fetchKey, why StaleReason, failed *cause.Failure,
	now time.Time) (l *result) {
	r, k.Key = r.home(k.Key)
	k = k.checked()
	if k.network.IsValid() {
		l = r.staleVariant(k, now)
	}
	if l == nil {
		l = r.ended(k.Key, now)
		if l != nil && k.network.IsValid() {
			l = l.narrowed(k.network)
		}
	}
	if l == nil {
		return nil
	}
	ttl := uint32(r.cfg.Stale.TTL / time.Second)
	for _, sets := range [2][]*wire.RRset{l.sets, l.proofs} {
		for _, s := range sets { // they are copies
			s.TTL = ttl
		}
	}
	if l.status == wire.Secure && r.memory.past(l.until(), now) {
		l.status = wire.Insecure // the signatures have ended, and nothing proves the data any more
	}
	l.origin, l.stale, l.refresh = event.OriginStale, why, 0
	c := cause.StaleAnswer
	if l.kind == wire.KindNXDomain || l.kind.IsDenial() && l.compact(k.Name) {
		c = cause.StaleNXDomain
	}
	l.failure = cause.New(c, nil, "%s", k.Name)
	l.failure.Under = failed
	return l
}

// ended returns a result from what is kept for all clients and has ended; nil if there is nothing.
func (r *Resolver) ended(k cache.Key, now time.Time) *result {
	switch set, n := r.memory.stale(k, now); {
	case n != nil:
		return r.negativeResult(n, cache.Stale, now)
	case set.Set == nil:
		return nil
	case set.Set.Type == k.Type:
		return r.resultOf(k, set, wire.KindAnswer, cache.Stale, now)
	default:
		return r.resultOf(k, set, wire.KindAlias, cache.Stale, now)
	}
}

// addStale notes what a result of the alias chain says of stale data.
func (a *Answer) addStale(l *result) {
	if l.stale == StaleNone {
		return
	}
	if a.Stale == StaleNone || l.keepFor < a.KeepFor {
		a.KeepFor = l.keepFor
	}
	a.Stale, a.Failure = l.stale, l.failure
	a.NoCache = a.NoCache || a.KeepFor < time.Second
}

// instead returns a client's result from stale data in place of a failure; nil if it stays one.
func (c *client) instead(k fetchKey, f *cause.Failure) *result {
	if !c.r.mayBeStale(k.Key) || !replaceable(f) {
		return nil
	}
	l := c.r.stale(k, StaleFailed, f, c.r.clock.Now())
	if l != nil && c.sink != nil {
		c.known(k.Key, l, nil)
	}
	return l
}

// expect has the client answered from stale data if fresh ones are late. It is called when its
// goroutine begins to wait for a result to which there are stale data.
func (c *client) expect() {
	if wait := c.r.cfg.Stale.ClientTimeout; c.late == nil && wait < MaxTime {
		c.late = time.AfterFunc(wait-time.Since(c.began), c.overdue)
	}
}

// overdue begins to answer a client from stale data.
func (c *client) overdue() {
	t := c.r.fetches
	t.mu.Lock()
	defer t.mu.Unlock()
	if !c.ended {
		c.passing.Add(1)
		t.spawn(guard.Query, c.answerLate)
	}
}

// answerLate answers a client whose time is over from stale data. Its goroutine goes on, so that
// fresh data are stored when they come, even if the client leaves now that it has its answer (RFC
// 8767, section 5).
func (c *client) answerLate() {
	defer c.passing.Done()
	a := c.fromMemory(StaleLate, nil)
	if a == nil {
		return // its goroutine will know better
	}
	if c.unwatch != nil {
		c.unwatch()
	}
	c.answer(a)
}

// fromMemory returns an answer from the cache with stale data in it, without any wait; nil if there
// is none.
func (c *client) fromMemory(why StaleReason, failed *cause.Failure) *Answer {
	return c.r.staleChain(c.network, c.q, c.cd, c.validation, why, failed, c.trail)
}

// Stale answers a question from the cache with stale data in it, for want of room to resolve it;
// failed is the limit, and network what may be sent of the client's. It returns nil if there are
// none that may be used. It does not block. What it spends is taken from c.
func (r *Resolver) Stale(network netip.Prefix, q wire.Question, cd bool, failed *cause.Failure,
	c *Checks) *Answer {
	return r.staleChain(network, q, cd, c.budget(), StaleFailed, failed, trail{})
}

// staleChain makes such an answer.
func (r *Resolver) staleChain(network netip.Prefix, q wire.Question, cd bool,
	b *validator.Budget, why StaleReason, failed *cause.Failure, t trail) *Answer {
	a := r.chainOf(q, cd, func(of cache.Key) (*result, *cause.Failure) {
		k := r.asksFor(of, network)
		l, f, stale := r.recalled(k, b, 0, r.mayBeStale(of))
		if stale && l == nil && f == nil && r.cfg.Stale.step(r.attempted(k, r.clock.Now())) !=
			staleNever {
			l = r.stale(k, why, failed, r.clock.Now())
		}
		if l != nil && t.sink != nil {
			t.known(of, l, nil)
		}
		return l, f
	})
	if a == nil || a.Stale == StaleNone {
		return nil
	}
	return a
}
