// Response policy zones: their rules are made of the copies that are kept of them.

package main

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"bailiwick/internal/aside"
	"bailiwick/internal/rpz"
	"bailiwick/wire"
)

// enforced holds the rules of policy zones and the counts of their uses, which outlive a
// configuration.
type enforced struct {
	begun atomic.Bool // changes of rules are put to use one by one
	mu    sync.Mutex
	rules map[wire.Name]*rpz.Rules
	uses  map[wire.Name]*rpz.Uses
}

// policyZones returns the policy zones of a snapshot with the rules that their copies have now; nil
// if there are none.
func (s *stack) policyZones(zones []rpz.Zone) *rpz.Set {
	if len(zones) == 0 {
		return nil
	}
	set := &rpz.Set{Zones: slices.Clone(zones)}
	e := &s.enforced
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range set.Zones {
		z := &set.Zones[i]
		z.Rules = e.rules[z.Name]
		if z.Uses = e.uses[z.Name]; z.Uses == nil {
			z.Uses = new(rpz.Uses)
			e.uses[z.Name] = z.Uses
		}
	}
	return set
}

// readRules makes the rules of a zone of its copy, and reports whether they are others than before.
// It takes some seconds for a million rules; queries go by the old ones meanwhile.
func (s *stack) readRules(name wire.Name) (changed bool) {
	e := &s.enforced
	e.mu.Lock()
	old := e.rules[name]
	e.mu.Unlock()
	z := s.keeper.Latest(name)
	if z == nil || old != nil && old.Zone() == z {
		return false
	}
	var rules *rpz.Rules
	aside.InPieces(func() { rules = rpz.New(z) })
	e.mu.Lock()
	e.rules[name] = rules
	e.mu.Unlock()
	s.log.Info("policy zone in force", "zone", name.String(), "serial", z.SOA().Serial, "rules",
		rules.All(), "bytes", z.Size()+rules.Size())
	if skipped, why := rules.Skipped(); skipped > 0 {
		s.log.Warn("names of a policy zone are not rules, and are left out", "zone", name.String(),
			"names", skipped, "first", strings.Join(why, "; "))
	}
	return true
}

// zoneChanged takes another version of a zone to use.
func (s *stack) zoneChanged(name wire.Name) {
	if s.now().CatalogOf(name) != nil {
		if s.enforced.begun.Load() {
			s.membersMoved()
		}
		return
	}
	if slices.ContainsFunc(s.now().Policy, func(z rpz.Zone) bool { return z.Name == name }) {
		if s.readRules(name) && s.enforced.begun.Load() {
			s.rulesChanged()
		}
		return
	}
	s.forgetZone(name)
}

// readAllRules reads the rules of policy zones whose copies have changed, forgets those of all
// other zones, and reports whether there are others than before.
func (s *stack) readAllRules(zones []rpz.Zone) (changed bool) {
	for i := range zones {
		changed = s.readRules(zones[i].Name) || changed
	}
	s.enforced.mu.Lock()
	defer s.enforced.mu.Unlock()
	maps.DeleteFunc(s.enforced.rules, func(name wire.Name, _ *rpz.Rules) bool {
		return !slices.ContainsFunc(zones, func(z rpz.Zone) bool { return z.Name == name })
	})
	return changed
}

// installWithRules is install for who has the keeper keep other zones. A copy that came before the
// queries went by the snapshot was of a zone that nobody had asked for, as zoneChanged saw it.
func (r *running) installWithRules(next *inUse) *inUse {
	r.install(next)
	if !r.readAllRules(next.Policy) {
		return next
	}
	again := *next
	again.generation++
	r.install(&again)
	return &again
}

// beginPolicy puts the rules of the policy zones that are loaded to use, and from now on each
// change of them.
func (r *running) beginPolicy() {
	next := *r.now()
	if len(next.Policy) > 0 {
		r.readAllRules(next.Policy)
		next.generation++
		r.install(&next)
	}
}

// enforceAnew has the queries to come go by the rules as they are now. Prepared answers are judged
// again when they are asked for: the generation is another one.
func (r *running) enforceAnew() {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	if r.ended {
		return
	}
	next := *r.now()
	next.generation++
	r.install(&next)
}

// rowOf is a policy zone in the table of `ctl policy`.
func rowOf(z *rpz.Zone) []any {
	if z.Rules == nil {
		return []any{"rpz", z.Name.String(), "not loaded", nil, "-"}
	}
	return []any{"rpz", z.Name.String(), z.Does(), z.Rules.All(), "-"}
}

// testPolicyZones tells what policy zones say of a question for a name before it is resolved.
func testPolicyZones(f map[string]any, set *rpz.Set, client netip.Addr, name wire.Name) {
	if set == nil {
		return
	}
	var logged []string
	m, v := set.Find(&rpz.Facts{Client: client, Name: name}, func(m rpz.Match) {
		logged = append(logged, m.Zone.Name.String()+": "+m.Rule().String())
	})
	if len(logged) > 0 {
		f["logged_for"] = strings.Join(logged, ", ")
	}
	switch v {
	case rpz.Undecided:
		f["outcome"] = outcomeDepends
	case rpz.Found:
		f["outcome"], f["source"] = m.Action.String(), "rpz"
		f["zone"], f["rule"] = m.Zone.Name.String(), m.Rule().String()
		f["trigger"] = m.Trigger.String()
	}
}
