// Package trouble has the log tell of what goes wrong without being filled by it: a line when
// something begins to fail and one when it is over, and no more than so many lines in a second.
package trouble

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// calmTime is how long nothing has to fail before a trouble is over: what comes and goes has a line
// at each end, and not hundreds.
const calmTime = 10 * time.Second

// State is how it is with something that may fail.
type State struct {
	log        *slog.Logger
	begun, out string // lines
	args       []any
	problem    atomic.Pointer[string]

	mu   sync.Mutex
	last time.Time // that it failed; guarded by mu
}

// New returns a state with the lines that the log has when it begins to fail and when that is over.
func New(log *slog.Logger, begun, over string, args ...any) *State {
	return &State{log: log, begun: begun, out: over, args: args}
}

// Note notes an error, or with nil that there was none.
func (s *State) Note(err error) { s.note(err, time.Now()) }

func (s *State) note(err error, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.problem.Load() != nil
	switch {
	case err != nil:
		text := err.Error()
		s.problem.Store(&text)
		if s.last = now; !was {
			s.log.Warn(s.begun, append(s.args[:len(s.args):len(s.args)], "error", text)...)
		}
	case was && now.Sub(s.last) >= calmTime:
		s.problem.Store(nil)
		s.log.Info(s.out, s.args...)
	}
}

// Problem returns the last error, "" if it is over.
func (s *State) Problem() string {
	if p := s.problem.Load(); p != nil {
		return *p
	}
	return ""
}
