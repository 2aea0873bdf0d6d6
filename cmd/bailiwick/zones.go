// Zones that a copy is kept of: what the keeper needs of the resolver, and the commands of the
// control socket.

package main

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/console"
	"bailiwick/resolver"
	"bailiwick/secondary"
	"bailiwick/wire"
	"bailiwick/zone"
)

// copies are the zones of a keeper as the resolver asks them.
type copies struct{ *secondary.Keeper }

// Closest implements resolver.Copies.
func (c copies) Closest(name wire.Name) resolver.Copy {
	if z := c.Keeper.Closest(name); z != nil {
		return z
	}
	return nil
}

// newKeeper returns the keeper of a server. It looks names up and validates with the resolver that
// is in use.
func (s *stack) newKeeper() *secondary.Keeper {
	return secondary.New(secondary.Parts{Clock: s.clock, Log: s.log, Guard: s.guard, Rest: s.rest,
		State: s.state, Lookup: s.lookUp,
		Judge: func(ctx context.Context, z *zone.Zone, t wire.Type) (
			wire.Security, *cause.Failure) {
			return s.now().resolver.JudgeCopy(ctx, z, t)
		},
		Changed: s.zoneChanged})
}

// forgetZone forgets what is cached of a zone that has changed, if its copy is the one place that
// its data come from: clients see the change when the copy has it. Data of other zones may come
// from the zone's servers too, and live for their TTL.
func (s *stack) forgetZone(zone wire.Name) {
	now := s.now()
	if slices.ContainsFunc(now.Snapshot.Resolver.Zones, func(z resolver.Zone) bool {
		return z.Held && z.Name == zone
	}) {
		now.resolver.Flush(zone, true)
	}
}

// lookUp returns the addresses of a host of which this machine has a route to the family.
func (s *stack) lookUp(ctx context.Context, host wire.Name) (addrs []netip.Addr, err error) {
	v4, v6 := s.routes.Families()
	for t, routed := range map[wire.Type]bool{wire.TypeA: v4 || !v6, wire.TypeAAAA: v6} {
		if !routed {
			continue
		}
		q := wire.Question{Name: host, Type: t, Class: wire.ClassIN}
		a := s.now().resolver.Resolve(ctx, q, resolver.Options{})
		if a.Failure != nil && a.RCode == wire.RCodeServFail {
			err = a.Failure
			continue
		}
		for _, set := range a.Sets {
			if set.Type == t {
				addrs = append(addrs, set.Data.Addresses()...)
			}
		}
	}
	if len(addrs) > 0 {
		err = nil
	}
	return addrs, err
}

// listZones tells how it is with the zones that a copy is kept of.
func (r *running) listZones(console.Request) (console.Result, error) {
	out := console.Result{Columns: []string{"zone", "state", "serial", "source", "age",
		"next_check", "expires_in", "zonemd", "records", "bytes", "catalog", "problem"},
		Rows: [][]any{}}
	seconds := func(d time.Duration) string { return d.Round(time.Second).String() }
	for _, s := range r.keeper.Status() {
		state, age, next, expires := "no copy", "-", seconds(s.Next), "-"
		switch {
		case s.Usable:
			state, age, expires = "usable", seconds(s.Age), seconds(s.Expires)
		case s.Age > 0:
			state, age = "expired", seconds(s.Age)
		}
		if s.Checking {
			next = "now"
		}
		place, problem := r.placeOf(s.Zone)
		out.Rows = append(out.Rows, []any{s.Zone.String(), state, s.Serial, orNone(s.Source), age,
			next, expires, orNone(s.Digest), s.Records, s.Bytes, orNone(place),
			orNone(cmp.Or(s.Problem, problem))})
	}
	if len(out.Rows) == 0 {
		return console.Result{Fields: map[string]any{
			"note": "no zone is kept: see zones.local_root and zones.held"}}, nil
	}
	return out, nil
}

// orNone is a text that is not empty in a table.
func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// refreshZone has a zone checked now.
func (r *running) refreshZone(q console.Request) (console.Result, error) {
	n, err := wire.ParseName(q.Args["name"])
	if err != nil {
		return console.Result{}, fmt.Errorf("name %q: %w", q.Args["name"], err)
	}
	if !r.keeper.Refresh(n) {
		return console.Result{}, fmt.Errorf("no copy of %s is kept: see zones.held", n)
	}
	r.readAgain(n)
	r.log.Info("zone is checked", "zone", n.String(), "by", q.Caller)
	return console.Result{Fields: map[string]any{"checking": n.String()}}, nil
}
