// Keeping the negative trust anchors that are added while the server runs.

package trustanchor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/rest"
	"bailiwick/wire"
)

// Ending is how a negative trust anchor ended.
type Ending uint8

// The ways.
const (
	Expired Ending = iota // its time was over
	Mended                // its zone validates again
	Taken                 // somebody removed it
	endings
)

// Endings returns all ways.
func Endings() []Ending { return []Ending{Expired, Mended, Taken} }

// String returns the label of the way.
func (e Ending) String() string { return [...]string{"expired", "mended", "removed"}[e] }

// NegativesParts are what Negatives work with.
type NegativesParts struct {
	Clock clock.Clock
	Log   *slog.Logger
	Rest  *rest.Rest // nil: it never rests
	// Configured returns the set of the configuration in use.
	Configured func() *Set
	// Check validates a zone as if there were no exceptions; "" if it validates, else why not.
	Check func(ctx context.Context, zone wire.Name) (why string)
	// Changed has the questions to come judged by the negative trust anchors as they are now.
	Changed func()
	Load    func(read func(io.Reader) error) error
	Save    func(write func(io.Writer) error) error
}

// Negatives keeps the negative trust anchors that are added while the server runs. They end by
// themselves, and are removed when their zone validates again. It also ends those of the
// configuration that have an end.
type Negatives struct {
	p NegativesParts

	mu       sync.Mutex
	list     []Temporary // by zone; guarded by mu, as is all below
	day      time.Time   // the last time of day that was looked at
	ended    [endings]uint64
	checking bool
}

// NewNegatives returns those that an earlier process has saved and that have not ended meanwhile.
func NewNegatives(p NegativesParts) *Negatives {
	n := &Negatives{p: p, day: clock.Wall(p.Clock)}
	err := p.Load(func(r io.Reader) (err error) { n.list, err = readTemporaries(r); return err })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.Log.Error("negative trust anchors of before are not known", "error", err.Error())
	}
	age := p.Clock.Now()
	for i := range n.list {
		n.list[i] = n.list[i].resume(age, n.day)
		n.p.Log.Info("negative trust anchor of before", n.list[i].said()...)
	}
	n.remove(Expired, func(t *Temporary) bool { return !age.Before(t.ends) },
		"negative trust anchor has ended")
	return n
}

// said is what log lines have of one.
func (t *Temporary) said() []any {
	return []any{"zone", t.Zone.String(), "reason", t.Reason, "owner", t.Owner, "until",
		t.Ends.Format(time.RFC3339), "added_by", t.By}
}

// Apply returns a configured set with all that hold now.
func (n *Negatives) Apply(s *Set) *Set {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := s.On(clock.Wall(n.p.Clock))
	for i := range n.list {
		c.Except(n.list[i].Zone, Negative)
	}
	return c
}

// List returns those that hold now, by zone.
func (n *Negatives) List() []Temporary {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.list)
}

// Ended returns how many have ended in a way.
func (n *Negatives) Ended(how Ending) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ended[how]
}

// Add adds one for a while, or renews it. Without force some names are refused; with it, it holds
// to its end even if the zone validates again. unsaved is why a restart would forget it, nil if it
// would not.
func (n *Negatives) Add(a NegativeAnchor, by string, lifetime time.Duration, force bool) (
	t Temporary, unsaved, err error) {
	switch {
	case lifetime <= 0:
		return t, nil, fmt.Errorf("%v: a negative trust anchor holds for longer than 0s", lifetime)
	case lifetime > MaxLifetime:
		return t, nil, fmt.Errorf("%v: a negative trust anchor holds for %v at most (RFC 7646, "+
			"section 2)", lifetime, MaxLifetime)
	}
	if err := n.p.Configured().refused(a.Zone); err != nil && !force {
		return t, nil, err
	}
	a.Reason, a.Owner = shortened(a.Reason), shortened(a.Owner)
	t = Temporary{NegativeAnchor: a, By: by, Kept: force}.begin(n.p.Clock.Now(),
		clock.Wall(n.p.Clock), lifetime)
	n.mu.Lock()
	n.list = slices.DeleteFunc(n.list, func(o Temporary) bool { return o.Zone == a.Zone })
	if len(n.list) >= maxTemporary {
		n.mu.Unlock()
		return t, nil, fmt.Errorf("there are %d negative trust anchors already: remove one",
			maxTemporary)
	}
	n.list = append(n.list, t)
	slices.SortFunc(n.list, func(a, b Temporary) int { return a.Zone.Compare(b.Zone) })
	n.mu.Unlock()
	n.p.Log.Warn("negative trust anchor added", append(t.said(), "kept", force)...)
	return t, n.changed(), nil
}

