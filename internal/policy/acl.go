// Package policy has the operator's policy for queries: who may ask, which names are answered here,
// and which addresses are kept out of answers.
package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/gaissmai/bart"
)

// Action is what is done with a client's query.
type Action uint8

// The actions.
const (
	Allow  Action = iota
	Snoop         // allow, and answer questions without RD from the cache
	Refuse        // REFUSED, with a reason
	Drop          // no answer at all
)

// actions are the words of the actions in a configuration.
var actions = [...]string{"allow", "snoop", "refuse", "drop"}

// ParseAction reads an action.
func ParseAction(s string) (Action, error) {
	i := slices.Index(actions[:], s)
	if i < 0 {
		return 0, fmt.Errorf("action %q is not one of %s", s, strings.Join(actions[:], ", "))
	}
	return Action(i), nil
}

// String returns the action as it is written in a configuration.
func (a Action) String() string { return actions[a] }

// Actions returns all actions.
func Actions() []Action { return []Action{Allow, Snoop, Refuse, Drop} }

// Rule gives a network an action.
type Rule struct {
	Net    netip.Prefix
	Action Action
}

// String returns the rule as it is written in a configuration.
func (r Rule) String() string { return r.Net.String() + " " + r.Action.String() }

// Clients gives the clients of a network a view.
type Clients struct {
	Net  netip.Prefix
	View *View
}

// ACL decides by client address: the rule of the longest network that contains it applies, and so
// does the view of the longest network that has one. Both are found by one look into a table whose
// cost does not depend on how many networks it has. The zero value refuses everybody.
type ACL struct{ table bart.Fast[decision] }

// decision is what holds for the clients of a network.
type decision struct {
	action Action
	view   *View // nil: that of the listener
}

// private are the networks that may ask by default: this machine, and addresses that are not routed
// on the Internet (RFC 1918, RFC 4193, RFC 6598, RFC 3927, RFC 4291).
var private = []string{"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
	"100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"}

// Config is what the operator decides about policy.
type Config struct {
	Access  Access
	Private PrivateAddresses
	Limits  Limits
	DNS64   DNS64Config
}

// Access is who may ask. The zero value allows this machine and private networks.
type Access struct {
	Own     []Rule // the operator's
	Replace bool   // nobody else may ask; else these are added to what holds by default
}

// Rules returns all rules: of two for one network the later applies.
func (a Access) Rules() (rules []Rule) {
	if !a.Replace {
		for _, p := range private {
			rules = append(rules, Rule{Net: netip.MustParsePrefix(p), Action: Allow})
		}
	}
	return append(rules, a.Own...)
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config { return Config{Limits: DefaultLimits(), DNS64: defaultDNS64()} }

// Within gives the clients of some networks another view in place of the one that they have: that
// of the longest of these networks that they are in, or base.
func Within(views []Clients, base *View, networks []netip.Prefix,
	other func(*View) *View) (all []Clients) {
	var had bart.Table[*View]
	var in bart.Lite
	for _, n := range networks {
		in.Insert(n.Masked())
	}
	for _, c := range views {
		had.Insert(c.Net.Masked(), c.View)
		if in.LookupPrefix(c.Net.Masked()) {
			c.View = other(c.View)
		}
		all = append(all, c)
	}
	for _, n := range networks {
		v, ok := had.LookupPrefix(n.Masked())
		if _, exactly := had.Get(n.Masked()); exactly {
			continue
		}
		if !ok {
			v = base
		}
		all = append(all, Clients{n, other(v)})
	}
	return all
}

// NewACL returns an ACL with these rules, and views for some of the clients. Of two rules for one
// network the later applies.
func NewACL(rules []Rule, views ...Clients) *ACL {
	var access bart.Table[Action]
	var seen bart.Table[*View]
	for _, r := range rules {
		access.Insert(r.Net.Masked(), r.Action)
	}
	for _, v := range views {
		seen.Insert(v.Net.Masked(), v.View)
	}
	a := &ACL{}
	decide := func(p netip.Prefix) {
		d := decision{action: Refuse}
		if action, ok := access.LookupPrefix(p); ok {
			d.action = action
		}
		d.view, _ = seen.LookupPrefix(p)
		a.table.Insert(p, d)
	}
	for p := range access.All() {
		decide(p)
	}
	for p := range seen.All() {
		decide(p)
	}
	return a
}

// Decide returns the action for a client's query, and the client's view, nil for that of the
// listener. A client without a rule is refused.
func (a *ACL) Decide(addr netip.Addr) (Action, *View) {
	if d, ok := a.table.Lookup(addr.WithZone("")); ok {
		return d.action, d.view
	}
	return Refuse, nil
}
