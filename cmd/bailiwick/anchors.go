// Trust anchors that change while the server runs.

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/snapshot"
	"bailiwick/internal/state"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// newFollower returns what follows the keys of trust anchors' zones (RFC 5011), as far as it is
// known from before.
func (s *stack) newFollower() *trustanchor.Follower {
	return trustanchor.NewFollower(trustanchor.FollowerParts{
		Clock: s.clock, Log: s.log, Guard: s.guard, Rest: s.rest,
		Ask: func(ctx context.Context, zone wire.Name) (trustanchor.Sighting, *cause.Failure) {
			return s.now().resolver.AnchorKeys(ctx, zone)
		},
		Tell: func(ctx context.Context, n wire.Name) { s.now().resolver.Tell(ctx, n) },
		Load: s.state.Loading(state.Anchors), Save: s.state.Saving(state.Anchors),
	})
}

// followed is what a configuration decides about trust anchors. Keys are not followed where
// signatures are not judged by the time of day: whoever has an old set could pass it off as new.
func followed(cfg *config.Config) trustanchor.Config {
	c := cfg.Anchors
	c.Follow = c.Follow && c.Validate && cfg.Resolver.ValidationTime.IsZero() &&
		!cfg.Resolver.Validation.IgnoreTimes
	return c
}

// trusting returns a snapshot with other trust anchors.
func trusting(p *snapshot.Snapshot, anchors *trustanchor.Set) *snapshot.Snapshot {
	other := *p
	other.Anchors = anchors
	return &other
}

// retrust has the queries to come judged by the trust anchors that are followed.
func (r *running) retrust() {
	r.succeedItself()
	r.log.Info("trust anchors changed", "anchors", r.anchorText())
}

// sources are where trust anchors come from; reloading is held.
func (s *stack) sources(p *snapshot.Snapshot) []trustanchor.Source {
	sources := slices.Clone(p.Sources)
	if c := p.Config.Anchors; c.Fetch > 0 && c.Validate {
		if set, err := trustanchor.InUse(s.published, s.judgedAt(p)); err == nil {
			sources = append(sources, trustanchor.Source{Name: fetchKey, Set: set})
		}
	}
	return sources
}

// judgedAt is the time at which the resolver of a configuration judges signatures: that of the
// clock, unless it cannot be right.
func (s *stack) judgedAt(p *snapshot.Snapshot) time.Time {
	if at := clock.Wall(s.clock); at.After(p.Resolver.Earliest) {
		return at
	}
	return p.Resolver.Earliest
}

// fetchKey is the name of the source that is downloaded.
const fetchKey = "trust_anchors.fetch"

// anchorsOf returns the trust anchors of a configuration, with those that were downloaded for it;
// reloading is held.
func (s *stack) anchorsOf(p *snapshot.Snapshot) *trustanchor.Set {
	set := p.Anchors
	for _, source := range s.sources(p) {
		if source.Name == fetchKey {
			set = set.Union(source.Set)
		}
	}
	return set
}

// compareAnchors has a disagreement of the sources of trust anchors seen: in the log when it
// changes, in a metric and beside the result of /readyz. reloading is held.
func (r *running) compareAnchors() {
	found := trustanchor.Disagreements(r.sources(r.now().configured), r.follower.Status())
	text := strings.Join(found, "; ")
	r.metrics.AnchorDisagreements(len(found))
	r.console.Warn("trust anchors", text)
	switch {
	case text == r.disagreement:
	case text == "":
		r.log.Info("the sources of trust anchors agree again")
	default:
		r.log.Warn("the sources of trust anchors disagree", "detail", text)
	}
	r.disagreement = text
}

// anchors shows the keys of the zones that are followed.
func (r *running) anchors(console.Request) (console.Result, error) {
	res := console.Result{Columns: []string{"zone", "key", "state", "since", "left", "validated",
		"next", "failures", "failure"}}
	for _, z := range r.follower.Status() {
		common := []any{moment(z.Seen), z.Next.Round(time.Second).String(), z.Failures, z.Failure}
		for _, k := range z.Keys {
			res.Rows = append(res.Rows, append([]any{z.Zone.String(), k.Tag(),
				k.State.String(), moment(k.Since), k.Left().Round(time.Second).String()},
				common...))
		}
		for _, d := range z.Unseen() {
			res.Rows = append(res.Rows, append([]any{z.Zone.String(), d.KeyTag,
				"configured", "-", "0s"}, common...))
		}
	}
	if len(res.Rows) == 0 {
		return console.Result{Fields: map[string]any{"following": "nothing: trust_anchors.follow " +
			"is off, or nothing is validated"}}, nil
	}
	return res, nil
}

// moment writes a time of day, for people.
func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

// refreshAnchors has the zones of all trust anchors asked for their keys at once.
func (r *running) refreshAnchors(console.Request) (console.Result, error) {
	r.follower.Refresh()
	return console.Result{Fields: map[string]any{"refresh": "under way; see anchors list"}},
		nil
}

// resetAnchors goes back to the configured anchors of a zone.
func (r *running) resetAnchors(q console.Request) (console.Result, error) {
	zone, err := wire.ParseName(q.Args["zone"])
	if err != nil {
		return console.Result{}, fmt.Errorf("zone %q: %w", q.Args["zone"], err)
	}
	if !r.follower.Reset(zone) {
		return console.Result{}, errors.New("no keys of zone " + zone.String() + " are followed")
	}
	r.retrust()
	r.follower.Refresh() // it may have asked meanwhile, and been judged by the old ones
	r.log.Warn("trust anchors reset", "zone", zone.String(), "by", q.Caller)
	return console.Result{Fields: map[string]any{"zone": zone.String(),
		"trusted": "the configured anchors alone"}}, nil
}
