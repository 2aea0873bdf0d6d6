package fleet

import (
	"time"

	"github.com/valkey-io/valkey-go"

	"bailiwick/internal/counter"
)

// Writes returns the counters of records that are written.
func (f *Fleet) Writes() *counter.Outcomes { return f.parts.Writes }

// SetNow sets what the time is for a store.
func SetNow(s Store, now func() time.Time) { s.(*valkeyStore).now = now }

// LeaveTime is the least time between two connections that are left.
const LeaveTime = leaveTime

// AwaitLeaving returns when no connection is made for one that is left.
func AwaitLeaving(s Store) { s.(*valkeyStore).leaving.Wait() }

// Held reports whether who uses a store has to wait for a connection to be made.
func Held(s Store) bool {
	v := s.(*valkeyStore)
	free := v.mu.TryLock()
	if free {
		v.mu.Unlock()
	}
	return !free
}

// Use uses a store. It returns a use of the client of now, whether the store has another client
// meanwhile, and the end of the use.
func Use(s Store, with func(valkey.Client) error) (use func() error, left func() bool,
	end func(), err error) {
	v := s.(*valkeyStore)
	c, err := v.connected()
	if err != nil {
		return nil, nil, nil, err
	}
	return func() error { return with(c) }, func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.client != c
	}, c.uses.Done, nil
}
