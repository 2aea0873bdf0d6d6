// Watched zones of a running server.

package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/state"
	"bailiwick/internal/watch"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// watching returns the configuration of watched zones, with what the resolver's has: the families
// that are asked, and the port.
func watching(c *config.Config) watch.Config {
	w := c.Watch
	w.NoIPv4, w.NoIPv6 = c.Resolver.IPv4 == resolver.FamilyOff,
		c.Resolver.IPv6 == resolver.FamilyOff
	w.Port = c.Resolver.Port
	return w
}

// newWatched returns the book of watched zones, with what an earlier process has left.
func (s *stack) newWatched() *watch.Book {
	return watch.NewBook(watching(s.cfg), watch.Parts{Clock: s.clock, Log: s.log, Guard: s.guard,
		Rest: s.rest, Over: s.exchanger,
		Resolve: func(ctx context.Context, q wire.Question,
			o resolver.Options) *resolver.Answer {
			return s.now().resolver.Resolve(ctx, q, o)
		},
		Why: failureOf, Answered: s.metrics.Answered, Maintained: s.incidents.Maintained,
		Load: s.state.Loading(state.Watched), Save: s.state.Saving(state.Watched),
	})
}

// percent prints a percentage.
func percent(part float64) string {
	return strconv.FormatFloat(part, 'f', -1, 64) + " %"
}

// roughly prints a part of a whole, to three places.
func roughly(part float64) string { return fmt.Sprintf("%.3f %%", 100*part) }

// budgetText prints what is left of an error budget, or how many times over it is spent: with few
// answers one failure may be a thousand budgets.
func budgetText(left float64) string {
	if left < 0 {
		return fmt.Sprintf("spent %.1f times", 1-left)
	}
	return fmt.Sprintf("%.1f %% left", 100*left)
}

// stateText is how a watched zone is, in a word.
func stateText(z *watch.State) string {
	switch {
	case z.Probed.IsZero():
		return "not probed"
	case z.Outcome == watch.Outcomes()[0]:
		return "unknown"
	case z.Failing:
		return "failing"
	}
	return "good"
}

// listWatched lists the watched zones.
func (r *running) listWatched(console.Request) (console.Result, error) {
	now := clock.Wall(r.clock)
	list := r.watched.List(now)
	month, _ := r.watched.Overall(now)
	res := console.Result{Fields: map[string]any{"zones": len(list),
		"validation_success": roughly(month.Success()),
		"validation_budget":  budgetText(month.Left())}, Rows: [][]any{},
		Columns: []string{"zone", "state", "since", "status", "success", "budget_left",
			"objective", "expires", "findings", "probed", "cause", "owner", "maintenance"}}
	for i := range list {
		z := &list[i]
		worst := "-"
		if len(z.Findings) > 0 {
			worst = fmt.Sprintf("%d, %s %s", len(z.Findings), z.Findings[0].Severity,
				z.Findings[0].ID)
		}
		res.Rows = append(res.Rows, []any{z.Name.String(), stateText(z), timeText(z.Since),
			z.Status.String(), roughly(z.Rate.Success()), budgetText(z.Rate.Left()),
			percent(z.Rate.Objective), timeText(z.Expires), worst, timeText(z.Probed),
			cmp.Or(z.Cause, "-"), cmp.Or(z.Owner, "-"), z.Maintenance})
	}
	return res, nil
}

// watchedZone returns the zone that a request names.
func (r *running) watchedZone(q console.Request) (watch.State, error) {
	name, err := wire.ParseName(q.Args["zone"])
	if err != nil {
		return watch.State{}, err
	}
	for _, z := range r.watched.List(clock.Wall(r.clock)) {
		if z.Name == name {
			return z, nil
		}
	}
	return watch.State{}, fmt.Errorf("%s is not watched: watch.zones has the zones that are", name)
}

