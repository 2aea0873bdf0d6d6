// Local data: what answers questions here, and the commands of the control socket.

package main

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"

	"bailiwick/internal/cause"
	"bailiwick/internal/console"
	"bailiwick/internal/hook"
	"bailiwick/internal/localdata"
	"bailiwick/internal/policy"
	"bailiwick/internal/rpz"
	"bailiwick/server"
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
// none: whether it may ask, its view, what local data, special names, policy zones and steps of the
// operator's own answer, and otherwise how the name is resolved.
func (r *running) policyTest(q console.Request) (console.Result, error) {
	name, err := wire.ParseName(q.Args["name"])
	if err != nil {
		return console.Result{}, fmt.Errorf("name %q: %w", q.Args["name"], err)
	}
	t, client := wire.TypeA, q.Args["client"]
	if text := q.Args["type"]; text != "" && client == "" && isAddress(text) {
		client = text // the type is left out
	} else if text != "" {
		var ok bool
		if t, ok = wire.ParseType(strings.ToUpper(text)); !ok {
			return console.Result{}, fmt.Errorf("%q is not a type", text)
		}
	}
	view, f, err := r.viewFor(client, q.Args["listener"], q.Args["key"])
	if err != nil {
		return console.Result{}, err
	}
	rows, err := r.accessRows(client)
	if err != nil {
		return console.Result{}, err
	}
	l := r.answersHere(view, wire.Question{Name: name, Type: t, Class: wire.ClassIN})
	from, _ := netip.ParseAddr(client)
	res := console.Result{Fields: localFields(f, l, view, from.Unmap(), name)}
	r.testSteps(f, &hook.Question{Name: name, Type: t, View: view.Name, Client: from.Unmap()})
	r.testResolution(f, view, name)
	if n := r.now().resolver.Sends(from, name, t); n.IsValid() &&
		!view.NoNetworks {
		res.Fields["network"] = n.String()
	}
	if rcode, why := server.Unanswered(t); why != cause.None { // before the name is looked at
		settled(f, strings.ToLower(rcode.String()), why)
	}
	switch f["access"] { // whatever policy says of the name, this client hears nothing of it
	case policy.Refuse.String():
		settled(f, policy.OutcomeRefused.Label(), cause.ClientRefused)
	case policy.Drop.String():
		settled(f, policy.OutcomeDropped.Label(), cause.ClientDropped)
	}
	if len(rows) > 0 {
		res.Columns, res.Rows = []string{"listener", "access"}, rows
	}
	return res, nil
}

// settled tells that a question has an outcome before its name is looked at, so that nothing which
// is said of the name matters.
func settled(f map[string]any, outcome string, why cause.Cause) {
	for _, of := range []string{"source", "logged_for", "list", "zone", "rule", "trigger",
		"alias_of", "resolved_by", "resolved_for", "network"} {
		delete(f, of)
	}
	f["outcome"], f["cause"] = outcome, why.Label()
}

// isAddress reports whether a text is an IP address.
func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// Outcomes of names that are resolved.
const (
	outcomeResolved = "resolved"
	outcomeDepends  = "depends on the answer"
)

// localFields tells what local data say of a name, and policy zones if these say nothing.
func localFields(f map[string]any, l *policy.Local, v *policy.View,
	client netip.Addr, name wire.Name) map[string]any {
	if l == nil || l.Action == policy.LocalResolve {
		f["outcome"] = outcomeResolved
		if l != nil {
			f["logged_for"] = l.Inform.String()
		}
		testPolicyZones(f, v.Zones, client, name)
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

// testSteps tells what the operator's own steps say of a question that nothing else has decided.
func (r *running) testSteps(f map[string]any, q *hook.Question) {
	if f["source"] != nil {
		return
	}
	if d, ok := r.steps.Test(q); ok {
		f["outcome"], f["source"], f["list"] = d.Action.String(), policy.FromHooks.Label(), d.Step
	}
}

// isResolved reports whether an outcome of policy leaves the name to the resolver.
func isResolved(outcome any) bool {
	switch outcome {
	case outcomeResolved, outcomeDepends, rpz.PassThru.String():
		return true
	}
	return false
}

// isTruncated reports whether an outcome of policy is that the client has to ask over TCP, where it
// gets what the name resolves to.
func isTruncated(outcome any) bool {
	return outcome == rpz.TCPOnly.String() || outcome == hook.Truncate.String()
}

// testResolution tells how a name is resolved for the clients of a view, if it is.
func (r *running) testResolution(f map[string]any, v *policy.View, name wire.Name) {
	if !isResolved(f["outcome"]) {
		return
	}
	of := r.now().resolver.In(v.Realm)
	f["resolved_by"], f["resolved_for"] = of.Asks(name), "all clients"
	if n := of.Realm().Of(name); n != 0 {
		f["resolved_for"] = r.now().resolver.RealmName(n)
	}
}

// parseClient reads the address of a client.
func parseClient(text string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return addr, fmt.Errorf("%.64q is not an IP address", text)
	}
	return addr.Unmap(), nil
}
