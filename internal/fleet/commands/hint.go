// Hints: who has been given a command tells the others at once that there is something to look at.
// A hint says nothing else, and nobody relies on it: what was published while a connection was down
// is lost (github.com/redis/redis/issues/3559), and a round comes each second all the same.

package commands

import (
	"context"
	"sync/atomic"
	"time"
)

// channel is where hints are published; their text is the name of a process.
const channel = "bailiwick:fleet:hints"

// Hints are how often a hint of another node had a round begin, and how often it did not, as there
// were too many in that second.
type Hints struct{ Heeded, Unheeded atomic.Uint64 }

// Hints returns the counters of hints.
func (m *Member) Hints() *Hints { return &m.hints }

// hint tells the others of commands that were given here since the last time. All that they need is
// in the store by now.
func (m *Member) hint(ctx context.Context) {
	m.mu.Lock()
	last := m.applied[m.id]
	due := last > m.hinted
	m.hinted = max(m.hinted, last)
	m.mu.Unlock()
	if due {
		_ = m.parts.Store.Publish(ctx, channel, m.run) // a round sees it otherwise
	}
}

// listen hears the hints of others for as long as the rounds come.
func (m *Member) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := m.parts.Store.Listen(ctx, channel, func() { m.hears.Store(true) }, m.heed)
		if m.hears.Store(false); ctx.Err() != nil {
			return
		}
		m.deaf.Note(err)
		pause := time.NewTimer(listenAgain)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
	}
}

// heed has a round begin, unless there were enough in this second: anybody who may write into the
// store can have sent the hint.
func (m *Member) heed(run string) {
	if run == m.run {
		return
	}
	if _, ok := m.heeded.Take(time.Now()); !ok {
		m.hints.Unheeded.Add(1)
		return
	}
	m.hints.Heeded.Add(1)
	m.wake()
}
