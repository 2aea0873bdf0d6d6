// What nodes share by the store besides records: values that no resolution waits for.

package fleet

import (
	"context"
	"errors"
	"time"
)

// errResting is the error of a store that is not asked for a while, or that there is not.
var errResting = errors.New("the fleet's store is not asked now")

// Read returns the values of keys, nil where there is none. Nothing of them is trusted. A value
// that is longer than any record comes cut.
func (f *Fleet) Read(ctx context.Context, keys []string) ([][]byte, error) {
	return aside(ctx, f, func(ctx context.Context, s Store) ([][]byte, error) {
		return s.Get(ctx, keys)
	})
}

// Write sets keys, or removes those without a life.
func (f *Fleet) Write(ctx context.Context, entries []Entry) error {
	_, err := aside(ctx, f, func(ctx context.Context, s Store) (struct{}, error) {
		return struct{}{}, s.Put(ctx, entries)
	})
	return err
}

// Claim sets a key for a time, unless it is there. It reports whether it was not.
func (f *Fleet) Claim(ctx context.Context, key string, life time.Duration) (bool, error) {
	return aside(ctx, f, func(ctx context.Context, s Store) (bool, error) {
		return s.Claim(ctx, key, life)
	})
}

// Publish has those hear a message who listen to a channel now.
func (f *Fleet) Publish(ctx context.Context, channel, message string) error {
	_, err := aside(ctx, f, func(ctx context.Context, s Store) (struct{}, error) {
		return struct{}{}, s.Publish(ctx, channel, message)
	})
	return err
}

// Listen calls a function for each message of a channel, from when it has called begun. It returns
// an error when the context, the connection or the use of this store ends. Anybody may have sent
// what is heard who may write into the store.
func (f *Fleet) Listen(ctx context.Context, channel string, begun func(),
	heard func(message string)) error {
	m := f.member.Load()
	if m == nil {
		return errResting
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.ctx, cancel)()
	return m.store.Listen(ctx, channel, begun, heard)
}

// Secrets returns those of the fleet, the one that signs first; nil: there is no store.
func (f *Fleet) Secrets() []Secret {
	if m := f.member.Load(); m != nil {
		return m.settings.Secrets
	}
	return nil
}

// aside asks the store for what no resolution waits for, by the same breaker as all questions.
func aside[T any](ctx context.Context, f *Fleet,
	do func(context.Context, Store) (T, error)) (got T, err error) {
	m := f.member.Load()
	if m == nil || !m.breaker.Allow(time.Now()) {
		return got, errResting
	}
	got, err = call(ctx, m, asideTime, func(ctx context.Context) (T, error) {
		return do(ctx, m.store)
	})
	if err == errBusy || ctx.Err() != nil || m.ctx.Err() != nil {
		m.breaker.leave()
		return got, err
	}
	m.note(err)
	return got, err
}
