// Package policy has the operator's policy for queries: who may ask, which names are answered here,
// and which addresses are kept out of answers.
package policy

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
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
var actions = []string{"allow", "snoop", "refuse", "drop"}

// String returns the word of the action.
func (a Action) String() string { return actions[a] }

// ParseAction reads an action.
func ParseAction(s string) (Action, error) {
	i := slices.Index(actions, s)
	if i < 0 {
		return 0, fmt.Errorf("action %q is not one of %s", s, strings.Join(actions, ", "))
	}
	return Action(i), nil
}

// Rule gives a network an action.
type Rule struct {
	Net    netip.Prefix
	Action Action
	View   *View // nil: that of the listener
}

// String returns the rule as it is written in a configuration.
func (r Rule) String() string { return r.Net.String() + " " + actions[r.Action] }

// ACL decides by client address: the rule of the longest network that contains it applies. The zero
// value refuses everybody.
type ACL struct {
	rules []Rule  // longest prefix first
	v4    []rule4 // those of IPv4, in the same order
}

// rule4 is a rule as numbers.
type rule4 struct {
	net, mask uint32
	*Rule
}

// private are the networks that may ask by default: this machine, and addresses that are not routed
// on the Internet (RFC 1918, RFC 4193, RFC 6598, RFC 3927, RFC 4291).
var private = []string{"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
	"100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10"}

// Config is what the operator decides about policy.
type Config struct {
	Access  []Rule
	Private PrivateAddresses
}

// Default returns the configuration of an operator who has decided nothing.
func Default() (c Config) {
	for _, p := range private {
		c.Access = append(c.Access, Rule{Net: netip.MustParsePrefix(p), Action: Allow})
	}
	return c
}

// NewACL returns an ACL with these rules. Of two rules for one network the later applies.
func NewACL(rules []Rule) *ACL {
	a := &ACL{}
	for i := len(rules) - 1; i >= 0; i-- {
		r := Rule{rules[i].Net.Masked(), rules[i].Action, rules[i].View}
		if !slices.ContainsFunc(a.rules, func(o Rule) bool { return o.Net == r.Net }) {
			a.rules = append(a.rules, r)
		}
	}
	slices.SortStableFunc(a.rules, func(x, y Rule) int { return y.Net.Bits() - x.Net.Bits() })
	for i := range a.rules {
		if r := &a.rules[i]; r.Net.Addr().Is4() {
			b := r.Net.Addr().As4()
			mask := ^uint32(0) << (32 - r.Net.Bits())
			a.v4 = append(a.v4, rule4{binary.BigEndian.Uint32(b[:]), mask, r})
		}
	}
	return a
}

// Decide returns the action for a client's query, and the client's view, nil for that of the
// listener. A client without a rule is refused.
func (a *ACL) Decide(addr netip.Addr) (Action, *View) {
	if addr.Is4() {
		b := addr.As4()
		n := binary.BigEndian.Uint32(b[:])
		for i := range a.v4 {
			if n&a.v4[i].mask == a.v4[i].net {
				return a.v4[i].Action, a.v4[i].View
			}
		}
		return Refuse, nil
	}
	addr = addr.WithZone("")
	for i := range a.rules {
		if a.rules[i].Net.Contains(addr) {
			return a.rules[i].Action, a.rules[i].View
		}
	}
	return Refuse, nil
}
