// Following the keys of zones with trust anchors: asking for them, and what comes of it.

package trustanchor

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/guard"
	"bailiwick/internal/rest"
	"bailiwick/wire"
)

// Follower follows the keys of all zones with trust anchors (RFC 5011), by questions of its own. It
// is safe for concurrent use.
type Follower struct {
	parts FollowerParts

	mu         sync.Mutex
	configured *Set                     // what is trusted without it; guarded by mu
	cfg        Config                   // guarded by mu
	zones      map[wire.Name]*following // of configured; guarded by mu
	unsaved    bool                     // the last attempt to save has failed; guarded by mu
	save       time.Time                // when it is tried again; guarded by mu
}

// FollowerParts are the dependencies of a Follower.
type FollowerParts struct {
	Clock clock.Clock
	Log   *slog.Logger
	Guard *guard.Guard // may be nil
	Rest  *rest.Rest   // nil: it never rests
	// Ask returns the DNSKEY set of a zone, from its servers.
	Ask func(ctx context.Context, zone wire.Name) (Sighting, *cause.Failure)
	// Tell sends a question whose name is the message, see signalName.
	Tell func(ctx context.Context, name wire.Name)
	// Load and Save keep what is known from one start to the next.
	Load func(read func(io.Reader) error) error
	Save func(write func(io.Writer) error) error
}

// following is what is known of a zone.
type following struct {
	Point
	next time.Time // age at which it is asked for again
	last Sighting  // the last validated one

	asked    time.Time // time of day
	failures int       // since the last validated set
	failure  string    // why the last attempt failed
	told     time.Time // age at which Tell was called
	alone    bool      // that nothing is trusted any more is in the log
}

// tick is how often the follower looks at the clock, which a test may move.
const tick = time.Second

// saveAgain is how long after a failure it is tried again to save what is known.
const saveAgain = 10 * time.Minute

// tellInterval is how often a zone is told which of its keys are trusted (RFC 8145, section 5.1);
// BIND does so once a day.
const tellInterval = 24 * time.Hour

// NewFollower returns a follower that knows what was saved. It follows nothing before Configure.
func NewFollower(p FollowerParts) *Follower {
	f := &Follower{parts: p, configured: &Set{}, zones: map[wire.Name]*following{}}
	err := p.Load(func(r io.Reader) error {
		points, err := readPoints(r)
		for _, pt := range points {
			f.zones[pt.Zone] = &following{Point: pt}
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		clear(f.zones) // who loads has reported it
	}
	return f
}

// Preview returns the anchors that would be trusted under a configuration, and changes nothing.
func (f *Follower) Preview(cfg Config, configured *Set) *Set {
	f.mu.Lock()
	defer f.mu.Unlock()
	return trusted(cfg, configured, f.under(configured))
}

// Configure sets the configured anchors. What is known of zones that have none any more is
// forgotten.
func (f *Follower) Configure(cfg Config, configured *Set) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cfg, f.configured = cfg, configured
	if !cfg.Follow {
		return // what is known is kept, for when it is switched on again
	}
	zones := f.under(configured)
	for zone, z := range f.zones {
		switch now := zones[zone]; {
		case now == nil:
			f.parts.Log.Info("the keys of a zone are not followed any more", "zone",
				zone.String())
		case len(now.Keys) < len(z.Keys):
			f.parts.Log.Warn("the configuration has withdrawn trust anchors", "zone",
				zone.String(), "keys", len(z.Keys)-len(now.Keys))
		}
	}
	for _, z := range zones {
		f.revoked(z)
	}
	f.zones = zones
}

// Differs reports whether anchors are others than the configured ones.
func (f *Follower) Differs(configured *Set) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(Changed(f.configured, configured)) > 0
}

