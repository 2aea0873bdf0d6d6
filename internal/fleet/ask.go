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

// ask finds an entry, or finds out that this node has to resolve the question:
//
//	found     > it is used
//	missing   > claim 1 > ours: this node resolves it, at once
//	                    > another's, and nobody waits: look again once, and leave it to that one
//	                    > another's: look again every pollTime, until
//	                        it is there                    > it is used
//	                        the claim is gone              > there is nothing to share
//	                        claim n+1 is ours, after n claimSteps > this node resolves it
//	                        waitTime has passed            > this node resolves it
//
// So of nodes that miss a question at the same time at most maxClaims resolve it, if one of them
// has done so within waitTime. If it takes longer each goes its own way: no client waits longer for
// another node, which may have died.
func (m *member) ask(ctx context.Context, view *View, keys []cache.Key, refresh bool) (
	*cache.Shared, Outcome) {
	begun := time.Now()
	left := func() time.Duration { return min(askTime, waitTime-time.Since(begun)) }
	q := &question{member: m, view: view, keys: keys, refresh: refresh}
	for _, k := range keys {
		q.at = append(q.at, keyOf(view, k))
	}
	first := claimKey(q.at[0], 1)
	e, _, o := q.look(ctx, left(), first)
	if o != Missed {
		return e, o
	}
	ours, o := q.claim(ctx, left(), first)
	if ours || o != Missed {
		return nil, o
	}
	poll := pollTime
	if refresh {
		poll = waitTime / 2
	}
	for n := 1; pause(ctx, min(poll, waitTime-time.Since(begun))); {
		e, claimed, o := q.look(ctx, left(), first)
		switch {
		case e != nil:
			return e, Awaited
		case o != Missed:
			return nil, o
		case refresh:
			return nil, Left
		case !claimed:
			return nil, Released
		}
		if time.Since(begun) >= time.Duration(n)*claimStep {
			n++
			if ours, o = q.claim(ctx, left(), claimKey(q.at[0], n)); o != Missed {
				return nil, o
			}
			if ours {
				return nil, Joined
			}
		}
	}
	return nil, Late
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

// look looks for an entry, and whether a claim is there. The outcome is Found, Missed, or why the
// store is of no use.
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
			return e, true, Found
		}
		q.fleet.counts.add(o)
	}
	return nil, values[len(q.at)] != nil, Missed
}

// claim makes this node the one that resolves the question, unless another one is. The outcome is
// Missed, or why the store is of no use.
func (q *question) claim(ctx context.Context, most time.Duration, key string) (bool, Outcome) {
	return asked(ctx, q.member, most, func(ctx context.Context) (bool, error) {
		ours, err := q.store.Claim(ctx, key, leaseTime)
		if errors.Is(err, ErrFull) {
			return true, nil // nobody can claim anything
		}
		return ours, err
	})
}

// asked asks the store, if it may be asked. The outcome is Missed, or why it is of no use.
func asked[T any](ctx context.Context, m *member, most time.Duration,
	do func(context.Context) (T, error)) (got T, o Outcome) {
	if most <= 0 {
		return got, Late
	}
	if !m.breaker.allow(time.Now()) {
		return got, Skipped
	}
	got, err := call(ctx, m, most, do)
	switch {
	case err == errBusy:
		m.breaker.done(false, time.Now()) // so many wait only for a store that is slow
		return got, Busy
	case ctx.Err() != nil || m.ctx.Err() != nil: // nobody waits for the reply any more
		m.breaker.leave()
		return got, Failed
	case err == errSlow && most < askTime:
		m.breaker.leave() // it had less time than it may take
		return got, Late
	}
	if m.note(err); err != nil {
		return got, Failed
	}
	return got, Missed
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

// timely decides whether an entry may be used now, and for how long. It never lives longer than it
// would have where it was stored: the clocks differ by maxSkew at most, or it is not used, and what
// was stored later than now is taken for what was stored just now.
func (q *question) timely(e *cache.Shared) Outcome {
	now := clock.Wall(q.fleet.parts.Clock).Unix()
	stored, expires := e.Times()
	life := expires - stored
	left := min(expires-now, life)
	switch {
	case stored > now+int64(maxSkew/time.Second):
		return Future
	case left < int64(minLife/time.Second), life > int64(cache.MaxTTL/time.Second),
		q.refresh && left <= life/10:
		return Expired
	case q.fleet.flushes.after(e.Key.Name, stored):
		return Flushed
	}
	e.Left = uint32(left)
	return Found
}
