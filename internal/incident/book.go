// The book of incidents: how they begin and end.

package incident

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/guard"
	"bailiwick/internal/rest"
	"bailiwick/internal/rounds"
	"bailiwick/internal/trouble"
	"bailiwick/wire"
)

// Config is what the operator decides about incidents.
type Config struct {
	// Queries is how many queries have to fail before there is an incident: names that one client
	// mistypes are none.
	Queries int
	// Settle is how long a zone has to be well again before its incident ends.
	Settle time.Duration
	// TestZones are zones that are broken on purpose, for tests of resolvers. What fails at or
	// below them is counted and is not an incident.
	TestZones []wire.Name
	// Series is how many client networks have series of their own in the metrics.
	Series int
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config {
	c := Config{Queries: 5, Settle: 2 * time.Minute, Series: 20}
	for _, zone := range []string{"dnssec-failed.org", "rhybar.cz", "sigfail.verteiltesysteme.net",
		"servfail.nl", "dnssec-or-not.net", "badsign-a.test.dnssec-tools.org",
		"fail01.dnssec.works"} {
		c.TestZones = append(c.TestZones, wire.MustParseName(zone))
	}
	return c
}

// Parts are what a Book works with.
type Parts struct {
	Clock clock.Clock
	Log   *slog.Logger
	Guard *guard.Guard
	Rest  *rest.Rest // nil: it never rests
	// Check resolves a question as a client's query is resolved, and returns why it fails, or the
	// exception that it is answered by; nil if it is answered as any other.
	Check func(ctx context.Context, q wire.Question) *cause.Failure
	Load  func(read func(io.Reader) error) error
	Save  func(write func(io.Writer) error) error
}

// Book has all incidents. It is used by several goroutines.
type Book struct {
	p   Parts
	cfg atomic.Pointer[Config]

	open    atomic.Int64  // how many incidents are open
	tests   atomic.Uint64 // failures at and below the test zones
	evicted atomic.Uint64 // records that gave way to others

	networks networks

	mu      sync.RWMutex
	records map[key]*record         // guarded by mu, as is all below
	zones   map[wire.Name][]*record // the open incidents of each zone
	ended   []Incident              // the newest last
	counts  map[counted]uint64      // incidents that began and ended
	times   [recoveryBuckets]int    // see Recoveries
	total   time.Duration           // of all recoveries
	windows []Window
	lines   trouble.Lines
	saves   rounds.Saves
}

// counted is what incidents are counted by.
type counted struct {
	kind cause.Kind
	how  Ending // Open: they began
}

// record is an incident that has not ended, or what may become one. Times are ages by the clock.
type record struct {
	key
	name    wire.Name // of the zone
	first   time.Time
	last    atomic.Int64 // nanoseconds after first
	queries atomic.Uint64
	clients sketch
	before  int          // clients, as an earlier process has counted them
	hint    atomic.Int64 // second at which a name below the zone was resolved, 0 if none was lately
	// lines are the nanoseconds after first from which the next log line of an outcome is due.
	lines [cause.Outcomes]atomic.Int64

	// open is written with the book's mu, which guards all below.
	open     atomic.Bool
	detail   string
	question wire.Question
	checked  time.Time // when the question was asked by the book
	due      time.Time // when it will be
	wait     time.Duration
	good     time.Time // since when it is answered, zero if it is not
	quiet    bool      // it began in a maintenance window
}

// NewBook returns the book that an earlier process has left.
func NewBook(c Config, p Parts) *Book {
	b := &Book{p: p, records: map[key]*record{}, zones: map[wire.Name][]*record{},
		counts: map[counted]uint64{}, lines: trouble.Lines{Most: maxLines},
		networks: networks{of: map[netip.Prefix]*answers{}}}
	b.Configure(c)
	b.load()
	return b
}

// Configure changes the configuration.
func (b *Book) Configure(c Config) { b.cfg.Store(&c) }

// Failed records that a client's query has failed. It is called for each of them, those answered
// from memory too, and allocates nothing for an incident that is known. The question's name may be
// in memory that is used again.
//
// It reports whether a log line about the failure is due, and for the line how many queries have
// failed so for the zone and the cause, and from about how many networks. Failures that are no
// zone's fault, and those of test zones, are not counted, and a line is due for each.
func (b *Book) Failed(q wire.Question, client netip.Addr, f *cause.Failure,
	o cause.Outcome) (queries uint64, networks int, due bool) {
	k, ok := keyOf(f)
	if !ok {
		return 0, 0, true
	}
	cfg := b.cfg.Load()
	for _, zone := range cfg.TestZones {
		if q.Name.Within(zone) {
			b.tests.Add(1)
			return 0, 0, true
		}
	}
	from := network(client)
	if f.Cause.Kind() == cause.KindDNSSEC {
		b.networks.failed(from)
	}
	now := b.p.Clock.Now()
	b.mu.RLock()
	r := b.records[k]
	b.mu.RUnlock()
	if r == nil {
		if r = b.begin(k, kept(q), f, now); r == nil {
			return 0, 0, true
		}
	}
	r.clients.add(from)
	r.last.Store(int64(now.Sub(r.first)))
	n := r.queries.Add(1)
	if n >= uint64(cfg.Queries) && !r.open.Load() {
		b.opened(r, kept(q))
	}
	if !r.lineDue(o, now) {
		return 0, 0, false
	}
	return n, r.networks(), true
}

// lineDue reports whether a log line is due: when an outcome is new, and while clients meet it each
// lineEvery.
func (r *record) lineDue(o cause.Outcome, now time.Time) bool {
	line := &r.lines[o]
	at, due := int64(now.Sub(r.first)), line.Load()
	return at >= due && line.CompareAndSwap(due, at+int64(lineEvery))
}

// kept returns a copy of a question that nobody else writes to.
func kept(q wire.Question) wire.Question {
	q.Name = wire.NameOf(strings.Clone(q.Name.Wire()))
	return q
}

// begin makes the record of a failure that has none; nil if its zone has no name.
func (b *Book) begin(k key, q wire.Question, f *cause.Failure, now time.Time) *record {
	name, err := wire.ParseName(k.zone)
	if err != nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.records[k]; r != nil {
		return r
	}
	if len(b.records) >= maxIncidents {
		b.evict()
	}
	r := &record{key: k, name: name, first: now, detail: shortened(f.Error(), maxDetail),
		question: q, wait: firstCheck, due: now.Add(firstCheck)}
	b.records[k] = r
	return r
}

// evict removes the record that matters least of some random ones: those that are not incidents
// come before those that are, and fewer clients before more. The caller holds mu.
func (b *Book) evict() {
	var victim *record
	seen := 0
	for _, r := range b.records { // Go begins anywhere
		if victim == nil || r.less(victim) {
			victim = r
		}
		if seen++; seen == victims {
			break
		}
	}
	b.drop(victim)
	b.evicted.Add(1)
}

// less reports whether r matters less than o.
func (r *record) less(o *record) bool {
	if o.open.Load() != r.open.Load() {
		return o.open.Load()
	}
	if m, n := r.networks(), o.networks(); m != n {
		return m < n
	}
	return r.queries.Load() < o.queries.Load()
}

// networks returns how many client networks the record has seen.
func (r *record) networks() int { return max(r.clients.count(), r.before) }

// drop removes a record. The caller holds mu.
func (b *Book) drop(r *record) {
	delete(b.records, r.key)
	if !r.open.Load() {
		return
	}
	b.saves.Change()
	b.open.Add(-1)
	list := slices.DeleteFunc(b.zones[r.name], func(o *record) bool { return o == r })
	if b.zones[r.name] = list; len(list) == 0 {
		delete(b.zones, r.name)
	}
}

// enter has a record among the open incidents. The caller holds mu.
func (b *Book) enter(r *record) {
	r.open.Store(true)
	b.open.Add(1)
	b.zones[r.name] = append(b.zones[r.name], r)
}

// opened makes an incident of a record, and has the log say so.
func (b *Book) opened(r *record, q wire.Question) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.open.Load() || b.records[r.key] != r {
		return
	}
	r.question, r.quiet = q, b.maintained(r.name)
	b.saves.Change()
	b.enter(r)
	b.counts[counted{r.cause.Kind(), Open}]++
	level := slog.LevelWarn
	if r.quiet {
		level = slog.LevelInfo
	}
	b.say(level, "incident begins", "zone", r.zone, "cause", r.cause.Label(), "detail", r.detail,
		"queries", r.queries.Load(), "client_networks", r.networks(), "maintenance", r.quiet,
		"hint", r.cause.Hint())
}

// say writes a log line, if there are not too many. The caller holds mu.
func (b *Book) say(level slog.Level, line string, args ...any) {
	left, ok := b.lines.Take(b.p.Clock.Now())
	if !ok {
		return
	}
	if left > 0 {
		args = append(args, "lines_left_out", left)
	}
	b.p.Log.Log(context.Background(), level, line, args...)
}

// Resolved records that a name was resolved just now: the incidents of zones above it are looked at
// soon. It costs one atomic read while there are none.
func (b *Book) Resolved(name wire.Name) {
	if b.open.Load() == 0 {
		return
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	now := b.p.Clock.Now()
	for n := name; ; n = n.Parent() {
		for _, r := range b.zones[n] {
			r.hint.CompareAndSwap(0, now.Unix())
		}
		if n.IsRoot() {
			return
		}
	}
}
