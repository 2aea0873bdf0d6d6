// One look at a zone: what is asked, and what comes of it.

package watch

import (
	"context"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/check"
	"bailiwick/internal/check/probe"
	"bailiwick/internal/clock"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// look is what a probe has seen.
type look struct {
	at      time.Time // of day
	outcome outcome
	failure *cause.Failure // nil: the zone is well, or nobody knows
	status  wire.Security
	seen    *check.Observations
	whole   bool // there was time and budget for all of it
}

// outcome is how a probe ended, as a client would have it.
type outcome uint8

// The outcomes.
const (
	unknown outcome = iota // no zone's fault: the network, this resolver, an exception
	good
	bad
)

// Outcomes returns the names of all outcomes of a probe, by number.
func Outcomes() []string { return []string{"unknown", "good", "bad"} }

// String returns the name of the outcome.
func (o outcome) String() string { return Outcomes()[o] }

// look looks at a zone: first as a client does, by the resolver with all that it knows, and then at
// the servers of the zone and of its parent.
func (b *Book) look(ctx context.Context, zone wire.Name, c *Config) *look {
	l := &look{outcome: unknown}
	l.ask(ctx, b.resolve, b.p.Why, zone)
	if ctx.Err() != nil {
		l.outcome, l.failure, l.at = unknown, nil, clock.Wall(b.p.Clock)
		return l
	}
	l.seen = &check.Observations{Zone: zone, Parent: &check.Parent{}}
	p := probe.New(probe.Config{Over: metered{b.p.Over, &b.budget}, Timeout: exchangeTime,
		Lookup: probe.Resolving(b.resolve), NoIPv4: c.NoIPv4, NoIPv6: c.NoIPv6, Port: c.Port},
		zone)
	p.FindParent(ctx, l.seen)
	p.FindServers(ctx, l.seen)
	p.Look(ctx, l.seen)
	l.at = clock.Wall(b.p.Clock)
	l.seen.Now, l.whole = l.at, ctx.Err() == nil
	return l
}

// ask resolves what every validator of the zone's names needs.
func (l *look) ask(ctx context.Context, resolve func(context.Context, wire.Question,
	resolver.Options) *resolver.Answer, why func(*resolver.Answer) *cause.Failure,
	zone wire.Name) {
	for _, t := range []wire.Type{wire.TypeSOA, wire.TypeDNSKEY} {
		a := resolve(ctx, wire.Question{Name: zone, Type: t, Class: wire.ClassIN},
			resolver.Options{})
		if t == wire.TypeSOA {
			l.status = a.Status
		}
		f := why(a)
		switch {
		case f == nil && l.outcome == unknown && t == wire.TypeSOA:
			l.outcome = good
		case f == nil:
		case !blamed(f):
			if l.outcome != bad {
				l.outcome, l.failure = unknown, f
			}
			return
		default:
			l.outcome, l.failure, l.status = bad, f, wire.Unchecked
			if f.Cause.Kind() == cause.KindDNSSEC {
				l.status = wire.Bogus
			}
			return
		}
	}
}

// blamed reports whether a failure is that of the zone, or of one above it.
func blamed(f *cause.Failure) bool {
	switch f.Cause.Kind() {
	case cause.KindDNSSEC, cause.KindNetwork:
		return f.Cause != cause.UplinkDown
	case cause.KindLimit:
		return f.Cause != cause.Overload && f.Cause != cause.LimitClient
	}
	return false
}

// resolve resolves a question within the budget.
func (b *Book) resolve(ctx context.Context, q wire.Question, o resolver.Options) *resolver.Answer {
	if !b.budget.wait(ctx, resolver.MaxQueries) {
		return &resolver.Answer{Question: q, RCode: wire.RCodeServFail,
			Failure: cause.New(cause.Overload, q.Name, "the budget of watched zones is spent")}
	}
	a := b.p.Resolve(ctx, q, o)
	b.budget.release(resolver.MaxQueries, a.Sent)
	return a
}

// blind reports whether a look has not seen the zone's or the parent's servers, so that what it has
// not found may still be.
func (l *look) blind() bool {
	if !l.whole {
		return true
	}
	replied := func(servers []*check.Server) bool {
		for _, s := range servers {
			for _, r := range s.Replies {
				if r.Msg != nil {
					return true
				}
			}
		}
		return false
	}
	return !replied(l.seen.Servers) ||
		l.seen.Parent != nil && !replied(l.seen.Parent.Servers)
}
