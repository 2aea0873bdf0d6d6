// What the operations about the server and its caches do.

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/memcache"
	"bailiwick/wire"
)

// status tells how the server is.
func (r *running) status(console.Request) (console.Result, error) {
	s, now := r.stack, r.now()
	st, bytes := now.resolver.Stats(), 0
	for _, c := range []memcache.Stats{s.store.Answers.Stats(), s.store.RRsets.Stats(),
		s.store.Negatives.Stats(), s.store.Failures.Stats(), s.store.Delegations.Stats(),
		s.store.Denials.Stats(), st.Servers, st.Trust, st.Variants} {
		bytes += c.Bytes
	}
	listeners := []string{}
	for _, l := range now.listeners {
		listeners = append(listeners, l.text())
	}
	ready := "yes"
	if why := r.console.NotReady(); why != "" {
		ready = why
	}
	return console.Result{Fields: map[string]any{"version": version, "pid": os.Getpid(),
		"uptime":  time.Since(r.began).Round(time.Second).String(),
		"time":    clock.Wall(s.clock).UTC().Format(time.RFC3339),
		"config":  now.Config.File(),
		"ready":   ready,
		"network": now.resolver.NetworkState().String(), "listeners": listeners,
		"xdp":         r.xdpTexts(),
		"cache_bytes": bytes, "cache_limit": now.Config.Caches(),
		"answers": s.store.Answers.Stats().Entries,
		"rrsets":  s.store.RRsets.Stats().Entries, "in_flight": st.Fetches,
		"log_level":    now.Config.Runtime().LogLevel,
		"confined":     r.confinedText(),
		"descriptors":  r.descriptorsText(),
		"kept_changes": len(r.kept.rows())}}, nil
}

// stats tells the counters and gauges.
func (r *running) stats(q console.Request) (console.Result, error) {
	families, err := r.metrics.Registry.Gather()
	if err != nil {
		return console.Result{}, err
	}
	only := strings.FieldsFunc(q.Args["metric"], func(r rune) bool { return r == ',' })
	res := console.Result{Columns: []string{"metric", "labels", "value"}, Rows: [][]any{}}
	for _, f := range families {
		name := f.GetName()
		if !strings.HasPrefix(name, "bailiwick_") || !strings.HasPrefix(name, q.Args["prefix"]) ||
			len(only) > 0 && !slices.Contains(only, name) {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			text := strings.Join(labels, " ")
			add := func(name string, v float64) {
				res.Rows = append(res.Rows, []any{name, text, v})
			}
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				add(name, m.GetCounter().GetValue())
			case dto.MetricType_HISTOGRAM:
				add(name+"_count", float64(m.GetHistogram().GetSampleCount()))
				add(name+"_sum", m.GetHistogram().GetSampleSum())
			default:
				add(name, m.GetGauge().GetValue())
			}
		}
	}
	return res, nil
}

// reloadCommand reads the configuration again.
func (r *running) reloadCommand(console.Request) (console.Result, error) {
	f, err := r.reload()
	return console.Result{Fields: f}, err
}

