// The keeper: it checks the zones when their schedules say so, and puts what it gets to use.

package secondary

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/aside"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/guard"
	"bailiwick/internal/rest"
	"bailiwick/internal/rounds"
	"bailiwick/internal/state"
	"bailiwick/internal/web"
	"bailiwick/wire"
	"bailiwick/zone"
)

// Parts are what a keeper works with.
type Parts struct {
	Clock clock.Clock
	Log   *slog.Logger
	Guard *guard.Guard     // may be nil
	Rest  *rest.Rest       // nil: it never rests
	State *state.Directory // nil: the copies are in memory only
	// Lookup returns the addresses of a host.
	Lookup func(ctx context.Context, host wire.Name) ([]netip.Addr, error)
	// Judge validates what a zone says of a type at its apex, with the keys that are in it.
	Judge func(ctx context.Context, z *zone.Zone, t wire.Type) (wire.Security, *cause.Failure)
	// Changed is called when a zone has another version; nil if nobody has to know.
	Changed func(zone wire.Name)
	// Dial connects to a source; nil for the network's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Roots issue the certificates of web servers; nil: the system's.
	Roots *x509.CertPool
}

// Keeper keeps the copies.
type Keeper struct {
	parts  Parts
	web    *http.Client
	rounds *rounds.Rounds
	zones  atomic.Pointer[map[wire.Name]*held] // replaced whole

	mu     sync.Mutex // of all below, and of what zones say of their state
	octets int64
	busy   int // zones that are being checked
	saves  rounds.Saves
}

// held is a zone with its copy.
type held struct {
	spec Zone
	copy atomic.Pointer[Copy]
	// answers counts the questions that the copy was asked, and checks those of the sources by
	// their outcome.
	answers atomic.Int64
	checks  [outcomes]atomic.Int64

	// What follows is guarded by Keeper.mu.
	schedule
	busy    bool
	first   chan struct{} // closed when the first check has ended
	read    *File         // that was read before the next check, nil for none
	gone    bool          // it is not kept any more
	late    bool          // that it has expired is said
	source  string
	digest  string
	problem string // why the last check failed
	known   map[netip.Addr]bool
}

// The outcomes of a check.
const (
	outcomeUpdated = iota
	outcomeCurrent
	outcomeFailed
	outcomes
)

// Copy is the copy of a zone that is in use until it expires. It is immutable.
type Copy struct {
	*zone.Zone
	expires time.Time
	answers *atomic.Int64
}

// Answer returns what a server of the zone would answer, and counts the question.
func (c *Copy) Answer(q wire.Question) *wire.Message {
	c.answers.Add(1)
	return c.Zone.Answer(q)
}

// New returns a keeper of no zones.
func New(p Parts) *Keeper {
	if p.Dial == nil {
		p.Dial = (&net.Dialer{}).DialContext
	}
	k := &Keeper{parts: p, rounds: rounds.New(p.Guard, p.Rest, tick), octets: defaultOctets}
	k.web = web.Client(web.Parts{Lookup: p.Lookup, Dial: p.Dial, Roots: p.Roots})
	k.zones.Store(&map[wire.Name]*held{})
	return k
}

// day returns the time of day.
func (k *Keeper) day() time.Time { return clock.Wall(k.parts.Clock) }

// Closest returns the copy of the deepest zone at or above a name that may be used now, nil if
// there is none.
func (k *Keeper) Closest(name wire.Name) *Copy {
	zones := *k.zones.Load()
	if len(zones) == 0 {
		return nil
	}
	for now := k.parts.Clock.Now(); ; name = name.Parent() {
		if h := zones[name]; h != nil && !h.spec.Policy && !h.spec.Catalog {
			if c := h.copy.Load(); c != nil && now.Before(c.expires) {
				return c
			}
		}
		if name.IsRoot() {
			return nil
		}
	}
}

