// The book of watched zones: what is known of each, and when it is probed.

package watch

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/check"
	"bailiwick/internal/clock"
	"bailiwick/internal/guard"
	"bailiwick/internal/rest"
	"bailiwick/internal/rollover"
	"bailiwick/internal/rounds"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Parts are what a Book works with.
type Parts struct {
	Clock clock.Clock
	Log   *slog.Logger
	Guard *guard.Guard
	Rest  *rest.Rest // nil: it never rests
	Over  transport.Exchanger
	// Resolve resolves a question as a client's query is resolved, and Why returns why it fails, or
	// would without stale data or exceptions; nil if it is answered as any other.
	Resolve func(context.Context, wire.Question, resolver.Options) *resolver.Answer
	Why     func(*resolver.Answer) *cause.Failure
	// Answered returns how many responses clients were sent since the process began, and how many
	// of them failed validation.
	Answered func() (all, failed uint64)
	// Maintained reports whether a zone is in a maintenance window.
	Maintained func(wire.Name) bool
	Load       func(read func(io.Reader) error) error
	Save       func(write func(io.Writer) error) error
}

// Book has all watched zones. It is used by several goroutines.
type Book struct {
	p      Parts
	budget budget
	cfg    atomic.Pointer[Config]
	rounds *rounds.Rounds

	mu      sync.Mutex
	zones   []*zone // guarded by mu, as is all below
	overall series
	all     uint64 // responses when overall was added to last
	failed  uint64 // those of them that failed validation
	busy    int    // probes that are under way
	saves   rounds.Saves
	saved   time.Time
}

// zone is what is known of a zone. Times are times of day, but for due.
type zone struct {
	cfg  Zone
	due  time.Time // by the clock; the next probe
	busy bool

	probed  time.Time // last
	outcome outcome
	failure *cause.Failure
	status  wire.Security
	counts  [3]uint64 // probes by outcome, since the process began
	partial int       // looks in a row that not all servers have answered
	record
}

// record is what of a zone outlives a restart.
type record struct {
	Since    time.Time // of the outcome of the last probe
	Failing  bool      // it was bad
	Rate     series
	Findings map[string]Finding
	Set      string // whose signatures end first
	Expires  time.Time
	Rolls    rollover.History
}

// NewBook returns the book that an earlier process has left.
func NewBook(c Config, p Parts) *Book {
	b := &Book{p: p, rounds: rounds.New(p.Guard, p.Rest, time.Second)}
	b.budget.clock, b.budget.turn = p.Clock, make(chan struct{}, 1)
	b.all, b.failed = p.Answered()
	b.Configure(c)
	b.load()
	return b
}

// Configure changes the configuration. Zones that stay keep what is known of them.
func (b *Book) Configure(c Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.cfg.Store(&c)
	b.budget.limit.Store(int64(c.Queries))
	known := map[wire.Name]*zone{}
	for _, z := range b.zones {
		known[z.cfg.Name] = z
	}
	b.zones = nil
	now := b.p.Clock.Now()
	for _, cfg := range c.Zones[:min(len(c.Zones), MaxZones)] {
		z := known[cfg.Name]
		if z == nil {
			z = &zone{due: now}
		}
		z.cfg, z.due = cfg, earlier(z.due, now.Add(c.Interval))
		b.zones = append(b.zones, z)
	}
	b.saves.Change()
	b.rounds.Wake()
}

// earlier returns the earlier one of two times.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Start begins to probe.
func (b *Book) Start() { b.rounds.Start(b.round) }

// Close ends what is under way, and saves what has changed.
func (b *Book) Close() {
	b.rounds.Close()
	_ = b.save() // it is logged
}

// Soon has a zone probed now. It reports whether the zone is watched.
func (b *Book) Soon(name wire.Name) bool {
	b.mu.Lock()
	z := b.find(name)
	if z != nil {
		z.due = b.p.Clock.Now()
	}
	b.mu.Unlock()
	b.rounds.Wake()
	return z != nil
}

// find returns a zone, nil if it is not watched. The caller holds mu.
func (b *Book) find(name wire.Name) *zone {
	for _, z := range b.zones {
		if z.cfg.Name == name {
			return z
		}
	}
	return nil
}

// round begins the probes that are due, and saves.
func (b *Book) round() (idle bool) {
	now := b.p.Clock.Now()
	b.sample()
	b.mu.Lock()
	for _, z := range b.zones {
		if b.busy < probesAtOnce && !z.busy && !now.Before(z.due) {
			z.busy, z.due = true, now.Add(b.cfg.Load().Interval)
			b.busy++
			b.rounds.Go(func() { b.probe(b.rounds.Context(), z) }, func() { b.done(z) })
		}
	}
	save := b.saves.Changed() && now.Sub(b.saved) >= saveEvery
	idle = len(b.zones) == 0
	b.mu.Unlock()
	if save {
		_ = b.save() // it is logged
	}
	return idle
}

