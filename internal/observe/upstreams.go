// What the log says of servers: which of the operator's do not answer, whether any does, and what
// came of priming. Servers of the tree come and go; only what an operator can mend has a line.

package observe

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
)

// Upstreams is the observer of a resolver that is watched: it counts as Metrics does, and writes.
type Upstreams struct {
	*Metrics
	log *slog.Logger
	now func() time.Time
	own map[netip.AddrPort]*reach // the servers that the configuration names; never changed
	all reach

	mu       sync.Mutex
	unprimed bool // priming has failed; guarded by mu
}

// reach is whether something answers.
type reach struct {
	mu    sync.Mutex
	fails int       // in a row; guarded by mu, as is all below
	since time.Time // the first of them
	down  bool      // and the log says so
}

// NewUpstreams watches what a resolver meets, and the servers that the operator names by
// themselves.
func NewUpstreams(m *Metrics, log *slog.Logger, now func() time.Time,
	own []netip.AddrPort) *Upstreams {
	u := &Upstreams{Metrics: m, log: log, now: now, own: map[netip.AddrPort]*reach{}}
	for _, a := range own {
		u.own[a] = &reach{}
	}
	return u
}

// Upstream implements resolver.Observer.
func (u *Upstreams) Upstream(server netip.AddrPort, via transport.Protocol, rtt time.Duration,
	c cause.Cause) {
	u.Metrics.Upstream(server, via, rtt, c)
	answered := c != cause.Timeout && c != cause.Unreachable && c != cause.UplinkDown &&
		c != cause.ServerIdentity
	now := u.now()
	if r := u.own[server]; r != nil {
		switch down, up, after := r.note(answered, now); {
		case down:
			u.log.Warn("server does not answer", "server", server.String(), "transport",
				via.String(),
				"cause", c.Label(), "hint", c.Hint())
		case up:
			u.log.Info("server answers again", "server", server.String(), "after", after.String())
		}
	}
	switch down, up, after := u.all.note(answered, now); {
	case down:
		u.log.Warn("no server answers", "cause", c.Label(), "hint", cause.UplinkDown.Hint())
	case up:
		u.log.Info("servers answer again", "after", after.String())
	}
}

// note takes one more outcome, and reports whether things have changed, and after how long.
func (r *reach) note(answered bool, now time.Time) (down, up bool, after time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case answered && r.fails == 0:
	case answered:
		up, after = r.down, now.Sub(r.since).Round(time.Second)
		r.fails, r.down = 0, false
	default:
		if r.fails++; r.fails == 1 {
			r.since = now
		}
		if down = !r.down && r.fails >= silences && now.Sub(r.since) >= silent; down {
			r.down = true
		}
	}
	return down, up, after
}

// Primed implements resolver.Observer. Where priming fails again and again, once is said.
func (u *Upstreams) Primed(servers int, f *cause.Failure) {
	u.mu.Lock()
	again := f != nil && u.unprimed
	u.unprimed = f != nil
	u.mu.Unlock()
	switch {
	case f == nil:
		u.log.Info("primed", "root_servers", servers)
	case !again:
		u.log.Warn("not primed: the root hints serve", "cause", f.Cause.Label(), "detail",
			f.Error(),
			"hint", f.Hint())
	}
}