// Latest returns the latest copy of a zone, whether it has expired or not; nil if there is none.
func (k *Keeper) Latest(name wire.Name) *zone.Zone {
	if h := (*k.zones.Load())[name]; h != nil {
		if c := h.copy.Load(); c != nil {
			return c.Zone
		}
	}
	return nil
}

// Replace keeps the zones of a configuration from now on. Those that were kept alike keep their
// copies, and are read again if they are in files alone; others of the same name keep them until
// they are checked again, if their digest is no matter of dispute.
func (k *Keeper) Replace(c Config) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.octets = c.Octets
	old, now := *k.zones.Load(), k.parts.Clock.Now()
	next := map[wire.Name]*held{}
	for _, z := range c.Zones {
		before, read := old[z.Name], c.Files[z.Name]
		if before != nil && before.spec.equal(&z) {
			next[z.Name] = before
			if z.onlyFile() { // somebody may have changed it
				before.next, before.read = now, read
			}
			continue
		}
		h := &held{spec: z, first: make(chan struct{}), read: read}
		h.next = now
		if before != nil && before.spec.Digest == z.Digest && before.spec.ID == z.ID &&
			before.copy.Load() != nil {
			h.adopt(before)
		}
		next[z.Name] = h
	}
	for name, h := range old {
		if h.gone = next[name] != h; h.gone {
			k.saves.Change()
		}
	}
	k.zones.Store(&next)
	k.Wake()
}

// adopt takes over the copy of the same zone, kept in another way.
func (h *held) adopt(o *held) {
	c := o.copy.Load()
	next := h.next
	h.schedule, h.source, h.digest = o.schedule, o.source, o.digest
	h.schedule.next, h.schedule.failures = next, 0
	h.copy.Store(&Copy{c.Zone, c.expires, &h.answers})
}

// Start takes what is on the disk to use, and begins to check all zones. It waits for those that
// are in files alone, so that the first query finds them: a moment, and longer for policy zones, as
// nothing stands in for them.
func (k *Keeper) Start() {
	k.load()
	k.rounds.Start(k.begin)
	soon, cancel := context.WithTimeout(k.rounds.Context(), startTime)
	defer cancel()
	later, cancel := context.WithTimeout(k.rounds.Context(), policyStartTime)
	defer cancel()
	for _, h := range *k.zones.Load() {
		until := soon
		if h.spec.Policy {
			until = later
		}
		if h.spec.onlyFile() {
			select {
			case <-h.first:
			case <-until.Done():
			}
		}
	}
}

// Close ends all checks, and saves the copies.
func (k *Keeper) Close() {
	k.rounds.Close()
	k.mu.Lock()
	changed := k.saves.Changed()
	k.mu.Unlock()
	if changed {
		_ = k.saves.Save(&k.mu, k.save) // it is logged
	}
}

// Wake has the schedules looked at now.
func (k *Keeper) Wake() { k.rounds.Wake() }

// begin begins the checks that are due.
func (k *Keeper) begin() (idle bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.parts.Clock.Now()
	for _, h := range *k.zones.Load() {
		k.expire(h, now)
		if h.busy || now.Before(h.next) || k.busy == maxTransfers {
			continue
		}
		h.busy, h.checked = true, now
		k.busy++
		k.rounds.Go(func() { aside.InPieces(func() { k.check(h) }) }, func() { k.ended(h) })
	}
	if k.parts.State != nil {
		k.rounds.Save(&k.saves, &k.mu, k.parts.Clock.Now, saveEvery, k.save)
	}
	return len(*k.zones.Load()) == 0 && (!k.saves.Changed() || k.parts.State == nil) &&
		!k.saves.Running()
}

