// Incidents and maintenance windows of a running server.

package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/incident"
	"bailiwick/internal/state"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// newIncidents returns the book of incidents, with those of the process before.
func (s *stack) newIncidents() *incident.Book {
	return incident.NewBook(s.cfg.Incidents, incident.Parts{Clock: s.clock, Log: s.log,
		Guard: s.guard, Rest: s.rest,
		Check: func(ctx context.Context, q wire.Question) *cause.Failure {
			return failureOf(s.now().resolver.Resolve(ctx, q, resolver.Options{}))
		},
		Load: s.state.Loading(state.Incidents), Save: s.state.Saving(state.Incidents),
	})
}

// failureOf returns why a question fails, or would without stale data or exceptions, or which
// exception it is answered by; nil if it is answered as any other.
func failureOf(a *resolver.Answer) *cause.Failure {
	f := a.Failed()
	switch {
	case f != nil, a.Failure == nil:
		return f
	case a.Failure.Cause == cause.NegativeAnchor, a.Failure.Cause == cause.ValidationOff:
		return a.Failure
	case a.Failure.Cause == cause.Permissive:
		return a.Failure.Under
	}
	return nil
}

// listIncidents lists those that are open, and on request those that have ended.
func (r *running) listIncidents(q console.Request) (console.Result, error) {
	top, err := wire.ParseName(cmp.Or(q.Args["zone"], "."))
	if err != nil {
		return console.Result{}, err
	}
	limit, err := limitOf(q, math.MaxInt, maxListed)
	if err != nil {
		return console.Result{}, err
	}
	if q.Args["fleet"] == "true" {
		return r.fleetIncidents(top, limit)
	}
	res := console.Result{Columns: []string{"zone", "cause", "state", "first", "last", "good",
		"recovery", "queries", "client_networks", "maintenance", "question", "detail", "remedy"}}
	list := r.incidents.List(top, q.Args["all"] == "true")
	for _, i := range list[:min(limit, len(list))] {
		recovery := "-"
		if took := i.Recovery(); took > 0 {
			recovery = took.Round(time.Second).String()
		}
		res.Rows = append(res.Rows, []any{i.Zone, i.Cause.Label(), i.How.String(),
			timeText(i.First),
			timeText(i.Last), timeText(i.Good), recovery, i.Queries, i.Clients, i.Maintenance,
			i.Name + " " + i.Type.String(), i.Detail, i.Cause.Hint()})
	}
	return res, nil
}

// timeText prints a time, "-" if there is none.
func timeText(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// listSignatures lists the zones whose signatures end soon.
func (r *running) listSignatures(q console.Request) (console.Result, error) {
	limit, err := limitOf(q, usualShown, maxListed)
	if err != nil {
		return console.Result{}, err
	}
	list, now := r.signatures.List(), clock.Wall(r.clock)
	res := console.Result{Fields: map[string]any{"zones": len(list)}, Rows: [][]any{},
		Columns: []string{"zone", "expires", "left", "soon", "set", "key", "seen"}}
	for _, z := range list[:min(limit, len(list))] {
		res.Rows = append(res.Rows, []any{z.Name.String(), timeText(z.Expires),
			z.Left(now).Round(time.Minute).String(), z.Warned,
			z.Owner.String() + " " + z.Type.String(), z.Tag, timeText(z.Seen)})
	}
	return res, nil
}

// listMaintenance lists the windows that are not over.
func (r *running) listMaintenance(console.Request) (console.Result, error) {
	res := console.Result{Columns: []string{"zone", "from", "to", "open", "owner", "reason",
		"added_by"}}
	now := clock.Wall(r.clock)
	for _, w := range r.incidents.Maintenance() {
		res.Rows = append(res.Rows, []any{w.Zone, timeText(w.From), timeText(w.To),
			!now.Before(w.From), w.Owner, w.Reason, w.By})
	}
	return res, nil
}

// windowOf reads the window that somebody asks for.
func (r *running) windowOf(q console.Request) (w incident.Window, err error) {
	zone, err := wire.ParseName(q.Args["zone"])
	if err != nil {
		return w, err
	}
	now := clock.Wall(r.clock)
	w = incident.Window{Zone: zone.String(), Owner: q.Args["owner"], Reason: q.Args["reason"],
		By: q.Caller, From: now}
	if text := q.Args["from"]; text != "" {
		if w.From, err = time.Parse(time.RFC3339, text); err != nil {
			return w, fmt.Errorf("from: %q is not a time such as %s", text, timeText(now))
		}
	}
	switch to, long := q.Args["to"], q.Args["for"]; {
	case (to == "") == (long == ""):
		return w, fmt.Errorf("it needs an end: to, or for")
	case to != "":
		if w.To, err = time.Parse(time.RFC3339, to); err != nil {
			return w, fmt.Errorf("to: %q is not a time such as %s", to, timeText(now))
		}
	default:
		d, err := config.ParseDuration(long)
		if err != nil {
			return w, fmt.Errorf("for: %q is not a duration such as 30m or 24h", long)
		}
		w.To = w.From.Add(d)
	}
	return w, nil
}

// addMaintenance adds a window.
func (r *running) addMaintenance(q console.Request) (console.Result, error) {
	w, err := r.windowOf(q)
	if err != nil {
		return console.Result{}, err
	}
	unsaved, err := r.incidents.AddMaintenance(w)
	if err != nil {
		return console.Result{}, err
	}
	return told(map[string]any{"zone": w.Zone, "from": timeText(w.From), "to": timeText(w.To)},
		unsaved), nil
}

// removeMaintenance removes the windows of a zone.
func (r *running) removeMaintenance(q console.Request) (console.Result, error) {
	zone, err := wire.ParseName(q.Args["zone"])
	if err != nil {
		return console.Result{}, err
	}
	unsaved, err := r.incidents.RemoveMaintenance(zone, q.Caller)
	if err != nil {
		return console.Result{}, err
	}
	return told(map[string]any{"zone": zone.String(), "removed": true}, unsaved), nil
}
