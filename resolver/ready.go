// Readiness: whether names can be resolved.

package resolver

import (
	"context"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/wire"
)

// Watch calls tell with nil if names can be resolved, and else with the reason, as soon as that is
// known and whenever it changes. At first it sends a query of its own: a load balancer may send no
// clients before the resolver is ready. It sends more while no server seems to reply, and when the
// network has changed or seems to forge replies. That clients' questions for one dead zone fail
// changes nothing. It ends with ctx.
func (r *Resolver) Watch(ctx context.Context, tell func(why *cause.Failure)) {
	asked, down, last := false, false, 0
	var at time.Time
	for more := true; more; more = r.rest.Wait(ctx, readyInterval, nil) {
		if !asked || down || r.connectivity.failed.Load() || r.infra.uplink.isDown() ||
			r.networkDoubted(at) {
			why := panicked
			at = time.Now()
			r.guard.Run(guard.Fetch, func() {
				why = r.reach(ctx, &last)
				r.watchNetwork(ctx, why)
			})
			if ctx.Err() != nil {
				return
			}
			// A question that had to give way to clients' shows nothing, and is asked again later.
			crowded := asked && !down && why != nil &&
				(why.Cause.Kind() == cause.KindLimit || why.Cause.Kind() == cause.KindInternal)
			if crowded {
				r.connectivity.doubt.Store(true)
			}
			if isDown := why != nil; !crowded && (!asked || isDown || down) {
				tell(why)
				asked, down = true, isDown
			}
		}
	}
}

// reach resolves and validates the root's NS set or, if that fails, the SOA of a configured zone,
// as not every network reaches the root. It begins with the question that was answered the last
// time, whose place in the list is last. It asks servers even if the result is cached.
func (r *Resolver) reach(ctx context.Context, last *int) (why *cause.Failure) {
	questions := []wire.Question{{Name: wire.Root, Type: wire.TypeNS, Class: wire.ClassIN}}
	for _, z := range r.cfg.Zones {
		if !z.Name.IsRoot() {
			questions = append(questions, wire.Question{Name: z.Name, Type: wire.TypeSOA,
				Class: wire.ClassIN})
		}
	}
	for i := range questions {
		at := (*last + i) % len(questions)
		f := r.fresh(ctx, questions[at])
		if f == nil {
			*last = at
			return nil
		}
		if why == nil || at == 0 {
			why = f
		}
		if ctx.Err() != nil {
			break
		}
	}
	return why
}

// fresh resolves a question without a look into the cache or at a copy of a zone, and remembers no
// failure.
func (r *Resolver) fresh(ctx context.Context, q wire.Question) *cause.Failure {
	return r.freshly(ctx, q, nil)
}

// freshly is fresh for a question for the keys of a zone, which it notes in seen.
func (r *Resolver) freshly(ctx context.Context, q wire.Question, seen *keysSeen) *cause.Failure {
	c := &client{r: r, q: q, done: func(*Answer) {}}
	if f := r.fetches.enter(ctx, c, &Checks{}); f != nil {
		return f
	}
	defer r.fetches.exit(c)
	x := &resolution{r: r, q: q, budget: &c.budget, seen: seen, remote: true, ours: true,
		flushes: r.memory.flushes()}
	_, f := x.resolve()
	return f
}