// showWatched shows all that is known of a watched zone.
func (r *running) showWatched(q console.Request) (console.Result, error) {
	z, err := r.watchedZone(q)
	if err != nil {
		return console.Result{}, err
	}
	now := clock.Wall(r.clock)
	res := console.Result{Fields: map[string]any{"zone": z.Name.String(),
		"state": stateText(&z), "since": timeText(z.Since), "status": z.Status.String(),
		"probed": timeText(z.Probed), "cause": cmp.Or(z.Cause, "-"),
		"detail": cmp.Or(z.Detail, "-"),
		"remedy": cmp.Or(z.Hint, "-"), "owner": cmp.Or(z.Owner, "-"),
		"objective": percent(z.Rate.Objective), "success": roughly(z.Rate.Success()),
		"budget_left": budgetText(z.Rate.Left()), "probes": z.Rate.Good + z.Rate.Bad,
		"failed_probes": z.Rate.Bad, "expires": timeText(z.Expires),
		"expires_set": cmp.Or(z.Set, "-"),
		"maintenance": z.Maintenance}, Rows: [][]any{},
		Columns: []string{"finding", "severity", "since", "detail", "remedy"}}
	if !z.Expires.IsZero() {
		res.Fields["expires_in"] = z.Expires.Sub(now).Round(time.Minute).String()
	}
	for i := range z.Findings {
		f := &z.Findings[i]
		since := timeText(f.Since)
		if f.Passing {
			since += " (seen once)"
		}
		res.Rows = append(res.Rows, []any{f.ID, f.Severity.String(), since, f.Text(), f.Remedy})
	}
	return res, nil
}

// dueText is what is due next in a rollover, "-" if nothing is, with the times between which it may
// be done.
func dueText(r *watch.Rollover, now time.Time) (what, earliest, latest string) {
	switch d := &r.Due; {
	case d.What == "":
		return "-", "-", "-"
	case !d.Known:
		earliest = "not before all servers have the step before"
	case !now.Before(d.Earliest):
		earliest = "now"
	default:
		earliest = timeText(d.Earliest)
	}
	return string(r.Due.What), earliest, timeText(r.Due.Latest)
}

// listRollovers lists the rollovers of watched zones, the newest first.
func (r *running) listRollovers(q console.Request) (console.Result, error) {
	now := clock.Wall(r.clock)
	list := r.watched.List(now)
	if q.Args["zone"] != "" {
		z, err := r.watchedZone(q)
		if err != nil {
			return console.Result{}, err
		}
		list = []watch.State{z}
	}
	res := console.Result{Rows: [][]any{}, Columns: []string{"zone", "kind", "state", "method",
		"old", "new", "began", "steps", "due", "earliest", "latest", "broken"}}
	for i := range list {
		for _, roll := range slices.Backward(list[i].Rolls) {
			what, earliest, latest := dueText(&roll, now)
			steps, breaks := rollText(&roll)
			res.Rows = append(res.Rows, []any{list[i].Name.String(), roll.Kind(), roll.State(),
				cmp.Or(roll.Method(), "-"), roll.OldTags(),
				roll.NewTags(), timeText(roll.Begun()), steps, what,
				earliest, latest, breaks})
		}
	}
	return res, nil
}

// rollText prints the steps of a rollover with their times, and when it was broken and why.
func rollText(r *watch.Rollover) (steps, breaks []string) {
	steps, breaks = []string{}, []string{}
	for _, s := range r.Steps {
		steps = append(steps, string(s.What)+" "+timeText(s.At))
	}
	for _, b := range r.Breaks {
		until := "now"
		if !b.Until.IsZero() {
			until = timeText(b.Until)
		}
		breaks = append(breaks, fmt.Sprintf("%s from %s to %s", b.Why, timeText(b.Since), until))
	}
	return steps, breaks
}

// probeWatched has a watched zone probed now.
func (r *running) probeWatched(q console.Request) (console.Result, error) {
	z, err := r.watchedZone(q)
	if err != nil {
		return console.Result{}, err
	}
	r.watched.Soon(z.Name)
	return console.Result{Fields: map[string]any{"zone": z.Name.String(), "probe": "begins"}}, nil
}

