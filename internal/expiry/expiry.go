// Package expiry finds the zones whose signatures end soon, among all that are validated: a signer
// that has stopped is seen days before the zone fails.
package expiry

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/trouble"
	"bailiwick/wire"
)

// Zone is a zone with a signature in the last quarter of its life. Times are times of day.
type Zone struct {
	Name  wire.Name
	Owner wire.Name // of the set whose signature ends first
	Type  wire.Type
	Tag   uint16 // of the key that signed it

	Inception, Expires time.Time
	Seen               time.Time // it was validated with this signature last
	Warned             bool      // it has less than two days
}

// Left returns how much time the signature has.
func (z Zone) Left(now time.Time) time.Duration { return z.Expires.Sub(now) }

// Parts are what a Book works with.
type Parts struct {
	Clock clock.Clock
	Log   *slog.Logger
	// Lead is called with the time that the signature of each validated set has.
	Lead func(time.Duration)
}

// Book has the zones whose signatures end soon. It is used by several goroutines.
type Book struct {
	p     Parts
	count atomic.Int64 // of zones; read without mu

	mu    sync.Mutex
	zones map[wire.Name]*Zone // guarded by mu, as is all below
	lines trouble.Lines
}

// NewBook returns an empty book.
func NewBook(p Parts) *Book {
	return &Book{p: p, zones: map[wire.Name]*Zone{}, lines: trouble.Lines{Most: maxLines}}
}

// Secured takes sets of a zone that were validated just now. Of several signatures of a set the one
// that ends last counts: it is what keeps the set valid.
func (b *Book) Secured(zone wire.Name, sets ...*wire.RRset) {
	now := clock.Wall(b.p.Clock)
	for _, s := range sets {
		if z, ok := lasting(zone, s, now); ok {
			b.p.Lead(z.Left(now))
			if late := z.late(); late || b.count.Load() > 0 {
				b.note(z, late, now)
			}
		}
	}
}

// lasting returns the signature of a set that ends last; false if it has none of the zone.
func lasting(zone wire.Name, s *wire.RRset, now time.Time) (z Zone, ok bool) {
	if s.Security != wire.Secure {
		return z, false
	}
	for d := range s.Sigs.All() {
		t, valid := wire.SignatureTimesOf(d, now)
		if !valid || ok && !t.Expires.After(z.Expires) {
			continue
		}
		z = Zone{Name: zone, Owner: s.Name, Type: s.Type, Tag: t.KeyTag, Inception: t.Inception,
			Expires: t.Expires, Seen: now}
		ok = true
	}
	return z, ok
}

// late reports whether the signature is in the last quarter of its life.
func (z Zone) late() bool {
	return z.Left(z.Seen) < z.Expires.Sub(z.Inception)/quarter
}

// note takes the signature of a set. A zone is known by the set whose signature ends first, until
// that set is seen with another one.
func (b *Book) note(z Zone, late bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.zones[z.Name]
	same := old != nil && old.Owner == z.Owner && old.Type == z.Type
	switch {
	case old == nil && !late, old != nil && !same && (!late || !z.Expires.Before(old.Expires)):
		return
	case same && !late:
		b.drop(old)
		if old.Warned {
			b.say(slog.LevelInfo, "signatures are renewed", &z)
		}
		return
	case old == nil && len(b.zones) >= maxZones && !b.evict(&z):
		return
	}
	z = z.own()
	z.Warned = z.Left(now) < lead
	if z.Warned && (old == nil || !old.Warned) {
		b.say(slog.LevelWarn, "signatures of a zone end soon: its signer may have stopped", &z)
	}
	b.zones[z.Name] = &z
	b.count.Store(int64(len(b.zones)))
}

// own returns a copy whose names are in memory of their own.
func (z Zone) own() Zone {
	z.Name = wire.NameOf(strings.Clone(z.Name.Wire()))
	z.Owner = wire.NameOf(strings.Clone(z.Owner.Wire()))
	return z
}

// drop forgets a zone. The caller holds mu.
func (b *Book) drop(z *Zone) {
	delete(b.zones, z.Name)
	b.count.Store(int64(len(b.zones)))
}

// evict makes room for a zone by that with most time left of some, and reports whether any has more
// than the new one. The caller holds mu.
func (b *Book) evict(z *Zone) bool {
	var last *Zone
	seen := 0
	for _, o := range b.zones { // Go begins anywhere
		if last == nil || o.Expires.After(last.Expires) {
			last = o
		}
		if seen++; seen == 16 {
			break
		}
	}
	if !last.Expires.After(z.Expires) {
		return false
	}
	b.drop(last)
	return true
}

// say writes a log line, if there are not too many. The caller holds mu.
func (b *Book) say(level slog.Level, line string, z *Zone) {
	now := clock.Wall(b.p.Clock)
	if _, ok := b.lines.Take(now); !ok {
		return
	}
	b.p.Log.Log(context.Background(), level, line, "zone", z.Name.String(), "name",
		z.Owner.String(), "type", z.Type.String(), "key", z.Tag, "expires",
		z.Expires.UTC().Format(time.RFC3339), "left", z.Left(now).Round(time.Minute).String())
}

// List returns the zones, those whose signatures end first coming first. What has ended is not
// listed, nor what has not been seen for a day: nobody knows whether it was renewed.
func (b *Book) List() (list []Zone) {
	now := clock.Wall(b.p.Clock)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, z := range b.zones {
		if now.Sub(z.Seen) >= unseen || !now.Before(z.Expires) {
			b.drop(z)
			continue
		}
		z.Warned = z.Left(now) < lead
		list = append(list, *z)
	}
	slices.SortFunc(list, func(x, y Zone) int {
		return cmp.Or(x.Expires.Compare(y.Expires), x.Name.Compare(y.Name))
	})
	return list
}
