// What the book does by itself: it asks the questions of incidents again, ends incidents, and saves
// what has changed.

package incident

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/guard"
	"bailiwick/wire"
)

// Run keeps the book until ctx ends.
func (b *Book) Run(ctx context.Context) {
	saved := b.p.Clock.Now()
	for b.p.Rest.Wait(ctx, time.Second, nil) {
		b.p.Guard.Run(guard.Upkeep, func() {
			b.Upkeep(ctx)
			if now := b.p.Clock.Now(); now.Sub(saved) >= saveEvery && b.dirty() {
				saved = now
				_ = b.save()
			}
		})
	}
	_ = b.save() // it is logged
}

// Upkeep does what is due: Run calls it each second.
func (b *Book) Upkeep(ctx context.Context) {
	var checks sync.WaitGroup
	for _, r := range b.due() {
		checks.Go(func() { b.p.Guard.Run(guard.Upkeep, func() { b.check(ctx, r) }) })
	}
	checks.Wait()
	b.sweep()
}

// due returns the incidents whose questions are to be asked now.
func (b *Book) due() (list []*record) {
	if b.open.Load() == 0 {
		return nil
	}
	now, soon := b.p.Clock.Now(), min(b.cfg.Load().Settle, firstCheck)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.records {
		hinted := r.hint.Load() != 0 && r.good.IsZero() && now.Sub(r.checked) >= soon
		if r.open.Load() && (hinted || !now.Before(r.due)) {
			r.checked, r.due = now, now.Add(r.wait)
			r.hint.Store(0)
			if list = append(list, r); len(list) == checksAtOnce {
				break
			}
		}
	}
	return list
}

// check asks an incident's question, and notes what comes of it.
func (b *Book) check(ctx context.Context, r *record) {
	b.mu.RLock()
	q := r.question
	b.mu.RUnlock()
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	f := b.p.Check(ctx, q)
	if ctx.Err() != nil && f == nil {
		return
	}
	now := b.p.Clock.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.records[r.key] != r {
		return
	}
	b.noted(r, f, now)
}

// noted takes the outcome of a check. The caller holds mu.
func (b *Book) noted(r *record, f *cause.Failure, now time.Time) {
	settle := b.cfg.Load().Settle
	if f == nil {
		failed := r.first.Add(time.Duration(r.last.Load()))
		switch {
		case r.good.IsZero() || r.good.Before(failed):
			r.good = now
			b.saves.Change()
		case now.Sub(r.good) >= settle:
			b.end(r, Mended, now)
			return
		}
		r.wait = firstCheck
		r.due = now.Add(min(settle, firstCheck))
		return
	}
	if f.Cause == cause.NegativeAnchor || f.Cause == cause.ValidationOff {
		b.end(r, Excepted, now)
		return
	}
	if k, ok := keyOf(f); ok && k != r.key {
		if o := b.records[k]; o != nil && o.open.Load() {
			b.end(r, Replaced, now)
			return
		}
	}
	r.good = time.Time{}
	r.wait = min(2*r.wait, lastCheck)
	r.due = now.Add(r.wait)
}

// sweep ends what nobody asks for any more.
func (b *Book) sweep() {
	now := b.p.Clock.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.records {
		switch idle := now.Sub(r.first.Add(time.Duration(r.last.Load()))); {
		case !r.open.Load() && idle >= asides:
			b.drop(r)
		case r.open.Load() && r.good.IsZero() && idle >= forsaken:
			b.end(r, Forsaken, now)
		}
	}
}

// end ends an incident. The caller holds mu.
func (b *Book) end(r *record, how Ending, now time.Time) {
	i := b.incident(r)
	i.How, i.Ended = how, b.day(now)
	b.drop(r)
	b.counts[counted{r.cause.Kind(), how}]++
	if b.ended = append(b.ended, i); len(b.ended) > maxEnded {
		b.ended = b.ended[1:]
	}
	if how == Mended {
		b.recovered(i.Recovery())
	}
	args := []any{"zone", i.Zone, "cause", i.Cause.Label(), "how", how.String(),
		"first", i.First.UTC().Format(time.RFC3339), "last", i.Last.UTC().Format(time.RFC3339),
		"queries", i.Queries, "client_networks", i.Clients}
	if how == Mended {
		args = append(args, "recovery", i.Recovery().Round(time.Second).String())
	}
	b.say(slog.LevelInfo, "incident ends", args...)
}

// day returns the time of day of an age.
func (b *Book) day(age time.Time) time.Time {
	return clock.Wall(b.p.Clock).Add(age.Sub(b.p.Clock.Now()))
}

// incident returns the record as others see it. The caller holds mu.
func (b *Book) incident(r *record) Incident {
	i := Incident{Zone: r.zone, Cause: r.cause, Detail: r.detail, Name: r.question.Name.String(),
		Type: r.question.Type, First: b.day(r.first),
		Last:    b.day(r.first.Add(time.Duration(r.last.Load()))),
		Queries: r.queries.Load(), Clients: r.networks(),
		Maintenance: r.quiet || b.maintained(r.name)}
	if !r.good.IsZero() {
		i.Good = b.day(r.good)
	}
	return i
}

// dirty reports whether anything is to be saved.
func (b *Book) dirty() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.saves.Changed() || b.open.Load() > 0
}

// within reports whether an incident is of a zone at or below another.
func within(zone string, top wire.Name) bool {
	name, err := wire.ParseName(zone)
	return err == nil && name.Within(top)
}
