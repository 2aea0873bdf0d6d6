// Package fleettest has a store in memory, for tests of what shares it.
package fleettest

import (
	"context"
	"errors"
	"sync"
	"time"

	"bailiwick/internal/fleet"
)

// Store is a store in memory, whose entries end by the time of time.Now.
type Store struct {
	// Delay is how long each reply takes. If Deaf, it takes as long though nobody waits any more.
	Delay time.Duration
	Deaf  bool

	mu      sync.Mutex
	entries map[string]entry // guarded by mu
	full    bool             // guarded by mu
	asked   int              // questions under way; guarded by mu
	most    int              // that there were at once; guarded by mu
	hearers map[*hearer]bool // guarded by mu
}

// hearer is who listens to a channel.
type hearer struct {
	channel string
	heard   func(message string)
	cut     chan struct{} // closed when the connection ends
}

type entry struct {
	value []byte
	ends  time.Time
}

// New returns an empty store.
func New() *Store { return &Store{entries: map[string]entry{}, hearers: map[*hearer]bool{}} }

// Fill has the store take nothing more, or again.
func (s *Store) Fill(full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = full
}

// Keys returns the keys of what has not ended.
func (s *Store) Keys() (keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, e := range s.entries {
		if time.Now().Before(e.ends) {
			keys = append(keys, k)
		}
	}
	return keys
}

// Value returns the value of a key, and Set changes it, as somebody does who may write into the
// store.
func (s *Store) Value(key string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.entries[key].value
}

// Set sets the value of a key.
func (s *Store) Set(key string, value []byte, life time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[key] = entry{value, time.Now().Add(life)}
}

// Most returns how many questions were under way at once.
func (s *Store) Most() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// count counts a question that begins or ends.
func (s *Store) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked += n
	s.most = max(s.most, s.asked)
}

// wait waits for a reply.
func (s *Store) wait(ctx context.Context) error {
	s.count(1)
	defer s.count(-1)
	if s.Delay == 0 {
		return nil
	}
	if s.Deaf {
		ctx = context.WithoutCancel(ctx)
	}
	t := time.NewTimer(s.Delay)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Get implements fleet.Store.
func (s *Store) Get(ctx context.Context, keys []string) ([][]byte, error) {
	if err := s.wait(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	values := make([][]byte, len(keys))
	for i, k := range keys {
		if e, ok := s.entries[k]; ok && time.Now().Before(e.ends) {
			values[i] = e.value
		}
	}
	return values, nil
}

// Claim implements fleet.Store.
func (s *Store) Claim(ctx context.Context, key string, life time.Duration) (bool, error) {
	if err := s.wait(ctx); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return false, fleet.ErrUnwritten
	}
	if e, ok := s.entries[key]; ok && time.Now().Before(e.ends) {
		return false, nil
	}
	s.entries[key] = entry{[]byte("1"), time.Now().Add(life)}
	return true, nil
}

// Put implements fleet.Store.
func (s *Store) Put(ctx context.Context, entries []fleet.Entry) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		switch {
		case e.Life == 0:
			delete(s.entries, e.Key)
		case s.full:
			return fleet.ErrUnwritten
		default:
			s.entries[e.Key] = entry{e.Value, time.Now().Add(e.Life)}
		}
	}
	return nil
}

// Publish implements fleet.Store.
func (s *Store) Publish(ctx context.Context, channel, message string) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := range s.hearers {
		if h.channel == channel {
			go h.heard(message)
		}
	}
	return nil
}

// errCut is the error of a connection that has ended.
var errCut = errors.New("the connection has ended")

// Cut ends the connections of all who listen.
func (s *Store) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h := range s.hearers {
		close(h.cut)
		delete(s.hearers, h)
	}
}

// Hearers returns how many listen.
func (s *Store) Hearers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.hearers)
}

// Listen implements fleet.Store.
func (s *Store) Listen(ctx context.Context, channel string, begun func(),
	heard func(message string)) error {
	h := &hearer{channel: channel, heard: heard, cut: make(chan struct{})}
	s.mu.Lock()
	s.hearers[h] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.hearers, h)
	}()
	begun()
	select {
	case <-h.cut:
		return errCut
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close implements fleet.Store.
func (s *Store) Close() {}
