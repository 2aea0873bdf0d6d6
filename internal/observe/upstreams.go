// Log lines about servers: which of the configured ones do not answer, whether any server does, and
// the result of priming. Authoritative servers in general fail all the time; only what an operator
// can correct has a line.

package observe

import (
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Upstreams is an observer of a resolver that counts as Metrics does and also writes log lines.
type Upstreams struct {
	*Metrics
	log *slog.Logger
	now func() time.Time
	own map[netip.AddrPort]*reach // the configured servers; never changed
	all reach

	mu       sync.Mutex
	unprimed bool // priming has failed; guarded by mu
}

// reach is the record of whether a server, or any, answers.
type reach struct {
	mu    sync.Mutex
	fails int       // in a row; guarded by mu, as is all below
	since time.Time // the first of them
	down  bool      // and the log has that
}

// NewUpstreams returns an observer that also watches each of the configured servers.
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

// note takes an outcome, and reports whether the state has changed, and after how long.
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

// Forwarder implements resolver.Observer.
func (u *Upstreams) Forwarder(zone wire.Name, server netip.AddrPort, up bool, why cause.Cause,
	after time.Duration) {
	if up {
		u.log.Info("forwarder is asked again", "zone", zone.String(), "server", server.String(),
			"after", after.Round(time.Second).String())
		return
	}
	u.log.Warn("forwarder is down: others come first until it replies to probes", "zone",
		zone.String(), "server", server.String(), "cause", why.Label(), "hint", why.Hint())
}

// Primed implements resolver.Observer. If priming fails repeatedly, the log has it once.
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
