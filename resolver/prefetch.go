// Prefetching: results that are about to end are resolved anew before a client has to wait for
// them.

package resolver

import (
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
)

// refresh resolves a result that is about to end, or is not cached, before a client has to wait for
// it. Clients get the old result meanwhile. A refresh that failed is not repeated while its failure
// is remembered (RFC 9520, section 3.2).
func (r *Resolver) refresh(k fetchKey) {
	r, k.Key = r.home(k.Key)
	l := r.kept(k)
	if l != nil && !l.ending() {
		return
	}
	if _, failed := r.memory.failure(k.Key, r.clock.Now()); failed {
		return
	}
	r.renew(k, l, RefreshEnding)
}

// RefreshReason is why a result is resolved without a client that waits for it.
type RefreshReason uint8

// The reasons.
const (
	RefreshEnding  RefreshReason = iota // it was asked for shortly before its end
	RefreshStale                        // a client got stale data
	RefreshWarm                         // the operator wants it to be fresh always
	RefreshKeys                         // the trust in a zone in use is about to end
	RefreshServers                      // a zone is asked for its own NS set
)

// Label returns the reason as a metric's label.
func (w RefreshReason) Label() string {
	return [...]string{"ending", "stale", "warm", "keys", "servers"}[w]
}

// RefreshReasons returns all reasons.
func RefreshReasons() []RefreshReason {
	return []RefreshReason{RefreshEnding, RefreshStale, RefreshWarm, RefreshKeys, RefreshServers}
}

// renew resolves a result without a client that waits. l is what is known of it, nil if it is not
// cached or has ended.
func (r *Resolver) renew(k fetchKey, l *result, why RefreshReason) {
	r, k.Key = r.home(k.Key)
	t, known := trail{sink: r.events}, l != nil
	before, _ := r.memory.lastFailure(k.Key)
	full := r.fetches.background(k, func(f *fetch) {
		if t.sink != nil {
			e := t.of(event.Refresh, keyQuestion(k.Key))
			if known {
				e.TTL = l.ttl()
			}
			t.tell(e)
		}
		x := r.runOf(f, 0, t)
		if x.refresh = true; known {
			x.until = r.clock.Now().Add(time.Duration(l.ttl()) * time.Second)
		}
		_, failed := x.lead() // the result is in the cache
		r.observe.Refreshed(why, failed == nil)
		switch {
		case failed != nil:
		case why == RefreshKeys:
			r.memory.outdateTrust(k.Name)
		case why == RefreshStale && before != nil:
			r.back(before.Failure)
		}
	})
	if full {
		r.observe.Limit(cause.Overload)
	}
}
