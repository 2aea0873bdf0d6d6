package rounds

import (
	"sync"
	"time"
)

// Saves says when what changes is saved: at most once in some time, and again after a save that
// failed, or that ended in a panic. The mutex of whoever saves guards it.
type Saves struct {
	changed bool      // something is not saved, nor in the save that is under way
	running bool      // a save that was begun beside the rounds is under way
	ended   time.Time // when the last such one ended
}

// Change notes that something has changed.
func (s *Saves) Change() { s.changed = true }

// Changed reports whether anything is to be saved.
func (s *Saves) Changed() bool { return s.changed }

// Running reports whether a save is under way beside the rounds.
func (s *Saves) Running() bool { return s.running }

// Save saves what there is now, and returns why it could not. It takes the mutex that guards s, and
// save may take it, too.
func (s *Saves) Save(mu sync.Locker, save func() error) error {
	mu.Lock()
	s.changed = false // what changes from here on may come too late for this save
	mu.Unlock()
	saved := false
	defer func() { // a panic may have ended it
		mu.Lock()
		defer mu.Unlock()
		s.changed = s.changed || !saved
	}()
	err := save()
	saved = err == nil
	return err
}

// Save begins a save beside the rounds if one is due: something has changed, none is under way, and
// the last one ended so long ago. The mutex that guards s is held.
func (r *Rounds) Save(s *Saves, mu sync.Locker, now func() time.Time, every time.Duration,
	save func() error) {
	if !s.changed || s.running || !s.ended.IsZero() && now().Sub(s.ended) < every {
		return
	}
	s.running = true
	r.Go(func() { _ = s.Save(mu, save) }, func() { // whoever saves has logged it
		mu.Lock()
		defer mu.Unlock()
		s.running, s.ended = false, now()
	})
}