func watchOperations() []operation {
	zone := console.Param{Name: "zone", Required: true, Positional: true,
		Help: "one of watch.zones"}
	of30 := "the part of its probes that succeeded in 30 days"
	return []operation{{console.Operation{Name: "watch list",
		Short: "List the watched zones: how they are, their success rate and error budget",
		Long: "List the zones of watch.zones: whether clients get answers that validate, the " +
			"success rate and what is left of the error budget of 30 days, when the first " +
			"signature ends, and the gravest finding. The fields have the same of all responses " +
			"to clients.",
		Suggest: []string{"watched", "zones", "slo"},
		Fields: []console.Field{{Name: "zones", Kind: console.Integer},
			{Name: "validation_success", Help: "the part of responses that did not fail it"},
			{Name: "validation_budget", Help: "the part of its error budget that is left"}},
		Rows: []console.Field{{Name: "zone"},
			{Name: "state", Help: "good, failing, unknown (no zone's fault) or not probed"},
			{Name: "since"}, {Name: "status", Help: "what the resolver says of its SOA"},
			{Name: "success", Help: of30}, {Name: "budget_left"}, {Name: "objective"},
			{Name: "expires", Help: "when the first signature at the apex ends"},
			{Name: "findings", Help: "how many, and the gravest"}, {Name: "probed"},
			{Name: "cause", Help: "why the last probe failed"}, {Name: "owner"},
			{Name: "maintenance", Kind: console.Boolean}},
	}, (*running).listWatched}, {console.Operation{Name: "watch show",
		Short: "Show all that is known of a watched zone",
		Long: "Show all that is known of a watched zone: how it is, its findings with their " +
			"remedies, and since when. The findings are those of bailiwick check that a look at " +
			"the apex can make.",
		Example: "ctl watch show bank.example",
		Params:  []console.Param{zone},
		Fields: []console.Field{{Name: "zone"}, {Name: "state"}, {Name: "since"},
			{Name: "status"}, {Name: "probed"}, {Name: "cause"}, {Name: "detail"},
			{Name: "remedy"}, {Name: "owner"}, {Name: "objective"},
			{Name: "success", Help: of30}, {Name: "budget_left"},
			{Name: "probes", Kind: console.Integer, Help: "of 30 days whose outcome is known"},
			{Name: "failed_probes", Kind: console.Integer}, {Name: "expires"},
			{Name: "expires_set", Help: "the type of the set whose signature that is"},
			{Name: "expires_in", Optional: true}, {Name: "maintenance", Kind: console.Boolean}},
		Rows: []console.Field{{Name: "finding"}, {Name: "severity"}, {Name: "since"},
			{Name: "detail"}, {Name: "remedy"}},
	}, (*running).showWatched}, {console.Operation{Name: "watch rollovers",
		Short: "List the key rollovers of watched zones: their steps, and what is due when",
		Long: "List the key rollovers of watched zones, the newest first. A step is due from " +
			"the time on when all caches have forgotten what it does not fit (RFC 7583), and " +
			"until the old signatures end. A rollover is broken while some caches may have DS, " +
			"keys or signatures that do not fit those of now.",
		Suggest: []string{"rolls", "keys", "rollover"},
		Params: []console.Param{{Name: "zone", Positional: true,
			Help: "one of watch.zones; all without it"}},
		Rows: []console.Field{{Name: "zone"},
			{Name: "kind", Help: "KSK, ZSK, CSK (one key for both), or the algorithms"},
			{Name: "state", Help: "the last step, or broken"},
			{Name: "method", Help: "as far as its steps show"},
			{Name: "old", Help: "key tags"}, {Name: "new", Help: "key tags"}, {Name: "began"},
			{Name: "steps", Kind: console.List}, {Name: "due", Help: "the next step"},
			{Name: "earliest"}, {Name: "latest"}, {Name: "broken", Kind: console.List}},
	}, (*running).listRollovers}, {console.Operation{Name: "watch probe", Changes: true,
		Short:   "Probe a watched zone now",
		Suggest: []string{"now", "check"},
		Params:  []console.Param{zone},
		Fields:  []console.Field{{Name: "zone"}, {Name: "probe"}},
	}, (*running).probeWatched}}
}
