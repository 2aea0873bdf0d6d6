// The memory that a fleet shares: what the operator sees of it.

package main

import (
	"time"

	"bailiwick/internal/console"
	"bailiwick/internal/fleet"
)

// fleetState tells how it is with the memory that the fleet shares.
func (r *running) fleetState(console.Request) (console.Result, error) {
	s, n := r.fleet.Status(), r.metrics.Fleet
	f := map[string]any{"store": s.Store, "secrets": s.Accepted, "waiting": s.Queued,
		"written": n.Written.Load(), "dropped": n.Dropped.Load(),
		"lost": n.Lost.Load()}
	switch {
	case s.Store == "":
		f["state"] = "off"
	case s.Resting > 0:
		f["state"] = "not asked for " + s.Resting.Round(time.Second).String()
	default:
		f["state"] = "in use"
	}
	for name, problem := range map[string]string{"problem": s.Problem, "full": s.Full,
		"unused": s.Foreign} {
		if problem != "" {
			f[name] = problem
		}
	}
	res := console.Result{Fields: f, Columns: []string{"outcome", "of", "count"}, Rows: [][]any{}}
	for _, o := range fleet.Outcomes() {
		of := "questions"
		if o.OfRecord() {
			of = "records"
		}
		res.Rows = append(res.Rows, []any{o.Label(), of, r.fleet.Counts().Of(o)})
	}
	return res, nil
}
