// Exceptions: names at and below which the operator wants something else than validation.

package trustanchor

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"bailiwick/wire"
)

// Exception is what holds in place of validation at and below a name.
type Exception uint8

// The exceptions.
const (
	None       Exception = iota
	Negative             // not validated, as the zone is broken (RFC 7646)
	Insecure             // not validated, as the operator wants it so
	Permissive           // validated, and served as unvalidated whatever the outcome
)

// NegativeAnchor is a negative trust anchor (RFC 7646).
type NegativeAnchor struct {
	Zone          wire.Name
	Reason, Owner string    // for people
	Ends          time.Time // by the time of day; zero: as long as it is configured
}

// ZoneMode is the exception that the configuration makes for a zone; None: it is validated.
type ZoneMode struct {
	Zone wire.Name
	Mode Exception
}

// Except makes an exception at and below a name.
func (s *Set) Except(n wire.Name, e Exception) {
	if e == Negative {
		s.addNegative(NegativeAnchor{Zone: n})
		return
	}
	if s.modes == nil {
		s.modes = map[wire.Name]Exception{}
	}
	s.modes[n] = e
}

// AddNegative adds a negative trust anchor (RFC 7646).
func (s *Set) AddNegative(name string) error {
	n, err := wire.ParseName(strings.TrimSpace(name))
	if err != nil {
		return fmt.Errorf("negative trust anchor %q: %w", name, err)
	}
	s.Except(n, Negative)
	return nil
}

func (s *Set) addNegative(n NegativeAnchor) {
	if s.negative == nil {
		s.negative = map[wire.Name]time.Time{}
	}
	s.negative[n.Zone] = n.Ends
}

// AddNegatives adds negative trust anchors, which may end by the time of day; see [Set.On].
func (s *Set) AddNegatives(all []NegativeAnchor) {
	for _, n := range all {
		s.addNegative(n)
	}
}

// Exception returns the exception that holds for a name, and the name that it was made for. The
// deepest decides; of two at one name a negative trust anchor, which somebody added because of what
// happened. A trust anchor below an exception takes precedence over it (RFC 7646, section 1.1); at
// the same name the exception does.
func (s *Set) Exception(name wire.Name) (zone wire.Name, e Exception) {
	if len(s.negative) == 0 && len(s.modes) == 0 {
		return zone, None
	}
	for n := name; ; n = n.Parent() {
		if _, is := s.negative[n]; is {
			return n, Negative
		}
		if e := s.modes[n]; e != None {
			return n, e
		}
		if len(s.anchors[n]) > 0 || n.IsRoot() {
			return zone, None
		}
	}
}

// On returns the set at a time of day: without the negative trust anchors that have ended by then.
func (s *Set) On(day time.Time) *Set {
	c := *s
	c.negative = maps.Clone(s.negative)
	maps.DeleteFunc(c.negative, func(_ wire.Name, ends time.Time) bool {
		return !ends.IsZero() && !day.Before(ends)
	})
	return &c
}

// Strict returns a set with the same anchors, without any exception.
func (s *Set) Strict() *Set {
	c := *s
	c.negative, c.modes = nil, nil
	return &c
}