// ErrNoNegative is the error of a removal where there is nothing to remove.
var ErrNoNegative = errors.New("there is no negative trust anchor")

// Remove removes the one of a zone.
func (n *Negatives) Remove(zone wire.Name, by string) (unsaved, err error) {
	if !n.remove(Taken, func(t *Temporary) bool { return t.Zone == zone },
		"negative trust anchor removed", "by", by) {
		return nil, fmt.Errorf("%w for %s that was added by ctl", ErrNoNegative, zone)
	}
	return n.changed(), nil
}

// remove removes those that a condition holds for, and reports whether there were any.
func (n *Negatives) remove(how Ending, is func(*Temporary) bool, line string, more ...any) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := len(n.list)
	n.list = slices.DeleteFunc(n.list, func(t Temporary) bool {
		if !is(&t) {
			return false
		}
		n.ended[how]++
		n.p.Log.Warn(line, append(t.said(), more...)...)
		return true
	})
	return len(n.list) < before
}

// changed saves them, and has the questions to come judged by them.
func (n *Negatives) changed() (unsaved error) {
	list := n.List()
	unsaved = n.p.Save(func(w io.Writer) error { return writeTemporaries(w, list) })
	n.p.Changed()
	return unsaved
}

// Run ends those whose time is over, and checks the zones of the others, until ctx ends.
func (n *Negatives) Run(ctx context.Context) {
	var checks sync.WaitGroup
	defer checks.Wait()
	for n.resting().Wait(ctx, time.Second, nil) {
		if n.expire() {
			_ = n.changed() // it is logged
		}
		if t, due := n.due(); due {
			checks.Go(func() { n.check(ctx, t) })
		}
	}
}

// resting returns what Run may rest by: nothing while there are exceptions, which end by the clock.
func (n *Negatives) resting() *rest.Rest {
	if len(n.List()) > 0 || len(n.p.Configured().negative) > 0 {
		return nil
	}
	return n.p.Rest
}

// expire removes those whose time is over, and reports whether any has ended, of the configuration
// or not.
func (n *Negatives) expire() bool {
	age, day := n.p.Clock.Now(), clock.Wall(n.p.Clock)
	gone := n.remove(Expired, func(t *Temporary) bool { return !age.Before(t.ends) },
		"negative trust anchor has ended")
	n.mu.Lock()
	defer n.mu.Unlock()
	for zone, ends := range n.p.Configured().negative {
		if !ends.IsZero() && n.day.Before(ends) && !day.Before(ends) {
			n.ended[Expired]++
			n.p.Log.Warn("negative trust anchor of the configuration has ended", "zone",
				zone.String(), "until", ends.Format(time.RFC3339))
			gone = true
		}
	}
	n.day = day
	return gone
}

// due returns one whose zone is to be checked, if none is being checked.
func (n *Negatives) due() (t Temporary, due bool) {
	age := n.p.Clock.Now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.checking {
		return t, false
	}
	for i := range n.list {
		if o := &n.list[i]; !age.Before(o.check) {
			o.check, n.checking = age.Add(recheckEvery), true
			return *o, true
		}
	}
	return t, false
}

// check validates the zone of one, and removes it if that succeeds, unless it is to be kept.
func (n *Negatives) check(ctx context.Context, t Temporary) {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	why := n.p.Check(ctx, t.Zone)
	same := func(o *Temporary) bool { return o.Zone == t.Zone && o.Made.Equal(t.Made) }
	n.mu.Lock()
	n.checking = false
	for i := range n.list {
		if same(&n.list[i]) {
			n.list[i].Checked = why
			if why == "" {
				n.list[i].Checked = "validates"
			}
		}
	}
	n.mu.Unlock()
	if why == "" && !t.Kept && ctx.Err() == nil &&
		n.remove(Mended, same, "negative trust anchor removed: the zone validates again") {
		_ = n.changed() // it is logged
	}
}
