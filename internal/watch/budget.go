// The budget of all probes together.

package watch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/transport"
)

// budget counts the queries of the last minute. What a resolution may need is held back before it
// begins, and what it has sent is counted when it is over: so there are never more queries in a
// minute than the limit.
type budget struct {
	clock clock.Clock
	total atomic.Uint64 // of all time
	limit atomic.Int64  // of a minute
	turn  chan struct{} // of whoever waits: who needs many is not overtaken by who needs one

	mu   sync.Mutex
	held int // for what is under way; guarded by mu
	sent [seconds]struct {
		second int64
		n      int
	} // by second, guarded by mu
}

// seconds are those that a minute can be in, wherever in a second it begins.
const seconds = 61

// pause is how long somebody waits who finds the budget spent, before the next look.
const pause = 250 * time.Millisecond

// hold holds back n queries, and reports whether there are so many.
func (b *budget) hold(n int) bool {
	now := b.clock.Now().Unix()
	b.mu.Lock()
	defer b.mu.Unlock()
	sum := b.held + n
	for _, s := range b.sent {
		if s.second > now-seconds && s.second <= now {
			sum += s.n
		}
	}
	if int64(sum) > b.limit.Load() {
		return false
	}
	b.held += n
	return true
}

// release gives back what was held, and counts what was sent.
func (b *budget) release(held, sent int) {
	now := b.clock.Now().Unix()
	b.total.Add(uint64(sent))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= held
	s := &b.sent[now%seconds]
	if s.second != now {
		s.second, s.n = now, 0
	}
	s.n += sent
}

// wait holds back n queries as soon as there are so many, and reports whether ctx lasted until
// then.
func (b *budget) wait(ctx context.Context, n int) bool {
	select {
	case <-ctx.Done():
		return false
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	}
	for !b.hold(n) {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
	}
	return true
}

// metered is an exchanger whose queries are paid from the budget.
type metered struct {
	over transport.Exchanger
	*budget
}

// Exchange implements transport.Exchanger.
func (m metered) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	if !m.wait(ctx, 1) {
		return nil, ctx.Err()
	}
	defer m.release(1, 1)
	return m.over.Exchange(ctx, r)
}
