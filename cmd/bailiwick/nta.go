// Negative trust anchors while the server runs.

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/guard"
	"bailiwick/internal/state"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// newNegatives returns what keeps them, with those of the process before.
func (s *stack) newNegatives() *trustanchor.Negatives {
	return trustanchor.NewNegatives(trustanchor.NegativesParts{Clock: s.clock, Log: s.log,
		Rest:       s.rest,
		Configured: func() *trustanchor.Set { return s.now().Anchors },
		Check:      s.validates,
		Changed:    func() { s.judgeAnew() },
		Load:       s.state.Loading(state.NegativeAnchors),
		Save:       s.state.Saving(state.NegativeAnchors),
	})
}

// checkedSignatures is how many results of signature checks a check of a zone may remember.
const checkedSignatures = 1024

// validates resolves what a zone has at its name as if there were no exceptions, with a memory of
// its own: what the exceptions have admitted has no part in it, and what it finds admits nothing.
// It returns why the zone does not validate, "" if it does. The zone may also have become unsigned.
func (s *stack) validates(ctx context.Context, zone wire.Name) (why string) {
	why = "the check has failed"
	s.guard.Run(guard.Upkeep, func() {
		now, c := s.now(), cache.Default()
		c.Memory = cache.MinMemory
		cfg := now.Snapshot.Resolver
		cfg.Prefetch, cfg.Validation.SignatureCache = false, checkedSignatures
		cfg.ErrorReporting = false // nobody is told of a zone under a negative anchor
		r := resolver.New(cfg, resolver.Parts{Cache: cache.New(c), Anchors: now.Anchors.Strict(),
			Exchanger: s.exchanger, Clock: s.clock, Guard: s.guard, Routes: s.routes,
			Ledger: s.ledger})
		defer r.Close()
		why = ""
		for _, t := range [trustanchor.MaxCheckQuestions]wire.Type{wire.TypeSOA, wire.TypeA,
			wire.TypeAAAA} {
			a := r.Resolve(ctx, wire.Question{Name: zone, Type: t, Class: wire.ClassIN},
				resolver.Options{})
			if a.Failure != nil && a.RCode == wire.RCodeServFail {
				why = fmt.Sprintf("%s: %v", t, a.Failure)
				return
			}
		}
	})
	return why
}

// negativeAnchors lists those that hold now.
func (r *running) negativeAnchors(console.Request) (console.Result, error) {
	res := console.Result{Columns: []string{"zone", "until", "left", "reason", "owner", "added_by",
		"kept", "checked"}}
	now := r.clock.Now().Add(r.clock.Ahead())
	left := func(ends time.Time) string {
		if ends.IsZero() {
			return "-"
		}
		return ends.Sub(now).Round(time.Second).String()
	}
	until := func(ends time.Time) string {
		if ends.IsZero() {
			return "it is taken out"
		}
		return ends.UTC().Format(time.RFC3339)
	}
	for _, n := range r.now().Config.Anchors.Insecure {
		if n.Ends.IsZero() || now.Before(n.Ends) {
			res.Rows = append(res.Rows, []any{n.Zone.String(), until(n.Ends), left(n.Ends),
				n.Reason, n.Owner, "configuration", true, "never"})
		}
	}
	for _, t := range r.negatives.List() {
		checked := t.Checked
		if checked == "" {
			checked = "not yet"
		}
		res.Rows = append(res.Rows, []any{t.Zone.String(), until(t.Ends), left(t.Ends), t.Reason,
			t.Owner, t.By, t.Kept, checked})
	}
	return res, nil
}

// addNegativeAnchor adds one.
func (r *running) addNegativeAnchor(q console.Request) (console.Result, error) {
	zone, err := trustanchor.ParseZone(q.Args["zone"])
	if err != nil {
		return console.Result{}, err
	}
	lifetime, err := r.negativeLifetime(q)
	if err != nil {
		return console.Result{}, err
	}
	t, unsaved, err := r.negatives.Add(trustanchor.NegativeAnchor{Zone: zone,
		Reason: q.Args["reason"], Owner: q.Args["owner"]}, q.Caller, lifetime,
		q.Args["force"] == "true")
	if err != nil {
		return console.Result{}, err
	}
	return told(map[string]any{"zone": zone.String(), "until": t.Ends.Format(time.RFC3339)},
		unsaved), nil
}

// negativeLifetime returns how long somebody wants one to hold.
func (r *running) negativeLifetime(q console.Request) (time.Duration, error) {
	long, until := q.Args["for"], q.Args["until"]
	switch {
	case long != "" && until != "":
		return 0, errors.New("for and until exclude each other")
	case long != "":
		d, err := config.ParseDuration(long)
		if err != nil {
			return 0, fmt.Errorf("%q is not a duration such as 30m or 24h", long)
		}
		return d, nil
	case until != "":
		now := clock.Wall(r.clock)
		ends, err := time.Parse(time.RFC3339, until)
		if err != nil {
			return 0, fmt.Errorf("until: %q is not a time such as %s", until, timeText(now))
		}
		d := ends.Sub(now)
		if d > trustanchor.MaxLifetime && d <= trustanchor.MaxLifetime+time.Minute {
			d = trustanchor.MaxLifetime // the clock that it was reckoned by is ahead
		}
		return d, nil
	}
	return trustanchor.DefaultLifetime, nil
}

// removeNegativeAnchor removes one.
func (r *running) removeNegativeAnchor(q console.Request) (console.Result, error) {
	zone, err := trustanchor.ParseZone(q.Args["zone"])
	if err != nil {
		return console.Result{}, err
	}
	unsaved, err := r.negatives.Remove(zone, q.Caller)
	if err != nil {
		return console.Result{}, err
	}
	return told(map[string]any{"zone": zone.String(), "removed": true}, unsaved), nil
}

// told is a result, with a warning if a restart would not know of it.
func told(f map[string]any, unsaved error) console.Result {
	if unsaved != nil {
		f["not_saved"] = unsaved.Error()
	}
	return console.Result{Fields: f}
}
