// Exceptions: names at and below which the operator wants something else than validation.

package trustanchor

import (
	"fmt"
	"maps"
	"strings"

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
	Reason, Owner string // for people
}

// ZoneMode is the exception that the configuration makes for a zone; None: it is validated.
type ZoneMode struct {
	Zone wire.Name
	Mode Exception
}

// Except makes an exception at and below a name. A negative trust anchor is stronger than another
// exception for the same name: it is what somebody did because of what happened.
func (s *Set) Except(n wire.Name, e Exception) {
	if s.exceptions == nil {
		s.exceptions = map[wire.Name]Exception{}
	}
	if s.exceptions[n] != Negative {
		s.exceptions[n] = e
	}
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

// Exception returns the exception that holds for a name, and the name that it was made for. The
// deepest decides. A trust anchor below an exception takes precedence over it (RFC 7646, section
// 1.1); at the same name the exception does.
func (s *Set) Exception(name wire.Name) (zone wire.Name, e Exception) {
	if len(s.exceptions) == 0 {
		return zone, None
	}
	for n := name; ; n = n.Parent() {
		if e := s.exceptions[n]; e != None {
			return n, e
		}
		if len(s.anchors[n]) > 0 || n.IsRoot() {
			return zone, None
		}
	}
}

// Strict returns a set with the same anchors, without any exception.
func (s *Set) Strict() *Set { return &Set{anchors: maps.Clone(s.anchors)} }
