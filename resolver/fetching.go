// What is being resolved, for the operator.

package resolver

import (
	"net/netip"
	"slices"
	"time"

	"bailiwick/cache"
	"bailiwick/wire"
)

// Fetching is a fetch that has not ended.
type Fetching struct {
	Name    wire.Name
	Type    wire.Type
	Network netip.Prefix // for which it is; zero: for all clients
	Began   time.Time
	Waiting int  // clients and other fetches
	Refresh bool // it fills the cache, without a waiter
	Sent    int  // packets to servers
}

// Fetching returns the fetches that are under way, the oldest first and at most so many, and how
// many there are. Fetches that no other query may join are not among them.
func (r *Resolver) Fetching(limit int) (list []Fetching, all int) {
	t := r.fetches
	t.mu.Lock()
	for k, f := range t.all {
		list = append(list, Fetching{Name: k.Name, Type: k.Type, Network: k.network,
			Began:   f.began,
			Waiting: len(f.waiters), Refresh: f.refresh, Sent: f.sent()})
	}
	t.mu.Unlock()
	slices.SortFunc(list, func(a, b Fetching) int { return a.Began.Compare(b.Began) })
	return list[:min(len(list), limit)], len(list)
}

// FlushOnly forgets what is selected of the data, and the trust that rests on it.
func (r *Resolver) FlushOnly(of cache.Selection) int {
	n := r.memory.flushOnly(of)
	if !of.Bogus { // which is never shared
		r.forgetShared(of.Name, of.Subtree)
	}
	if !of.Bogus { // a variant may be a denial, or lead to one
		n += r.subnets.forget(of.Name, of.Subtree, of.Type)
	}
	return n
}