// under returns what is known of the zones that have configured anchors, as if those were these.
func (f *Follower) under(configured *Set) map[wire.Name]*following {
	zones := map[wire.Name]*following{}
	for zone, from := range configured.anchors {
		z := following{Point: Point{Zone: zone}}
		if known := f.zones[zone]; known != nil {
			z = *known
		}
		z.Point = z.Point.Configure(from)
		z.next = time.Time{} // at once: its keys may be other ones
		zones[zone] = &z
	}
	return zones
}

// Trusted returns the anchors to trust.
func (f *Follower) Trusted() *Set {
	f.mu.Lock()
	defer f.mu.Unlock()
	return trusted(f.cfg, f.configured, f.zones)
}

func trusted(cfg Config, configured *Set, zones map[wire.Name]*following) *Set {
	if !cfg.Follow {
		return configured
	}
	ds := map[wire.Name][]wire.DS{}
	for zone, z := range zones {
		ds[zone] = z.Trusted()
	}
	return configured.with(ds)
}

// Run follows until ctx ends. It calls changed when other anchors are to be trusted.
func (f *Follower) Run(ctx context.Context, changed func()) {
	for more := true; more; more = f.parts.Rest.Wait(ctx, tick, nil) {
		f.parts.Guard.Run(guard.Upkeep, func() { f.Step(ctx, changed) })
	}
}

// Step does what is due by the clock.
func (f *Follower) Step(ctx context.Context, changed func()) {
	for z := f.due(); z != nil && ctx.Err() == nil; z = f.due() {
		f.refresh(ctx, z, changed)
	}
	f.saveLate()
}

// due returns a zone that has to be asked for its keys, and notes that it is; nil without one.
func (f *Follower) due() *following {
	now := f.parts.Clock.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.cfg.Follow {
		return nil
	}
	for _, z := range f.zones {
		if !now.Before(z.next) && len(z.Trusted()) > 0 {
			z.next = now.Add(leastInterval) // whatever comes of it
			return z
		}
	}
	return nil
}

// refresh asks for a zone's keys, and draws the conclusions.
func (f *Follower) refresh(ctx context.Context, z *following, changed func()) {
	zone := z.Zone
	s, failure := f.parts.Ask(ctx, zone)
	if ctx.Err() != nil {
		return
	}
	age := f.parts.Clock.Now()
	at := Times{Age: age, Day: age.Add(f.parts.Clock.Ahead())}
	if f.observed(z, s, failure, at) {
		changed()
	}
	if name, ok := f.signal(zone, age); ok && failure == nil {
		f.parts.Tell(ctx, name)
	}
}

// observed notes what was seen, and reports whether other anchors are to be trusted. What was asked
// before others were, may have been judged by the old ones: it says nothing, and the zone is asked
// again.
func (f *Follower) observed(z *following, s Sighting, failure *cause.Failure, at Times) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	zone := z.Zone
	if f.zones[zone] != z {
		return false
	}
	before := z.Trusted()
	point, changes := z.Observe(s, at)
	z.Point, z.asked = point, at.Day
	if s.Validated {
		if z.failures > 0 {
			f.parts.Log.Info("the keys of a trust anchor's zone are validated again", "zone",
				zone.String(), "failures", z.failures)
		}
		z.failures, z.failure, z.last = 0, "", s
		z.next = at.Age.Add(early(s.QueryInterval()))
	} else {
		f.failed(z, failure)
		z.next = at.Age.Add(early(z.last.RetryInterval()))
	}
	for _, c := range changes {
		say := f.parts.Log.Info
		if c.To == Start || c.To == Missing || c.To == Revoked {
			say = f.parts.Log.Warn
		}
		say("trust anchor", "zone", zone.String(), "key", c.Tag, "from", c.From.String(), "to",
			c.To.String(), "reason", c.Why)
	}
	f.revoked(z)
	if s.Validated || len(changes) > 0 {
		f.keep(at.Age)
	}
	return !slices.EqualFunc(before, z.Trusted(), same)
}

