// One question to the store: the record, or who resolves it.

package fleet

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
)

// keyOf returns where the store has the entry of a key, in words that an operator can read.
func keyOf(view *View, k cache.Key) string {
	return "bailiwick:" + strconv.Itoa(sealVersion) + ":" + hex.EncodeToString(view[:8]) + ":" +
		k.Type.String() + ":" + k.Name.String()
}

// claimKey returns where the store has that a node resolves the question of a key, as the first or
// a later one.
func claimKey(key string, n int) string { return key + " claim " + strconv.Itoa(n) }

// ask finds an entry, or finds out that this node has to resolve the question: its [Turn] decides.
func (m *member) ask(ctx context.Context, view *View, keys []cache.Key, refresh bool) (
	e *cache.Shared, o Outcome) {
	begun := time.Now()
	q := &question{member: m, view: view, keys: keys, refresh: refresh}
	for _, k := range keys {
		q.at = append(q.at, keyOf(view, k))
	}
	t := Turn{Refresh: refresh}
	for move := t.Begin(); ; {
		switch move.Act {
		case Look:
			var claimed bool
			if e, claimed, o = q.look(ctx, move.For, claimKey(q.at[0], 1)); o != Missed {
				return nil, o
			}
			move = t.Looked(time.Since(begun), e != nil, claimed)
		case Claim:
			var ours bool
			if ours, o = q.claim(ctx, move.For, claimKey(q.at[0], move.N)); o != Missed {
				return nil, o
			}
			move = t.Claimed(time.Since(begun), ours)
		case Pause:
			if !pause(ctx, move.For) {
				return nil, Late
			}
			move = t.Paused(time.Since(begun))
		case End:
			return e, move.Outcome
		}
	}
}

// pause waits, and reports whether the time has passed.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// question is a question to the store.
type question struct {
	*member
	view    *View
	keys    []cache.Key
	at      []string // where the store has their entries
	refresh bool
}

// look looks for an entry, and whether a claim is there. The outcome is Missed, or why the store is
// of no use.
func (q *question) look(ctx context.Context, most time.Duration, claim string) (e *cache.Shared,
	claimed bool, o Outcome) {
	values, o := asked(ctx, q.member, most, func(ctx context.Context) ([][]byte, error) {
		values, err := q.store.Get(ctx, append(q.at[:len(q.at):len(q.at)], claim))
		if err == nil && len(values) != len(q.at)+1 {
			err = errors.New("the store has returned another number of values")
		}
		return values, err
	})
	if o != Missed {
		return nil, false, o
	}
	for i, k := range q.keys {
		if values[i] == nil {
			continue
		}
		e, o := q.judge(k, values[i])
		if o == Found {
			return e, true, Missed
		}
		q.fleet.counts.add(o)
	}
	return nil, values[len(q.at)] != nil, Missed
}

// claim makes this node the one that resolves the question, unless another one is. The outcome is
// Missed, or why the store is of no use.
func (q *question) claim(ctx context.Context, most time.Duration, key string) (bool, Outcome) {
	return asked(ctx, q.member, most, func(ctx context.Context) (bool, error) {
		ours, err := q.store.Claim(ctx, key, LeaseTime)
		if errors.Is(err, ErrUnwritten) {
			return true, nil // nobody can claim anything
		}
		return ours, err
	})
}

// asked asks the store, if it may be asked. The outcome is Missed, or why it is of no use.
func asked[T any](ctx context.Context, m *member, most time.Duration,
	do func(context.Context) (T, error)) (got T, o Outcome) {
	if !m.breaker.Allow(time.Now()) {
		return got, Skipped
	}
	got, err := call(ctx, m, most, do)
	if err != errBusy && (ctx.Err() != nil || m.ctx.Err() != nil) {
		m.breaker.leave() // nobody waits for the reply any more
		return got, Failed
	}
	if o = m.breaker.Done(err, most, time.Now()); o == Missed || o == Failed {
		m.state.Note(err)
	}
	return got, o
}

// judge reads what the store has under a key. It returns Found for an entry that may be used now,
// and otherwise the reason why not.
func (q *question) judge(k cache.Key, value []byte) (*cache.Shared, Outcome) {
	e, o := unseal(q.settings.Secrets, q.view, k, value)
	if o == Found {
		o = q.timely(e)
	}
	switch o {
	case Found:
		q.records.Note(nil)
		return e, Found
	case Forged, Malformed, Misplaced, Future:
		q.records.Note(fmt.Errorf("%s: %s %s", o.Label(), k.Name, k.Type))
	}
	return nil, o
}

// timely decides whether an entry may be used now, and for how long.
func (q *question) timely(e *cache.Shared) Outcome {
	stored, expires := e.Times()
	left, o := Lifetime(stored, expires, clock.Wall(q.fleet.parts.Clock).Unix(), q.refresh)
	if o == Found && q.fleet.flushes.after(e.Key.Name, stored) {
		return Flushed
	}
	e.Left = left
	return o
}

// Lifetime returns for how many seconds a record may be used now, which was stored and expires at
// seconds of the time of day; or the reason why it may not. It never lives longer than it would
// have where it was stored: the clocks differ by maxSkew at most, or it is not used, and what was
// stored later than now is taken for what was stored just now.
func Lifetime(stored, expires, now int64, refresh bool) (left uint32, o Outcome) {
	life := expires - stored
	rest := min(expires-now, life)
	switch {
	case stored > now+int64(maxSkew/time.Second):
		return 0, Future
	case rest < int64(minLife/time.Second), life > int64(cache.MaxTTL/time.Second),
		refresh && rest <= life/10:
		return 0, Expired
	}
	return uint32(rest), Found
}
