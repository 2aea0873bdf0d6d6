// Local data: what answers questions here, and the commands of the control socket.

package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"bailiwick/internal/cause"
	"bailiwick/internal/console"
	"bailiwick/internal/localdata"
	"bailiwick/internal/policy"
	"bailiwick/wire"
)

// ownData returns what answers from this server's own data: local data of a snapshot, and what the
// server tells of itself; nil if there is none.
func (r *running) ownData(s *inUse, local *localdata.Data) func(wire.Question) *policy.Local {
	discovers := s.Config.Discovery.Enabled
	switch {
	case local.Empty() && discovers:
		return r.discover
	case local.Empty():
		return nil
	case !discovers:
		return local.Answer
	}
	return func(q wire.Question) *policy.Local {
		if l := r.discover(q); l != nil {
			return l
		}
		return local.Answer(q)
	}
}

// policyLists tells which local zones, lists and policy zones are in use, and how large they are.
func (r *running) policyLists(console.Request) (console.Result, error) {
	now := r.now()
	out := console.Result{Columns: []string{"kind", "name", "type", "names", "view"},
		Rows: [][]any{}}
	for _, p := range now.Policies {
		view := cmp.Or(p.Name, "-")
		if n := p.Local.Records(); n > 0 {
			out.Rows = append(out.Rows, []any{"records", "-", "-", n, view})
		}
		for _, z := range p.Data.LocalZones {
			out.Rows = append(out.Rows, []any{"zone", z.Name.String(), z.Type.String(), nil, view})
		}
		for _, l := range p.Local.Lists() {
			out.Rows = append(out.Rows, []any{"list", l.Name, l.Action.String(), l.Names, view})
		}
	}
	for _, z := range r.policyZones(now.Policy).All() {
		out.Rows = append(out.Rows, rowOf(&z))
	}
	if len(out.Rows) == 0 {
		return console.Result{Fields: map[string]any{"note": "there are neither local data nor " +
			"policy zones: see policy.local_records, policy.block_lists, policy.rpz"}}, nil
	}
	return out, nil
}

// policyTest tells what policy says to a question of a client, of one without a view if there is
// none: whether it may ask, its view, and what local data and special names answer.
func (r *running) policyTest(q console.Request) (console.Result, error) {
	name, err := wire.ParseName(q.Args["name"])
	if err != nil {
		return console.Result{}, fmt.Errorf("name %q: %w", q.Args["name"], err)
	}
	t := wire.TypeA
	if text := q.Args["type"]; text != "" {
		var ok bool
		if t, ok = wire.ParseType(strings.ToUpper(text)); !ok {
			return console.Result{}, fmt.Errorf("%q is not a type", text)
		}
	}
	view, f, err := r.viewFor(q.Args["client"], q.Args["listener"])
	if err != nil {
		return console.Result{}, err
	}
	rows, err := r.accessRows(q.Args["client"])
	if err != nil {
		return console.Result{}, err
	}
	l := r.answersHere(view, wire.Question{Name: name, Type: t, Class: wire.ClassIN})
	client, _ := netip.ParseAddr(q.Args["client"])
	res := console.Result{Fields: localFields(f, l, view, client.Unmap(), name)}
	if n := r.now().resolver.Sends(client, name, t); n.IsValid() &&
		!view.NoNetworks {
		res.Fields["network"] = n.String()
	}
	switch f["access"] { // whatever policy says of the name, this client hears nothing of it
	case policy.Refuse.String():
		f["outcome"] = policy.OutcomeRefused.Label()
	case policy.Drop.String():
		f["outcome"] = policy.OutcomeDropped.Label()
	}
	if len(rows) > 0 {
		res.Columns, res.Rows = []string{"listener", "access"}, rows
	}
	return res, nil
}

// localFields tells what local data say of a name, and policy zones if these say nothing.
func localFields(f map[string]any, l *policy.Local, v *policy.View,
	client netip.Addr, name wire.Name) map[string]any {
	if l == nil || l.Action == policy.LocalResolve {
		f["outcome"] = "resolved"
		if l != nil {
			f["logged_for"] = l.Inform.String()
		} else {
			testPolicyZones(f, v.Zones, client, name)
		}
		return f
	}
	f["outcome"], f["source"] = l.Outcome().Label(), l.From.Label()
	if l.List != "" {
		f["list"] = l.List
	}
	if l.Cause != cause.None {
		f["cause"] = l.Cause.Label()
	}
	if l.SOA != nil && len(l.Answer) == 0 {
		f["zone"] = l.SOA.Name.String()
	}
	if !l.Target.IsZero() {
		f["alias_of"] = l.Target.String()
	}
	return f
}

// parseClient reads the address of a client.
func parseClient(text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return addr, fmt.Errorf("%.64q is not an IP address", text)
	}
	return addr.Unmap(), nil
}