// revoked logs once that nothing is trusted any more of a zone.
func (f *Follower) revoked(z *following) {
	if len(z.Trusted()) == 0 && !z.alone {
		f.parts.Log.Error("all trust anchors of a zone are revoked: it is not validated any more",
			"zone", z.Zone.String(), "hint", "configure its new key (trust_anchors)")
	}
	z.alone = len(z.Trusted()) == 0
}

// failed notes that a zone's keys could not be validated. The first of several failures is logged,
// and then those after which there are twice as many.
func (f *Follower) failed(z *following, failure *cause.Failure) {
	z.failures++
	z.failure = "no trust anchor has signed its keys"
	if failure != nil {
		z.failure = failure.Cause.Label() + ": " + failure.Error()
	}
	validated := "never"
	if !z.Seen.IsZero() {
		validated = stamp(z.Seen)
	}
	if z.failures&(z.failures-1) == 0 {
		f.parts.Log.Warn("the keys of a trust anchor's zone cannot be validated", "zone",
			z.Zone.String(), "failures", z.failures, "reason", z.failure, "validated",
			validated)
	}
}

// early returns an interval less a random part of up to an eighth, so that the servers of a fleet
// do not ask all at once; RFC 5011's intervals are the longest allowed.
func early(d time.Duration) time.Duration {
	return max(leastInterval, d-time.Duration(rand.Int64N(int64(d/8)+1)))
}

// keep saves what is known.
func (f *Follower) keep(now time.Time) {
	points := make([]Point, 0, len(f.zones))
	for _, z := range f.zones {
		points = append(points, z.Point)
	}
	slices.SortFunc(points, func(a, b Point) int { return a.Zone.Compare(b.Zone) })
	err := f.parts.Save(func(w io.Writer) error { return writePoints(w, points) })
	f.unsaved, f.save = err != nil, now.Add(saveAgain) // who saves has reported it
}

// saveLate tries again what has failed.
func (f *Follower) saveLate() {
	now := f.parts.Clock.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unsaved && !now.Before(f.save) {
		f.keep(now)
	}
}

// signal returns the name that tells a zone which of its keys are trusted, if it is time to do so.
func (f *Follower) signal(zone wire.Name, now time.Time) (name wire.Name, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	z := f.zones[zone]
	if z == nil || !f.cfg.Signal || !z.told.IsZero() && now.Sub(z.told) < tellInterval {
		return name, false
	}
	z.told = now
	return signalName(zone, z.Trusted())
}

// Refresh has all zones asked for their keys at once. The answer to a question that is under way
// is not waited for: it may have been judged by other anchors.
func (f *Follower) Refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for zone, was := range f.zones {
		z := *was
		z.next = time.Time{}
		f.zones[zone] = &z
	}
}

// Reset forgets what is known of a zone's keys: the configured anchors are to be trusted, even
// those that were revoked. It returns false for a zone that is not followed.
func (f *Follower) Reset(zone wire.Name) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	z := f.zones[zone]
	if z == nil || !f.cfg.Follow {
		return false
	}
	f.zones[zone] = &following{Point: Point{Zone: zone, From: z.From}}
	f.keep(f.parts.Clock.Now())
	return true
}

// Status is how it goes with a zone.
type Status struct {
	Point
	Next     time.Duration // until it is asked for again
	Asked    time.Time     // time of day; zero: not yet
	Failures int           // since the last validated set
	Failure  string        // why the last attempt failed
}

// Status returns how it goes with all zones that are followed, in canonical order.
func (f *Follower) Status() (all []Status) {
	now := f.parts.Clock.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.cfg.Follow {
		return nil
	}
	for _, z := range f.zones {
		all = append(all, Status{Point: z.Point, Next: max(0, z.next.Sub(now)), Asked: z.asked,
			Failures: z.failures, Failure: z.failure})
	}
	slices.SortFunc(all, func(a, b Status) int { return a.Zone.Compare(b.Zone) })
	return all
}
