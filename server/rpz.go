// Response policy zones: before a question is resolved, and on its answer.

package server

import (
	"iter"
	"net/netip"
	"slices"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/policy"
	"bailiwick/internal/rpz"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// policyZones returns the zones that have a say in the query; nil if there are none, or if they had
// it: what a rule puts in the place of an answer is subject to no other rule (section 6 of the
// draft). So aliases of rules cannot make loops.
func (r *request) policyZones() *rpz.Set {
	if r.settled || !r.q.Has(wire.FlagRD) {
		return nil
	}
	return r.view.Zones
}

// aboutClient reports whether a rule, or a step of the operator's, is about the client: then no
// answer that others have got is this client's. See enforce for what it leaves to others.
func (r *request) aboutClient() bool {
	z := r.policyZones()
	return r.server.hooksPerClient || z != nil && z.AboutClient(r.from.Addr.Addr())
}

// facts returns what is known of the step of an alias chain that a name is.
func (r *request) facts(name wire.Name, first bool) rpz.Facts {
	f := rpz.Facts{Name: name, DO: r.q.EDNS.DO}
	if first {
		f.Client = r.from.Addr.Addr()
	}
	return f
}

// policedBefore returns what policy zones say of a question that is not resolved; nil if they say
// nothing, or if that depends on the answer.
func (r *request) policedBefore() *policy.Local {
	zones := r.policyZones()
	if zones == nil {
		return nil
	}
	var logged []rpz.Match
	f := r.facts(r.want.Name, len(r.before) == 0)
	m, v := zones.Find(&f, func(m rpz.Match) { logged = append(logged, m) })
	if v != rpz.Found {
		return nil
	}
	for i := range logged {
		r.matched(&logged[i])
	}
	return r.enforce(&m)
}

// policed returns what policy zones say of an answer; nil if they leave it as it is. Each name of
// an alias chain is judged, the first one first: what is before a name that a rule is about stays
// in the answer (section 5.1 of the draft). ok is false if that depends on servers that are not in
// the cache, and the caller must not wait.
func (r *request) policed(a *resolver.Answer, wait bool) (l *policy.Local, ok bool) {
	zones := r.policyZones()
	if zones == nil || r.standIn != nil {
		return r.hookedAnswer(a), true
	}
	secure := believed(a)
	for s := range steps(a.Sets, r.want) {
		f := r.facts(s.name, s.before == 0 && len(r.before) == 0)
		f.Answered, f.Secure, f.Addresses, ok = true, secure, s.addrs, true
		f.Servers = func() (names []wire.Name, addrs []netip.Addr) {
			names, addrs, ok = r.serversOf(s.name, zones.Has(rpz.NSIP), wait)
			return names, addrs
		}
		m, v := zones.Find(&f, r.matchedOnly)
		switch {
		case !ok:
			return nil, false
		case v == rpz.Found:
			r.before = append(r.before, a.Sets[:s.before]...)
			r.want.Name = s.name
			return r.enforce(&m), true
		}
	}
	return r.hookedAnswer(a), true
}

// step is a name of an alias chain.
type step struct {
	name   wire.Name
	before int          // how many sets of the answer lead to it
	addrs  []netip.Addr // that it has
}

// steps yields the names of the alias chain that an answer to a question follows, the first one
// first.
func steps(sets []*wire.RRset, q wire.Question) iter.Seq[step] {
	return func(yield func(step) bool) {
		s := step{name: q.Name}
		for {
			alias := aliasOf(sets[s.before:], q.Type, s.name)
			if alias < 0 {
				s.addrs = addressesOf(sets, s.name)
			}
			if !yield(s) || alias < 0 {
				return
			}
			s.before += alias + 1
			s.name, _ = wire.TargetName(sets[s.before-1].Data.First())
		}
	}
}

// believed reports whether a client that validates would believe the answer, and nothing in its
// place. What was not checked, for a client with CD, is taken for what its signatures promise.
func believed(a *resolver.Answer) bool {
	signed := func(s *wire.RRset) bool { return len(s.Sigs) > 0 }
	return a.Status == wire.Secure || a.Status == wire.Unchecked &&
		(slices.ContainsFunc(a.Sets, signed) || slices.ContainsFunc(a.Authority, signed))
}

// aliasOf returns the place of the CNAME set of a name that the answer to a question for a type
// follows, -1 if there is none.
func aliasOf(sets []*wire.RRset, t wire.Type, name wire.Name) int {
	if t == wire.TypeCNAME || t == wire.TypeANY {
		return -1
	}
	return slices.IndexFunc(sets, func(s *wire.RRset) bool {
		return s.Type == wire.TypeCNAME && s.Name == name
	})
}

// addressesOf returns the addresses that a name has in an answer.
func addressesOf(sets []*wire.RRset, name wire.Name) (addrs []netip.Addr) {
	for _, s := range sets {
		if s.Name == name && (s.Type == wire.TypeA || s.Type == wire.TypeAAAA) {
			addrs = append(addrs, s.Data.Addresses()...)
		}
	}
	return addrs
}

// matchedOnly notes that a rule holds that changes nothing.
func (r *request) matchedOnly(m rpz.Match) { r.matched(&m) }

// matched notes that a rule holds. Where each use is logged, the answer is not kept for others.
func (r *request) matched(m *rpz.Match) {
	m.Used()
	if r.rules.Events != nil {
		e := r.event(event.Policy)
		e.Decision, e.Zone, e.Target = event.DecisionRPZ, m.Zone.Name, m.Rule()
		r.rules.Events.Event(e)
	}
	if !m.Zone.Log && m.Action != rpz.LogOnly {
		return
	}
	r.told = true
	if left, ok := r.server.informs.Take(r.now); ok {
		r.server.log.Info("policy zone", "zone", m.Zone.Name.String(), "rule", m.Rule().String(),
			"trigger", m.Trigger.String(), "action", m.Action.String(), "name",
			r.ask.Name.String(), "type", r.ask.Type.String(), "client",
			r.from.Addr.Addr().String(), "transport", r.from.Protocol.String(), "left_out", left)
	}
}

// enforce returns what a rule has clients told; nil if the answer stays as it is. No other rule is
// looked for then.
func (r *request) enforce(m *rpz.Match) *policy.Local {
	r.matched(m)
	r.tapRule(m)
	r.settled = true
	r.apart = r.apart || m.Trigger == rpz.ClientIP
	l := &policy.Local{From: policy.FromRPZ, List: m.Zone.Name.String(), Cause: m.Zone.Reason}
	switch m.Action {
	case rpz.PassThru:
		return nil
	case rpz.TCPOnly:
		r.apart = true // clients over TCP get what others must not
		if r.from.Protocol.Stream() {
			return nil
		}
		l.Action, l.Cause = policy.LocalTruncate, cause.None
		return l
	case rpz.Drop:
		l.Action, l.Cause = policy.LocalDrop, cause.BlockedSilently
		return l
	case rpz.NXDomain:
		l.NXDomain = true
	case rpz.LocalData:
		q := r.want
		var ok bool
		if l.Answer, l.Target, ok = m.Data(q); !ok {
			l.NXDomain = true
			break
		}
		if len(l.Answer) > 0 {
			l.Cause = cause.Forged
		}
	}
	l.Additional = []*wire.RRset{m.SOA()}
	return l
}

// follow has the target of an alias of policy's asked for, and reports whether there is one.
func (r *request) follow(l *policy.Local) bool {
	if l == nil || l.Target.IsZero() {
		return false
	}
	r.tapLocal(l)
	r.before = append(r.before, l.Answer...)
	r.want.Name = l.Target
	if l.From == policy.FromRPZ {
		r.rewritten = l
		r.server.observe.Local(l.From, policy.OutcomeData)
	}
	return true
}

// serversOf returns the names of the servers of the zone that a name is in and of those above it
// below the top-level domain, and their addresses if they are wanted: those that the resolver knows
// from delegations, with glue, as it has asked them (section 9.4 of the draft). When it has
// forgotten them, they are looked up; ok is false if the caller must not wait for that. The servers
// of top-level domains are left out, as in BIND (min-ns-dots): a rule about one would be about half
// of the Internet.
func (r *request) serversOf(name wire.Name, addresses, wait bool) (names []wire.Name,
	addrs []netip.Addr, ok bool) {
	known := r.resolver().NameServers(name)
	for _, ns := range known {
		names, addrs = append(names, ns.Name), append(addrs, ns.Addrs...)
		switch missing := addresses && len(ns.Addrs) == 0; {
		case missing && !wait:
			return nil, nil, false
		case missing:
			addrs = append(addrs, r.addressesOfHost(ns.Name)...)
		}
	}
	if len(known) > 0 {
		return names, addrs, true
	}
	return r.lookServersUp(name, addresses, wait)
}

// lookServersUp is serversOf for a name of which no delegation is known.
func (r *request) lookServersUp(name wire.Name, addresses, wait bool) (names []wire.Name,
	addrs []netip.Addr, ok bool) {
	for n := 0; name.Labels() > 1 && n < maxPolicyCuts; n++ {
		a := r.look(name, wire.TypeNS, wait)
		if a == nil {
			return nil, nil, false
		}
		ns := wire.Find(a.Sets, name, wire.TypeNS)
		if cut := zoneOf(a); ns == nil && cut.Labels() > 1 && name.Below(cut) {
			name = cut
			continue
		}
		if ns != nil {
			for d := range ns.Data.Head(maxPolicyServers).All() {
				if host, ok := wire.TargetName(d); ok {
					names = append(names, host)
				}
			}
		}
		name = name.Parent()
	}
	for _, host := range names[:min(len(names), maxPolicyServers)] {
		if addresses && wait {
			addrs = append(addrs, r.addressesOfHost(host)...)
		}
	}
	return names, addrs, wait || !addresses
}

// addressesOfHost looks the addresses of a server up.
func (r *request) addressesOfHost(host wire.Name) (addrs []netip.Addr) {
	for _, t := range []wire.Type{wire.TypeA, wire.TypeAAAA} {
		addrs = append(addrs, addressesOf(r.look(host, t, true).Sets, host)...)
	}
	return addrs
}

// look answers a question of ours; nil if it is not in the cache and the caller must not wait.
func (r *request) look(name wire.Name, t wire.Type, wait bool) *resolver.Answer {
	q := wire.Question{Name: name, Type: t, Class: wire.ClassIN}
	a := r.resolver().Known(q, false, true, r.checks)
	if a == nil && wait {
		a = r.resolver().Resolve(r.within(), q, resolver.Options{Query: r.number,
			Checks: r.checks})
	}
	return a
}

// zoneOf returns the zone whose SOA record a denial has; zero if there is none.
func zoneOf(a *resolver.Answer) wire.Name {
	for _, s := range a.Authority {
		if s.Type == wire.TypeSOA {
			return s.Name
		}
	}
	return wire.Name{}
}

// polices reports whether policy zones would change a prepared answer.
func (r *request) polices(a *cache.Answer) bool {
	zones := r.policyZones()
	if zones == nil {
		return false
	}
	m, err := wire.Parse([]byte(a.Msg()))
	if err != nil || zones.AboutServers() {
		return true // another is made from the cache, which does no harm
	}
	for s := range steps(m.Answer, r.ask) {
		f := r.facts(s.name, false)
		f.Answered, f.Addresses = true, s.addrs
		if _, v := zones.Find(&f, func(rpz.Match) {}); v == rpz.Found {
			return true
		}
	}
	return false
}