// done notes that a probe is over.
func (b *Book) done(z *zone) {
	b.mu.Lock()
	defer b.mu.Unlock()
	z.busy = false
	b.busy--
}

// sample counts the responses since the last time. The counters are not read at one instant: where
// more have failed than there were, the rest is counted the next time.
func (b *Book) sample() {
	all, failed := b.p.Answered()
	b.mu.Lock()
	defer b.mu.Unlock()
	more, bad := all-b.all, failed-b.failed
	if more > 0 && bad <= more {
		b.overall = b.overall.add(clock.Wall(b.p.Clock), more-bad, bad)
		b.all, b.failed = all, failed
		b.saves.Change()
	}
}

// probe looks at a zone, and notes what was seen.
func (b *Book) probe(ctx context.Context, z *zone) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	b.mu.Lock()
	name := z.cfg.Name
	b.mu.Unlock()
	b.noted(z, b.look(ctx, name, b.cfg.Load()))
}

// noted takes what a look has seen.
func (b *Book) noted(z *zone, l *look) {
	var found []check.Finding
	var chain check.Chain
	if l.seen != nil {
		found, chain = check.Judge(l.seen), check.ChainOf(l.seen)
	}
	b.mu.Lock()
	cfg := z.cfg
	turned, lasted := z.took(l)
	var begun, ended []Finding
	var events []rollover.Event
	if l.seen != nil {
		blind := l.blind()
		if !blind {
			events = z.Rolls.Advance(z.seen(&chain, l.at))
		}
		begun, ended = z.note(found, z.Rolls.Secure(), blind, l.at)
		if set, at := ends(&chain); !at.IsZero() {
			z.Set, z.Expires = set, at
		}
	}
	b.saves.Change()
	b.mu.Unlock()
	if turned {
		b.tellTurn(&cfg, l, lasted)
	}
	b.tell(&cfg, begun, ended)
	b.tellRolls(&cfg, events)
}

// seen returns what a look has seen of the zone's keys. A server that does not answer may have what
// no other one has; when it has been silent for some looks, nobody gets that from it any more. The
// caller holds mu.
func (z *zone) seen(c *check.Chain, at time.Time) rollover.Seen {
	s := seen(z.cfg.Name, c, at)
	if z.partial++; !s.Partial {
		z.partial = 0
	}
	s.Partial = s.Partial && z.partial <= maxPartial
	return s
}

// tellRolls has the log tell of the steps of rollovers.
func (b *Book) tellRolls(z *Zone, events []rollover.Event) {
	for _, e := range events {
		lvl := slog.LevelInfo
		args := []any{"zone", z.Name.String(), "owner", z.Owner, "kind", e.Roll.Kind(), "step",
			string(e.What), "old", e.Roll.OldTags(), "new", e.Roll.NewTags(), "began",
			e.Roll.Begun().UTC().Format(time.RFC3339)}
		if e.Why != "" {
			args = append(args, "detail", e.Why.Text())
		}
		if e.What == rollover.Broken {
			lvl = slog.LevelWarn
		}
		b.p.Log.Log(context.Background(), lvl, "watched zone: rollover", args...)
	}
}

// took counts the outcome of a look. It reports whether the zone has begun to fail or has
// recovered, and how long it was as it was before. The caller holds mu.
func (z *zone) took(l *look) (turned bool, lasted time.Duration) {
	z.probed, z.outcome, z.failure, z.status = l.at, l.outcome, l.failure, l.status
	z.counts[l.outcome]++
	switch l.outcome {
	case good:
		z.Rate = z.Rate.add(l.at, 1, 0)
	case bad:
		z.Rate = z.Rate.add(l.at, 0, 1)
	default:
		return false, 0
	}
	failing := l.outcome == bad
	turned = failing != z.Failing
	if turned || z.Since.IsZero() {
		lasted, z.Since, z.Failing = l.at.Sub(z.Since), l.at, failing
	}
	return turned, lasted
}

// tellTurn has the log tell that a zone has begun to fail, or has recovered.
func (b *Book) tellTurn(z *Zone, l *look, lasted time.Duration) {
	if l.outcome == good {
		b.p.Log.Info("watched zone is well again", "zone", z.Name.String(), "owner", z.Owner,
			"failed_for", lasted.Round(time.Second).String())
		return
	}
	quiet := b.p.Maintained(z.Name)
	b.p.Log.Log(context.Background(), level(check.Error, quiet), "watched zone fails", "zone",
		z.Name.String(), "owner", z.Owner, "cause", l.failure.Cause.Label(), "detail",
		l.failure.Error(), "maintenance", quiet, "hint", l.failure.Cause.Hint())
}
