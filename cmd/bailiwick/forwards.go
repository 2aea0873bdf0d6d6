// The commands about servers, on the side of the server.

package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// forwards lists the servers of forward and stub zones that are given by address.
func (r *running) forwards(console.Request) (console.Result, error) {
	res := console.Result{Columns: []string{"zone", "kind", "server", "transport", "weight",
		"state", "since", "rtt", "last_failure", "probes", "view"}, Rows: [][]any{}}
	for _, f := range r.now().resolver.Forwarders() {
		kind, weight, since, last := "stub", "-", "start", "-"
		if f.Forward {
			kind = "forward"
		}
		if f.Weight >= 0 {
			weight = strconv.Itoa(f.Weight)
		}
		if !f.Since.IsZero() {
			since = r.clock.Now().Sub(f.Since).Round(time.Second).String()
		}
		if f.Last != cause.None {
			last = f.Last.Label()
		}
		res.Rows = append(res.Rows, []any{f.Zone.String(), kind, f.Server.String(),
			f.Via.String(), weight, f.State, since, milliseconds(f.RTT), last, f.Probes,
			cmp.Or(f.Realm, "-")})
	}
	return res, nil
}

// setForward gives a forward zone other servers, or removes it if there are none: for the clients
// of a view, or for all that have no own.
func (r *running) setForward(q console.Request) (console.Result, error) {
	zone, servers, view := q.Args["zone"], splitServers(q.Args["servers"]), q.Args["view"]
	of := ""
	if view != "" {
		of = " of view " + view
	}
	what := "forward zone " + zone + of + " removed"
	if q.Command == "forwards set" {
		if len(servers) == 0 {
			return console.Result{}, fmt.Errorf("zone %q: no server is given", zone)
		}
		what = "forward zone " + zone + of + " at " + strings.Join(servers, ", ")
	} else {
		servers = nil
	}
	return r.alter(what, q, func(c *config.Config) (config.Runtime, error) {
		name, err := wire.ParseName(zone)
		if err != nil {
			return config.Runtime{}, fmt.Errorf("zone %q: %w", zone, err)
		}
		to := config.Runtime{Forwards: map[string][]string{name.String(): servers}}
		if view != "" {
			to = config.Runtime{Views: map[string]map[string][]string{view: to.Forwards}}
		}
		if servers == nil { // that there is none is an error here
			_, err = c.WithForward(view, zone, nil)
		}
		return to, err
	})
}

// splitServers reads a list of servers, each perhaps with a weight.
func splitServers(s string) (list []string) {
	for one := range strings.SplitSeq(s, ",") {
		if one = strings.TrimSpace(one); one != "" {
			list = append(list, one)
		}
	}
	return list
}

// maxListed is how many servers are listed at most.
const maxListed = 1000

// servers lists what is known of servers, of one zone or at one address if that is asked for.
func (r *running) servers(q console.Request) (console.Result, error) {
	which := resolver.Which{Limit: 100}
	var err error
	if s := q.Args["zone"]; s != "" {
		if which.Zone, err = wire.ParseName(s); err != nil {
			return console.Result{}, fmt.Errorf("zone %q: %w", s, err)
		}
	}
	if s := q.Args["address"]; s != "" {
		if which.Addr, err = netip.ParseAddr(s); err != nil {
			return console.Result{}, fmt.Errorf("%q is not an IP address", s)
		}
	}
	if which.Limit, err = limitOf(q, which.Limit, maxListed); err != nil {
		return console.Result{}, err
	}
	list, all := r.now().resolver.KnownServers(which)
	res := console.Result{Fields: map[string]any{"known": all}, Rows: [][]any{},
		Columns: []string{"address", "rtt", "wait", "unanswered", "backed_off", "edns", "cookie",
			"case", "encrypted", "faults"}}
	for _, s := range list {
		off := "-"
		if s.BackOff > 0 {
			off = s.BackOff.Round(time.Second).String()
		}
		res.Rows = append(res.Rows, []any{s.Addr.String(), milliseconds(s.RTT),
			milliseconds(s.Wait), s.Unanswered, off, s.EDNS, s.Cookie, s.Case,
			dashed(s.Encrypted), dashed(s.Faults)})
	}
	return res, nil
}

// milliseconds writes a time; a dash where it is not known.
func milliseconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) + "ms"
}

// dashed joins a list; a dash where it is empty.
func dashed(list []string) string {
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, " ")
}
