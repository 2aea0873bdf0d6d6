// All questions of one check, within its limits.

package probe

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"bailiwick/internal/check"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Config is how the questions are asked.
type Config struct {
	Over    transport.Exchanger
	Timeout time.Duration // of one exchange
	// Lookup resolves names, of servers and of the parent; nil: only addresses that are given are
	// asked.
	Lookup Lookup
	// NoIPv4 and NoIPv6 leave addresses of a family out.
	NoIPv4, NoIPv6 bool
	Port           uint16 // of servers that are found; 0: 53
	// Dial opens connections to services with TLSA records; nil: this machine's sockets.
	Dial Dialer
}

// Probe asks the questions of one check.
type Probe struct {
	c Config
	a *asker
}

// New returns a probe for a zone.
func New(c Config, zone wire.Name) *Probe {
	return &Probe{c, &asker{over: c.Over, timeout: c.Timeout, budget: &budget{}, zone: zone}}
}

// budget counts the questions of a check.
type budget struct {
	mu   sync.Mutex
	sent int
	met  bool
}

// take reports whether one more question may be sent.
func (b *budget) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sent >= check.MaxQueries {
		b.met = true
		return false
	}
	b.sent++
	return true
}

// Queries returns how many questions were sent.
func (p *Probe) Queries() int {
	p.a.budget.mu.Lock()
	defer p.a.budget.mu.Unlock()
	return p.a.budget.sent
}

// Run asks the servers of the zone and the services, and fills in what they reply. It ends when ctx
// does; then the observations are of what was asked until then.
func (p *Probe) Run(ctx context.Context, o *check.Observations) {
	o.Random = randomName(o.Zone)
	bound(o)
	each(o.Servers, func(s *check.Server) {
		if p.a.all(ctx, s, check.Greeting(o.Zone)); reachable(s) {
			p.a.all(ctx, s, check.First(o))
		}
	})
	second := check.Second(o)
	each(o.Servers, func(s *check.Server) {
		if reachable(s) {
			p.a.all(ctx, s, second)
		}
	})
	p.serve(ctx, o)
	p.services(ctx, o)
	if p.a.budget.met {
		o.Limits = append(o.Limits, fmt.Sprintf("%d queries were sent", check.MaxQueries))
	}
	if ctx.Err() != nil {
		o.Limits = append(o.Limits, "the time is over")
	}
}

// Look asks the servers of the zone what is looked at again and again, and no services: see
// [check.Watching].
func (p *Probe) Look(ctx context.Context, o *check.Observations) {
	o.Random = randomName(o.Zone)
	bound(o)
	first, rest := check.Watching(o)
	each(o.Servers, func(s *check.Server) {
		if p.a.all(ctx, s, first); reachable(s) {
			p.a.all(ctx, s, rest)
		}
	})
}

// bound applies the limits of servers and names.
func bound(o *check.Observations) {
	o.Servers = cut(o, "server addresses", o.Servers, check.MaxServers)
	o.Compare = cut(o, "questions to compare", o.Compare, check.MaxNames)
	o.TLSA = cut(o, "TLSA names", o.TLSA, check.MaxNames)
}

// cut returns the first elements of a list, and notes it if that is not all of them.
func cut[T any](o *check.Observations, what string, all []T, limit int) []T {
	if len(all) <= limit {
		return all
	}
	o.Limits = append(o.Limits, fmt.Sprintf("the first %d of %d %s were asked", limit, len(all),
		what))
	return all[:limit]
}

// each calls a function for all servers, side by side.
func each(servers []*check.Server, f func(*check.Server)) {
	var all sync.WaitGroup
	for _, s := range servers {
		all.Go(func() { f(s) })
	}
	all.Wait()
}

// all asks a server questions, one after the other.
func (a *asker) all(ctx context.Context, s *check.Server, qs []check.Query) {
	if s.Replies == nil {
		s.Replies = map[check.Query]*check.Reply{}
	}
	for _, q := range qs {
		if ctx.Err() != nil {
			return
		}
		s.Replies[q] = a.ask(ctx, s, q)
	}
}

// reachable reports whether a server has answered any question of the greeting.
func reachable(s *check.Server) bool {
	for _, r := range s.Replies {
		if r.Msg != nil {
			return true
		}
	}
	return false
}

// randomName returns a name below the apex that nobody has.
func randomName(zone wire.Name) wire.Name {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	text := hex.EncodeToString(b[:])
	for _, label := range []string{"check-" + text, text[:4], text[:1]} {
		if n, ok := zone.Child(label); ok {
			return n
		}
	}
	return zone // no name can be below it
}