// expire notes that a copy has expired, and lets its memory go; what is left is the serial.
func (k *Keeper) expire(h *held, now time.Time) {
	c := h.copy.Load()
	switch {
	case c == nil || now.Before(c.expires) || h.late:
		return
	case h.spec.Policy:
		h.late = true
		k.parts.Log.Error("a policy zone has expired; its rules hold until there is a newer one",
			"zone", h.spec.Name.String(), "serial", c.SOA().Serial, "age",
			now.Sub(h.confirmed).Round(time.Second).String(), "problem", h.problem)
		return
	}
	h.copy.Store(nil)
	k.saves.Change()
	k.parts.Log.Error("the copy of a zone has expired, and is not used any more", "zone",
		h.spec.Name.String(), "serial", c.SOA().Serial, "age",
		now.Sub(h.confirmed).Round(time.Second).String(), "problem", h.problem)
}

// ended notes the end of a check.
func (k *Keeper) ended(h *held) {
	k.mu.Lock()
	if k.busy--; h.busy && !h.next.After(h.checked) { // there was a panic
		h.schedule = h.schedule.failed(k.parts.Clock.Now())
	}
	h.busy = false
	select {
	case <-h.first:
	default:
		close(h.first)
	}
	k.mu.Unlock()
	k.Wake() // others may wait for their turn
}

// check asks the sources of a zone until one confirms the copy or has a newer one that is right.
func (k *Keeper) check(h *held) {
	ctx, cancel := context.WithTimeout(k.rounds.Context(), maxTransferTime)
	defer cancel()
	var have *zone.Zone
	if c := h.copy.Load(); c != nil {
		have = c.Zone
	}
	room := k.room(h)
	var failed []error
	k.mu.Lock()
	read := h.read
	h.read = nil // it is read once more at most
	k.mu.Unlock()
	for _, s := range k.sources(&h.spec, read, room) {
		got, digest, err := k.from(ctx, h, s, have)
		if k.rounds.Context().Err() != nil {
			return
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		if k.succeeded(h, s.name, got, digest) && k.parts.Changed != nil {
			k.parts.Changed(h.spec.Name)
		}
		return
	}
	k.failed(h, errors.Join(failed...))
}

// from gets a zone from a source, and checks it. If the changes lead to a zone that is not right,
// the whole zone is transferred.
func (k *Keeper) from(ctx context.Context, h *held, s source, have *zone.Zone) (*zone.Zone, string,
	error) {
	got, err := s.fetch(ctx, have, false)
	if err != nil {
		return nil, "", err
	}
	if got == nil {
		return nil, k.again(ctx, h, have), nil
	}
	digest, err := k.verify(ctx, &h.spec, got)
	if err != nil && s.incremental && have != nil && ctx.Err() == nil {
		if got, err = s.fetch(ctx, have, true); err == nil {
			digest, err = k.verify(ctx, &h.spec, got)
		}
	}
	return got, digest, err
}

// again returns how it is with the digest of a zone that is still current, now that its parent can
// perhaps be asked.
func (k *Keeper) again(ctx context.Context, h *held, have *zone.Zone) string {
	k.mu.Lock()
	digest := h.digest
	k.mu.Unlock()
	if digest == digestUnproven {
		if now, err := k.verify(ctx, &h.spec, have); err == nil {
			return now
		}
	}
	return digest
}

// room returns how many octets a zone may take beside the others.
func (k *Keeper) room(h *held) int {
	k.mu.Lock()
	left := k.octets
	k.mu.Unlock()
	for _, o := range *k.zones.Load() {
		if c := o.copy.Load(); c != nil && o != h {
			left -= int64(c.Size())
		}
	}
	return int(max(0, min(left, zone.MaxOctets)))
}

// succeeded puts a zone to use; nil confirms the one in use. It reports whether that changes what
// there was: another version or, of a policy zone or a catalog, none.
func (k *Keeper) succeeded(h *held, from string, got *zone.Zone, digest string) (changed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h.gone {
		return false
	}
	now, before, outcome := k.parts.Clock.Now(), h.copy.Load(), outcomeUpdated
	if got == nil {
		if before == nil { // it has expired meanwhile
			h.schedule = h.schedule.failed(now)
			return false
		}
		got, outcome = before.Zone, outcomeCurrent
	}
	recovered := h.failures > 0
	h.schedule = h.schedule.succeeded(now, got.SOA(), rand.IntN(100))
	h.source, h.digest, h.problem, h.late = from, digest, "", false
	h.copy.Store(&Copy{got, h.expires, &h.answers})
	h.checks[outcome].Add(1)
	k.saves.Change()
	said := []any{"zone", h.spec.Name.String(), "serial", got.SOA().Serial, "source", from,
		"digest", digest, "records", got.Records(), "bytes", got.Size()}
	switch {
	case outcome == outcomeUpdated && before != nil && got.Records() < before.Records()/2:
		// A zone may shrink. One that is signed proves what it lacks, and a policy zone is its
		// maker's to shorten, so it is used, as by all other resolvers.
		k.parts.Log.Warn("zone has lost more than half of its records", append(said, "before",
			before.Records())...)
	case outcome == outcomeUpdated:
		k.parts.Log.Info("zone transferred", said...)
	case recovered:
		k.parts.Log.Info("zone is current again", said...)
	}
	return outcome == outcomeUpdated && (before != nil || h.spec.Policy || h.spec.Catalog)
}

// failed notes that no source was of use.
func (k *Keeper) failed(h *held, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.parts.Clock.Now()
	h.schedule = h.schedule.failed(now)
	h.problem = err.Error()
	h.checks[outcomeFailed].Add(1)
	if h.gone || h.failures > 1 && h.failures&(h.failures-1) != 0 {
		return // the log has it at the first time, the second, the fourth and so on
	}
	said := []any{"zone", h.spec.Name.String(), "error", h.problem, "times", h.failures, "retry_in",
		h.next.Sub(now).Round(time.Second).String()}
	if h.usable(now) {
		k.parts.Log.Warn("zone cannot be checked; its copy is used until it expires", append(said,
			"expires_in", h.expires.Sub(now).Round(time.Second).String())...)
		return
	}
	k.parts.Log.Error("there is no copy of the zone that could be used", said...)
}

// Refresh has a zone checked now. It reports whether the zone is kept.
func (k *Keeper) Refresh(name wire.Name) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := (*k.zones.Load())[name]
	if h == nil {
		return false
	}
	h.next = k.parts.Clock.Now()
	k.Wake()
	return true
}

