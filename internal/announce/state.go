// Package announce decides whether the routes to a server are announced, and has ExaBGP or BIRD do
// it. docs/anycast.md has what an operator sees of it.
//
// It runs in a process of its own, which needs no rights: what it knows of the server is what any
// client hears.
package announce

import "time"

// Health is how it is with a server, as its clients hear it.
type Health uint8

// The kinds of health, the best one first.
const (
	Fine   Health = iota // it is ready, and answers with validated data
	Poor                 // it answers, but not with what it should
	Ending               // it wants no more clients: it ends, or has just begun
	Silent               // it does not answer in time: it hangs, or has too much to do
	Absent               // nobody listens where it should be
)

// String returns the health as a word.
func (h Health) String() string {
	return [...]string{"fine", "poor", "ending", "silent", "absent"}[h]
}

// Place is where the routes are.
type Place uint8

// The places.
const (
	Withdrawn Place = iota
	Lowered         // announced, to be used if there is no other (RFC 8326)
	Announced
)

// String returns the place as a word.
func (p Place) String() string { return [...]string{"withdrawn", "lowered", "announced"}[p] }

// Rules are what the operator decides.
type Rules struct {
	Rise   int           // checks in a row that have to be fine before routes are announced
	Fall   int           // checks in a row that have to fail before they are not
	Hold   time.Duration // routes that were taken back stay so; each time twice as long
	Calm   time.Duration // who was announced for that long without fail begins with Hold again
	Lower  bool          // routes of a server that is poor or ends are lowered, not withdrawn
	Linger time.Duration // a server that ends keeps lowered routes for that long
}

// DefaultRules returns the rules of an operator who has decided nothing.
func DefaultRules() Rules {
	return Rules{Rise: 5, Fall: 3, Hold: 10 * time.Second, Calm: 10 * time.Minute, Lower: true,
		Linger: 5 * time.Second}
}

// State is what is decided of a server, by what was seen so far. It decides and does nothing.
type State struct {
	Rules Rules
	Place Place
	Why   Health // of the last change

	good, bad int       // checks in a row
	silent    int       // of the bad ones, those at the end that were silent or absent
	until     time.Time // it is not announced before
	since     time.Time // it was announced
	doublings int
	ending    time.Time // it wants no more clients since then; zero: it does
}

// Want returns where the routes should be after a check. Each decision rests on checks in a row;
// only a server that says itself that it ends is believed at once.
func (s *State) Want(now time.Time, h Health) Place {
	if h == Fine {
		s.good, s.bad, s.silent, s.ending = s.good+1, 0, 0, time.Time{}
		if s.Place != Announced && s.good >= s.Rules.Rise && !now.Before(s.until) {
			return Announced
		}
		return s.Place
	}
	s.good, s.bad = 0, s.bad+1
	if s.silent++; h < Silent {
		s.silent = 0
	}
	if h == Ending && s.ending.IsZero() {
		s.ending = now
	}
	switch lower := s.Rules.Lower && s.Place != Withdrawn; {
	case h >= Silent && !s.ending.IsZero(): // it has told so
		return Withdrawn
	case h == Ending && lower && now.Sub(s.ending) < s.Rules.Linger:
		return Lowered
	case h == Ending, s.silent >= s.Rules.Fall:
		return Withdrawn
	case s.bad >= s.Rules.Fall && lower:
		return Lowered
	case s.bad >= s.Rules.Fall:
		return Withdrawn
	}
	return s.Place
}

// Went notes that the routes are in another place now.
func (s *State) Went(now time.Time, to Place, why Health) {
	if to == s.Place {
		return
	}
	if s.Place == Announced && why != Ending {
		if now.Sub(s.since) >= s.Rules.Calm {
			s.doublings = 0
		}
		s.until = now.Add(s.Rules.Hold << s.doublings)
		s.doublings = min(s.doublings+1, maxDoublings)
	}
	if to == Announced {
		s.since = now
	}
	s.Place, s.Why = to, why
}

// Damped returns for how long routes are not announced, however well the server is.
func (s *State) Damped(now time.Time) time.Duration { return max(s.until.Sub(now), 0) }
