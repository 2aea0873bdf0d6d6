// The commands of the control socket, on the side of the server.

package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/console"
	"bailiwick/internal/memcache"
	"bailiwick/wire"
)

// controls are what `bailiwick ctl` can do.
func (r *running) controls() console.Controls {
	return console.Controls{
		"anchors":         r.anchors,
		"anchors refresh": r.refreshAnchors,
		"anchors reset":   r.resetAnchors,

		"status": r.status(time.Now()),
		"flush":  r.flush,
		"reload": func(console.Request) (console.Result, error) {
			f, err := r.reload()
			return console.Result{Fields: f}, err
		},
		"clock": r.advance,

		"cookies renew":   r.renewCookies,
		"servers":         r.servers,
		"forwards list":   r.forwards,
		"forwards set":    r.setForward,
		"forwards remove": r.setForward,

		"nta add":    r.addNegativeAnchor,
		"nta list":   r.negativeAnchors,
		"nta remove": r.removeNegativeAnchor,

		"policy":      r.policyLists,
		"policy test": r.policyTest,
		"views":       r.listViews,

		"drain":         r.drain,
		"upgrade":       r.upgradeCommand,
		"zones":         r.listZones,
		"zones refresh": r.refreshZone,
	}
}

// status returns the command that tells how the server is, which has run since a time.
func (r *running) status(began time.Time) func(console.Request) (console.Result, error) {
	return func(console.Request) (console.Result, error) {
		s := r.stack
		st, bytes := s.now().resolver.Stats(), 0
		for _, c := range []memcache.Stats{s.store.Answers.Stats(), s.store.RRsets.Stats(),
			s.store.Negatives.Stats(), s.store.Failures.Stats(), s.store.Delegations.Stats(),
			s.store.Denials.Stats(), st.Servers, st.Trust} {
			bytes += c.Bytes
		}
		return console.Result{Fields: map[string]any{"version": version, "pid": os.Getpid(),
			"uptime":      time.Since(began).Round(time.Second).String(),
			"time":        clock.Wall(s.clock).UTC().Format(time.RFC3339),
			"network":     s.now().resolver.NetworkState().String(),
			"cache_bytes": bytes, "cache_limit": s.now().Config.Cache.Memory,
			"answers": s.store.Answers.Stats().Entries,
			"rrsets":  s.store.RRsets.Stats().Entries, "in_flight": st.Fetches}}, nil
	}
}

// flush removes a name, and the delegation, DS and keys of its zone, from the caches.
func (r *running) flush(q console.Request) (console.Result, error) {
	n, err := wire.ParseName(q.Args["name"])
	if err != nil {
		return console.Result{}, fmt.Errorf("name %q: %w", q.Args["name"], err)
	}
	res := r.now().resolver
	zone, ofZone := res.FlushZoneOf(n) // first: what follows forgets where zones are
	flushed := res.Flush(n, q.Args["subtree"] == "true")
	f := map[string]any{"flushed": flushed}
	if ofZone > 0 {
		f["zone"], f["zone_flushed"] = zone.String(), ofZone
	}
	if flushed == 0 { // most often the name is mistyped
		f["note"] = "nothing was known of " + n.String() + "; is it the name that you mean?"
	}
	return console.Result{Fields: f}, nil
}

// advance moves the clock of a build with the tag testclock.
func (r *running) advance(q console.Request) (console.Result, error) {
	m, ok := r.clock.(interface{ Advance(time.Duration) })
	if !ok {
		return console.Result{}, errors.New(
			"the clock moves only in builds with the tag testclock")
	}
	d, err := time.ParseDuration(q.Args["duration"])
	if err != nil {
		return console.Result{}, fmt.Errorf("%q is no duration such as 1h0m0s", q.Args["duration"])
	}
	if d < 0 {
		return console.Result{}, errors.New("the clock moves forward only")
	}
	m.Advance(d)
	r.keeper.Wake()
	return console.Result{}, nil
}