// Status is how it is with a zone.
type Status struct {
	Zone     wire.Name
	Usable   bool
	Serial   uint32
	Records  int
	Bytes    int
	Source   string
	Digest   string
	Problem  string        // why the last check failed
	Age      time.Duration // since a source has confirmed the copy; all times are 0 without one
	Next     time.Duration // until the next check
	Expires  time.Duration // until the copy must not be used any more
	Checking bool
	Answers  int64

	Updated, Current, Failed int64 // checks
}

// Status returns how it is with all zones, in the order of their names.
func (k *Keeper) Status() (list []Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, zones := k.parts.Clock.Now(), *k.zones.Load()
	for _, name := range slices.SortedFunc(maps.Keys(zones), wire.Name.Compare) {
		h := zones[name]
		s := Status{Zone: name, Usable: h.usable(now), Source: h.source, Digest: h.digest,
			Problem: h.problem, Next: max(0, h.next.Sub(now)), Checking: h.busy,
			Answers: h.answers.Load(), Updated: h.checks[outcomeUpdated].Load(),
			Current: h.checks[outcomeCurrent].Load(), Failed: h.checks[outcomeFailed].Load()}
		if h.has {
			s.Age, s.Expires = now.Sub(h.confirmed), max(0, h.expires.Sub(now))
		}
		if c := h.copy.Load(); c != nil {
			s.Serial, s.Records, s.Bytes = c.SOA().Serial, c.Records(), c.Size()
		}
		list = append(list, s)
	}
	return list
}
