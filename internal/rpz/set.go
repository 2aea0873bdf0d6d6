// The policy zones in their order, and which rule holds.

package rpz

import (
	"net/netip"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// Zone is a policy zone as it is configured, with its rules.
type Zone struct {
	Name wire.Name
	// Override is done in place of what the rules say, if Overrides.
	Override  Action
	Overrides bool
	// Target is what names are an alias of if the override is LocalData.
	Target wire.Name
	// BreakDNSSEC has clients with DO get rewritten answers in place of secure ones, which their
	// validators do not believe. Otherwise these get the secure ones.
	BreakDNSSEC bool
	// WaitRecurse has the question resolved before a rule is applied that does not depend on that:
	// whoever owns the name does not learn by its servers that it is blocked.
	WaitRecurse bool
	Log         bool  // each use of a rule is a line in the log
	Uses        *Uses // counts the uses of rules; nil: they are not counted
	// Reason is the cause that clients are told of blocked names.
	Reason cause.Cause
	Rules  *Rules // nil: there are none yet
}

// Given is what Does returns of a zone whose rules say what is done.
const Given = "given"

// Does returns what is done where a rule holds, as the configuration has it.
func (z *Zone) Does() string {
	if z.Overrides {
		return z.Override.String()
	}
	return Given
}

// Set is the policy zones that are in force, the first one first. It is immutable.
type Set struct {
	Zones []Zone
}

// All returns the zones; none of a nil set.
func (s *Set) All() []Zone {
	if s == nil {
		return nil
	}
	return s.Zones
}

// Has reports whether any zone has rules of a trigger.
func (s *Set) Has(t Trigger) bool {
	for i := range s.Zones {
		if r := s.Zones[i].Rules; r != nil && r.n[t] > 0 {
			return true
		}
	}
	return false
}

// AboutServers reports whether there are rules about the servers of zones.
func (s *Set) AboutServers() bool { return s.Has(NSDName) || s.Has(NSIP) }

// AboutClient reports whether there is a rule about a client's address.
func (s *Set) AboutClient(a netip.Addr) bool {
	for i := range s.Zones {
		if r := s.Zones[i].Rules; r != nil && r.n[ClientIP] > 0 {
			if _, _, ok := r.addressed(ClientIP, a.Unmap()); ok {
				return true
			}
		}
	}
	return false
}

// AboutName reports whether there is a rule about a name that is asked for.
func (s *Set) AboutName(n wire.Name) bool {
	for i := range s.Zones {
		if r := s.Zones[i].Rules; r != nil && r.n[QName] > 0 {
			if _, ok := r.named(QName, n); ok {
				return true
			}
		}
	}
	return false
}

// Facts are what rules are compared with: one step of an alias chain.
type Facts struct {
	Client netip.Addr // not valid behind an alias
	Name   wire.Name  // of this step
	DO     bool       // the client wants signatures

	// Answered reports whether the question is resolved. What follows is unknown until then.
	Answered  bool
	Secure    bool         // the answer is
	Addresses []netip.Addr // in the answer, under the name
	// Servers are those of the name's zone and of those above it. They are asked for if a rule may
	// be about them, and then once at most.
	Servers func() ([]wire.Name, []netip.Addr)

	known   bool
	servers []wire.Name
	addrs   []netip.Addr
}

// Match is a rule that holds.
type Match struct {
	Zone    *Zone
	Trigger Trigger
	Action  Action
	place   uint32
}

// Verdict is whether a rule holds.
type Verdict uint8

// The verdicts.
const (
	None      Verdict = iota // no rule holds
	Found                    // one does
	Undecided                // that depends on the answer
)

// Find returns the rule that holds (section 5 of the draft): the first zone's, and within a zone
// that of the first trigger. Rules that are only logged are passed to logged.
func (s *Set) Find(f *Facts, logged func(Match)) (Match, Verdict) {
	for i := range s.Zones {
		z := &s.Zones[i]
		if z.Rules == nil {
			continue
		}
		m, v := z.find(f)
		switch {
		case v == None:
			continue
		case v == Undecided:
			return m, v
		case m.Action == LogOnly:
			logged(m)
			continue
		case m.Action.rewrites() && f.DO && !z.BreakDNSSEC && f.Answered && f.Secure:
			continue
		case m.Action.rewrites() && !f.Answered && (z.WaitRecurse || f.DO && !z.BreakDNSSEC):
			return m, Undecided
		}
		return m, Found
	}
	return Match{}, None
}

// find returns the rule of a zone that holds.
func (z *Zone) find(f *Facts) (Match, Verdict) {
	r := z.Rules
	if r.n[ClientIP] > 0 && f.Client.IsValid() {
		if i, _, ok := r.addressed(ClientIP, f.Client.Unmap()); ok {
			return z.match(ClientIP, i), Found
		}
	}
	if r.n[QName] > 0 {
		if i, ok := r.named(QName, f.Name); ok {
			return z.match(QName, i), Found
		}
	}
	late := r.n[ResponseIP]+r.n[NSDName]+r.n[NSIP] > 0
	if late && !f.Answered {
		return Match{}, Undecided
	}
	if r.n[ResponseIP] > 0 {
		if i, ok := r.best(ResponseIP, f.Addresses); ok {
			return z.match(ResponseIP, i), Found
		}
	}
	if r.n[NSDName]+r.n[NSIP] == 0 {
		return Match{}, None
	}
	f.ask()
	if i, ok := r.server(f.servers); ok {
		return z.match(NSDName, i), Found
	}
	if i, ok := r.best(NSIP, f.addrs); ok {
		return z.match(NSIP, i), Found
	}
	return Match{}, None
}

// ask finds out which servers the name has.
func (f *Facts) ask() {
	if !f.known && f.Servers != nil {
		f.servers, f.addrs = f.Servers()
	}
	f.known = true
}

// match makes the match of a rule.
func (z *Zone) match(t Trigger, place uint32) Match {
	m := Match{Zone: z, Trigger: t, Action: z.Override, place: place}
	if z.Overrides {
		return m
	}
	m.Action = LocalData
	if alias := z.Rules.zone.AliasAt(place); alias != nil {
		rule := ""
		if t == QName || t == NSDName {
			rule = cut(z.Rules.zone.NameAt(place), parsed{trigger: t})
		}
		m.Action = decode(alias, rule)
	}
	return m
}

// Rule returns the owner name of the rule.
func (m *Match) Rule() wire.Name { return m.Zone.Rules.zone.OwnerAt(m.place) }

// SOA returns the SOA set of the policy zone, which goes into the additional section of what a rule
// has changed (section 6 of the draft).
func (m *Match) SOA() *wire.RRset { return m.Zone.Rules.zone.SOASet() }

// Data returns the rule's own records for a question, and the name that they lead to, zero if they
// lead to none. A wildcard as the target of an alias stands for the name that was asked for.
// Without records the answer is that there are none of the type; ok is false if the alias is longer
// than a name can be.
func (m *Match) Data(q wire.Question) (sets []*wire.RRset, target wire.Name, ok bool) {
	z, place := m.Zone.Rules.zone, m.place
	target = m.Zone.Target
	alias := z.SetsAt(place, wire.TypeCNAME, q.Name)
	switch {
	case m.Zone.Overrides:
		alias = []*wire.RRset{{Name: q.Name, Type: wire.TypeCNAME, Class: wire.ClassIN,
			TTL: m.SOA().TTL}}
	case len(alias) == 0:
		all, cut := z.HeadsAt(place, q.Type, q.Name, maxRecords)
		if cut {
			limit.PolicyRecords.Met()
		}
		for _, s := range all {
			if s.Security = wire.Insecure; isRecord(s.Type) {
				sets = append(sets, s)
			}
		}
		return sets, wire.Name{}, true
	default:
		target, ok = wire.TargetName(alias[0].Data.First())
		if !ok {
			return nil, target, false
		}
	}
	if target.IsWildcard() {
		if target, ok = q.Name.ReplaceSuffix(wire.Root, target.Parent()); !ok {
			return nil, target, false
		}
	}
	alias[0].Data = wire.RDataList(nil).Append([]byte(target.Wire()))
	alias[0].Security = wire.Insecure
	if q.Type == wire.TypeCNAME || q.Type == wire.TypeANY {
		target = wire.Name{}
	}
	return alias, target, true
}
