// Maintenance windows: times in which a zone is expected to fail.

package incident

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/wire"
)

// Window is a time in which incidents of a zone, and of those below it, raise no alarm. They are
// recorded as all others are.
type Window struct {
	Zone     string
	From, To time.Time
	Owner    string // who works on the zone
	Reason   string
	By       string // who has said so
}

// covers reports whether the window is open at a time for a zone.
func (w *Window) covers(zone wire.Name, at time.Time) bool {
	name, err := wire.ParseName(w.Zone)
	return err == nil && zone.Within(name) && !at.Before(w.From) && at.Before(w.To)
}

// AddMaintenance adds a window; one of the same zone that it touches gives way. unsaved is why a
// restart would forget it, nil if it would not.
func (b *Book) AddMaintenance(w Window) (unsaved, err error) {
	zone, err := wire.ParseName(w.Zone)
	now := clock.Wall(b.p.Clock)
	switch {
	case err != nil:
		return nil, fmt.Errorf("zone %q: %w", w.Zone, err)
	case !w.From.Before(w.To):
		return nil, errors.New("it has to end after it begins")
	case !now.Before(w.To):
		return nil, fmt.Errorf("it is over: it is %s now", now.UTC().Format(time.RFC3339))
	case w.To.Sub(w.From) > maxWindow:
		return nil, fmt.Errorf("a window may have %v at most", maxWindow)
	}
	w.Zone, w.Owner, w.Reason = zone.String(), shortened(w.Owner, maxText),
		shortened(w.Reason, maxText)
	b.mu.Lock()
	b.windows = slices.DeleteFunc(b.windows, func(o Window) bool {
		return !now.Before(o.To) || // long over
			o.Zone == w.Zone && w.From.Before(o.To) && o.From.Before(w.To)
	})
	if len(b.windows) >= maxMaintenance {
		b.mu.Unlock()
		return nil, fmt.Errorf("there are %d windows already: remove one", maxMaintenance)
	}
	b.windows = append(b.windows, w)
	slices.SortFunc(b.windows, func(x, y Window) int { return x.From.Compare(y.From) })
	b.mu.Unlock()
	b.p.Log.Info("maintenance window added", "zone", w.Zone, "from", w.From.Format(time.RFC3339),
		"to", w.To.Format(time.RFC3339), "owner", w.Owner, "by", w.By)
	return b.save(), nil
}

// ErrNoWindow is the error of a removal where there is nothing to remove.
var ErrNoWindow = errors.New("there is no maintenance window")

// RemoveMaintenance removes the windows of a zone.
func (b *Book) RemoveMaintenance(zone wire.Name, by string) (unsaved, err error) {
	b.mu.Lock()
	before := len(b.windows)
	b.windows = slices.DeleteFunc(b.windows, func(o Window) bool {
		return o.Zone == zone.String()
	})
	gone := before - len(b.windows)
	b.mu.Unlock()
	if gone == 0 {
		return nil, fmt.Errorf("%w for %s", ErrNoWindow, zone)
	}
	b.p.Log.Info("maintenance window removed", "zone", zone.String(), "by", by)
	return b.save(), nil
}

// Maintenance returns the windows that are not over, the earliest first.
func (b *Book) Maintenance() []Window {
	now := clock.Wall(b.p.Clock)
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.DeleteFunc(slices.Clone(b.windows), func(w Window) bool {
		return !now.Before(w.To)
	})
}

// Maintained reports whether a zone is in a window now.
func (b *Book) Maintained(zone wire.Name) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.maintained(zone)
}

// maintained reports whether a zone is in a window now. The caller holds mu.
func (b *Book) maintained(zone wire.Name) bool {
	now := clock.Wall(b.p.Clock)
	return slices.ContainsFunc(b.windows, func(w Window) bool { return w.covers(zone, now) })
}

// shortened returns at most n octets of a text.
func shortened(s string, n int) string { return s[:min(len(s), n)] }
