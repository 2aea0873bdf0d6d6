// What the book tells.

package watch

import (
	"maps"
	"slices"
	"time"

	"bailiwick/internal/check"
	"bailiwick/internal/clock"
	"bailiwick/internal/rollover"
	"bailiwick/wire"
)

// State is what is known of a zone. Times are times of day, zero if there is none.
type State struct {
	Zone
	Outcome string // of the last probe, one of Outcomes
	Probed  time.Time
	Since   time.Time // it is so, but for outcomes that are not known
	Failing bool      // the last outcome that is known was bad
	// Cause and Detail are why the last probe did not succeed, "" if it did.
	Cause, Detail, Hint string
	Status              wire.Security // as the resolver sees it
	Rate                Rate          // of the window
	Period              Rate          // of the time that was asked for
	Counts              [3]uint64     // probes by outcome, since the process began
	Findings            []Finding     // the gravest first
	Set                 string        // whose signatures end first
	Expires             time.Time
	Maintenance         bool
	Rolls               []Rollover // the newest last
}

// Rollover is a change of a zone's keys, and what is due next.
type Rollover struct {
	rollover.Roll
	Due rollover.Due
}

// Count returns how many findings there are of a severity, without those that may be passing.
func (s *State) Count(of check.Severity) (n int) {
	for _, f := range s.Findings {
		if f.Severity == of && !f.Passing {
			n++
		}
	}
	return n
}

// List returns the zones in the order of the configuration; their periods begin at a time.
func (b *Book) List(from time.Time) (list []State) {
	now := clock.Wall(b.p.Clock)
	cfg := b.cfg.Load()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, z := range b.zones {
		objective := cfg.objective(&z.cfg)
		s := State{Zone: z.cfg, Outcome: z.outcome.String(), Probed: z.probed, Since: z.Since,
			Failing: z.Failing, Status: z.status,
			Rate:     z.Rate.since(now.Add(-window), now, objective),
			Period:   z.Rate.since(from, now, objective),
			Counts:   z.counts,
			Findings: ordered(slices.Collect(maps.Values(z.Findings))), Set: z.Set,
			Expires: z.Expires, Maintenance: b.p.Maintained(z.cfg.Name)}
		for i := range z.Rolls.Rolls {
			r := &z.Rolls.Rolls[i]
			s.Rolls = append(s.Rolls, Rollover{r.Clone(), z.Rolls.Due(r)})
		}
		if z.failure != nil {
			s.Cause, s.Detail = z.failure.Cause.Label(), z.failure.Error()
			s.Hint = z.failure.Cause.Hint()
		}
		list = append(list, s)
	}
	return list
}

// Overall returns how many of all responses to clients did not fail validation, in the window and
// from a time on.
func (b *Book) Overall(from time.Time) (month, period Rate) {
	b.sample()
	now, objective := clock.Wall(b.p.Clock), b.cfg.Load().Objective
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.overall.since(now.Add(-window), now, objective),
		b.overall.since(from, now, objective)
}

// Sent returns how many queries probes have sent.
func (b *Book) Sent() uint64 { return b.budget.total.Load() }
