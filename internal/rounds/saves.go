package rounds

import "time"

// Saves says when what changes is saved: at most once in some time, and again after a save that
// failed, or that ended in a panic. The mutex of whoever saves guards it.
type Saves struct {
	changed bool      // something is not saved, nor in the save that is under way
	running bool      // a save that Begin has begun is under way
	good    bool      // it has succeeded
	ended   time.Time // when the last one ended
}

// Change notes that something has changed.
func (s *Saves) Change() { s.changed = true }

// Changed reports whether anything is to be saved.
func (s *Saves) Changed() bool { return s.changed }

// Running reports whether a save is under way.
func (s *Saves) Running() bool { return s.running }

// Begin reports whether a save is due, and notes that it has begun. End has to follow.
func (s *Saves) Begin(now time.Time, every time.Duration) bool {
	if !s.changed || s.running || !s.ended.IsZero() && now.Sub(s.ended) < every {
		return false
	}
	s.running, s.good = true, false
	return true
}

// Take notes that what is saved is what there is now.
func (s *Saves) Take() { s.changed = false }

// Succeed notes that what was taken is saved.
func (s *Saves) Succeed() { s.good = true }

// End notes the end of a save, however it ended. One that has not succeeded is made again.
func (s *Saves) End(now time.Time) {
	s.changed = s.changed || !s.good
	s.running, s.ended = false, now
}
