// Readiness: whether questions from clients have a chance.

package resolver

import (
	"context"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/wire"
)

// Watch reports by tell whether names can be resolved, as soon as that is known and whenever it
// changes: nil if so, else why not. It asks by itself before the first client does, since where
// readiness decides who gets clients there would never be one, and again while it seems that no
// server replies. What clients ask of one dead zone changes nothing. It ends with ctx.
func (r *Resolver) Watch(ctx context.Context, tell func(why *cause.Failure)) {
	tick := time.NewTicker(readyInterval)
	defer tick.Stop()
	asked, down := false, false
	for {
		if !asked || down || r.connectivity.failed.Load() || r.infra.uplink.isDown() {
			why := panicked
			r.guard.Run(guard.Fetch, func() { why = r.reach(ctx) })
			if ctx.Err() != nil {
				return
			}
			if isDown := why != nil; !asked || isDown || down {
				tell(why)
				asked, down = true, isDown
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// reach resolves and validates who serves the root, or failing that the name of a zone that the
// operator named servers for: not every network has the root. It asks anew, whatever is known.
func (r *Resolver) reach(ctx context.Context) *cause.Failure {
	why := r.fresh(ctx, wire.Question{Name: wire.Root, Type: wire.TypeNS, Class: wire.ClassIN})
	for i := 0; why != nil && i < len(r.cfg.Zones) && ctx.Err() == nil; i++ {
		q := wire.Question{Name: r.cfg.Zones[i].Name, Type: wire.TypeSOA, Class: wire.ClassIN}
		if !q.Name.IsRoot() && r.fresh(ctx, q) == nil {
			return nil
		}
	}
	return why
}

// fresh resolves a result that nobody waits for, and remembers no failure.
func (r *Resolver) fresh(ctx context.Context, q wire.Question) *cause.Failure {
	c := &client{r: r, q: q, done: func(*Answer) {}}
	if f := r.fetches.enter(ctx, c, &Checks{}); f != nil {
		return f
	}
	defer r.fetches.exit(c)
	_, f := (&resolution{r: r, q: q, budget: &c.budget}).resolve()
	return f
}