// flush removes data from the caches: those of a name with the delegation, DS and keys of its zone,
// or those that are selected.
func (r *running) flush(q console.Request) (console.Result, error) {
	is := func(arg string) bool { return q.Args[arg] == "true" }
	of := cache.Selection{Subtree: is("subtree"), Bogus: is("bogus"), Negative: is("negative")}
	text, named := q.Args["name"]
	switch {
	case is("all") && len(q.Args) > 1:
		return console.Result{}, errors.New("all takes nothing else")
	case of.Bogus && of.Negative:
		return console.Result{}, errors.New("bogus and negative exclude each other")
	case !named && !is("all") && !of.Bogus && !of.Negative:
		return console.Result{}, errors.New("of which name? Without one say all, bogus or negative")
	case !named:
		of.Name, of.Subtree = wire.Root, true
	default:
		var err error
		if of.Name, err = wire.ParseName(text); err != nil {
			return console.Result{}, fmt.Errorf("name %q: %w", text, err)
		}
	}
	if t := q.Args["type"]; t != "" {
		var ok bool
		if of.Type, ok = wire.ParseType(strings.ToUpper(t)); !ok || of.Type == wire.TypeNone {
			return console.Result{}, fmt.Errorf("%q is not a type", t)
		}
	}
	res := r.now().resolver
	f := map[string]any{}
	if of.Bogus || of.Negative || of.Type != wire.TypeNone {
		f["flushed"] = res.FlushOnly(of)
		return console.Result{Fields: f}, nil
	}
	zone, ofZone := res.FlushZoneOf(of.Name) // first: what follows forgets where zones are
	flushed := res.Flush(of.Name, of.Subtree)
	if f["flushed"] = flushed; ofZone > 0 {
		f["zone"], f["zone_flushed"] = zone.String(), ofZone
	}
	if flushed == 0 && named { // most often the name is mistyped
		f["note"] = "nothing was known of " + of.Name.String() + "; is it the name that you mean?"
	}
	return console.Result{Fields: f}, nil
}

// maxUnderWay is how many resolutions are listed at most.
const maxUnderWay = 10000

// limitOf returns how many rows a request wants: the usual number if it does not say.
func limitOf(q console.Request, usual, most int) (int, error) {
	text := q.Args["limit"]
	if text == "" {
		return usual, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > most {
		return 0, fmt.Errorf("limit %q is not from 1 to %d", text, most)
	}
	return limit, nil
}

// inFlight lists the resolutions that are under way.
func (r *running) inFlight(q console.Request) (console.Result, error) {
	limit, err := limitOf(q, 100, maxUnderWay)
	if err != nil {
		return console.Result{}, err
	}
	list, all := r.now().resolver.Fetching(limit)
	res := console.Result{Fields: map[string]any{"under_way": all},
		Columns: []string{"name", "type", "network", "age", "waiting",
			"refresh", "sent"}, Rows: [][]any{}}
	for _, f := range list {
		network := ""
		if f.Network.IsValid() {
			network = f.Network.String()
		}
		res.Rows = append(res.Rows, []any{f.Name.String(), f.Type.String(), network,
			time.Since(f.Began).Round(time.Millisecond).String(), f.Waiting, f.Refresh, f.Sent})
	}
	return res, nil
}

// policyReload reads the files that the configuration in use names again.
func (r *running) policyReload(q console.Request) (console.Result, error) {
	o, err := r.change("files read again", q, sameConfig)
	if err != nil {
		return console.Result{}, err
	}
	return console.Result{Fields: o.report()}, nil
}

// advance moves the clock of a build with the tag testclock.
func (r *running) advance(q console.Request) (console.Result, error) {
	m, ok := r.clock.(interface{ Advance(time.Duration) })
	if !ok {
		return console.Result{}, errors.New(
			"the clock moves only in builds with the tag testclock")
	}
	d, err := config.ParseDuration(q.Args["duration"])
	if err != nil {
		return console.Result{}, fmt.Errorf("%q is not a duration such as 1h0m0s",
			q.Args["duration"])
	}
	if d < 0 {
		return console.Result{}, errors.New("the clock moves forward only")
	}
	m.Advance(d)
	r.keeper.Wake()
	r.lists.Wake()
	r.acme.Wake()
	return console.Result{}, nil
}

// accessRows tells what each listener does with a client.
func (r *running) accessRows(client string) ([][]any, error) {
	if client == "" {
		return [][]any{}, nil
	}
	addr, err := parseClient(client)
	if err != nil {
		return nil, err
	}
	rows := [][]any{}
	now := r.now()
	for i, l := range now.listeners {
		action, _ := now.ways[i].decide(addr)
		rows = append(rows, []any{l.text(), action.String()})
	}
	return slices.Clip(rows), nil
}
