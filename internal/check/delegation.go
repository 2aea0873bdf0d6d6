// The delegation: the parent's NS set and glue against the zone's own.

package check

import (
	"net/netip"
	"slices"
	"strings"

	"bailiwick/wire"
)

// delegation judges what leads to the zone.
func (j *judge) delegation() {
	for n, why := range j.o.Unresolved {
		j.add("ns-no-address", where{}, "%s: %s", n, why)
	}
	child := j.ownNS()
	if child != nil && len(child) < 2 {
		j.add("few-servers", where{}, "the NS set has %s alone", child[0])
	}
	j.serverNames()
	if j.o.Parent != nil {
		j.parent(child)
	}
}

// ownNS returns the names of the servers that the zone itself has, nil if that is not known.
func (j *judge) ownNS() (ns []wire.Name) {
	for _, s := range j.o.Servers {
		if set := answerOf(s, ask(j.o.Zone, wire.TypeNS)); set != nil {
			for _, n := range targets(set) {
				if !slices.Contains(ns, n) {
					ns = append(ns, n)
				}
			}
		}
	}
	return ns
}

// serverNames judges the names of name servers in the zone: each has an address, and is not an
// alias.
func (j *judge) serverNames() {
	for _, n := range inZone(j.o.Zone, NameServers(j.o)) {
		for _, s := range j.o.Servers {
			v4, v6 := ask(n, wire.TypeA), ask(n, wire.TypeAAAA)
			a, b := classify(v4, s.reply(v4, Usual).Msg), classify(v6, s.reply(v6, Usual).Msg)
			switch {
			case a.kind == wire.KindAlias || b.kind == wire.KindAlias:
				j.add("ns-alias", where{s, text(v4)}, "%s has a CNAME", n)
			case a.kind.IsDenial() && b.kind.IsDenial():
				j.add("ns-no-address", where{s, text(v4)}, "%s has neither A nor AAAA", n)
			}
		}
	}
}

// parent compares the parent's delegation with the zone.
func (j *judge) parent(child []wire.Name) {
	ns, answered, differ := j.delegated()
	switch {
	case !answered && !j.parentHasChild():
		j.add("parent-silent", where{}, "zone %s", j.o.Parent.Zone)
		return
	case !answered:
		return
	case len(ns) == 0 && !j.o.Given:
		j.add("not-delegated", where{}, "zone %s has no NS set for %s", j.o.Parent.Zone, j.o.Zone)
		return
	case len(ns) == 0:
		j.add("delegation-pending", where{}, "zone %s does not delegate %s yet", j.o.Parent.Zone,
			j.o.Zone)
		return
	}
	if differ || j.parentsDifferInDS() {
		j.add("parent-differs", where{}, "not all of its servers have the same DS and NS: %s",
			list(names(ns)))
	}
	j.compareNS(ns, child)
	j.glue(ns)
}

// delegated returns the NS set for the zone of all the parent's servers together, whether any of
// them could tell, and whether they differ. Those that have the zone itself cannot tell, nor those
// that do not have the parent.
func (j *judge) delegated() (ns []wire.Name, answered, differ bool) {
	var first []wire.Name
	for _, s := range j.o.Parent.Servers {
		set, own := delegationOf(s, j.o.Zone)
		m := s.reply(ask(j.o.Zone, wire.TypeNS), Usual).Msg
		if own || m == nil || set == nil && !m.Has(wire.FlagAA) ||
			m.FullRCode() != wire.RCodeNoError && m.FullRCode() != wire.RCodeNXDomain {
			continue
		}
		var here []wire.Name
		if set != nil {
			here = targets(set)
		}
		slices.SortFunc(here, wire.Name.Compare)
		if !answered {
			answered, first = true, here
		}
		differ = differ || !slices.Equal(first, here)
		for _, n := range here {
			if !slices.Contains(ns, n) {
				ns = append(ns, n)
			}
		}
	}
	return ns, answered, differ
}

// parentsDifferInDS reports whether the parent's servers have different DS sets.
func (j *judge) parentsDifferInDS() bool {
	var groups []group
	for _, s := range j.o.Parent.Servers {
		if c, ok := contentOf(s, ask(j.o.Zone, wire.TypeDS)); ok {
			groups = grouped(groups, c, s)
		}
	}
	return len(groups) > 1
}

// parentHasChild reports whether a server of the parent has the zone itself.
func (j *judge) parentHasChild() bool {
	return slices.ContainsFunc(j.o.Parent.Servers, func(s *Server) bool {
		_, child := delegationOf(s, j.o.Zone)
		return child
	})
}

// compareNS compares the NS sets of parent and zone. Servers that the operator named may be those
// to come: then the difference is what is planned.
func (j *judge) compareNS(parent, child []wire.Name) {
	if len(child) == 0 {
		return // no server of the zone answers; that is a finding by itself
	}
	only := func(a, b []wire.Name) (rest []wire.Name) {
		for _, n := range a {
			if !slices.Contains(b, n) {
				rest = append(rest, n)
			}
		}
		return rest
	}
	above, below := only(parent, child), only(child, parent)
	switch {
	case len(above)+len(below) == 0:
	case j.o.Given:
		j.add("delegation-pending", where{}, "the parent has %s, the zone %s",
			list(names(parent)), list(names(child)))
	default:
		if len(above) > 0 {
			j.add("ns-parent-only", where{}, "%s", list(names(above)))
		}
		if len(below) > 0 {
			j.add("ns-child-only", where{}, "%s", list(names(below)))
		}
	}
}

// glue compares the parent's addresses of servers inside the zone with the zone's own.
func (j *judge) glue(ns []wire.Name) {
	for _, n := range inZone(j.o.Zone, ns) {
		above := map[netip.Addr]bool{}
		for _, s := range j.o.Parent.Servers {
			q := ask(j.o.Zone, wire.TypeNS)
			set, _ := delegationOf(s, j.o.Zone)
			if set == nil || !slices.Contains(targets(set), n) {
				continue
			}
			here := addresses(s.reply(q, Usual).Msg, n)
			if len(here) == 0 {
				j.add("glue-missing", where{server: s}, "no address of %s", n)
			}
			for _, a := range here {
				above[a] = true
			}
		}
		own, known := j.ownAddresses(n)
		if known && len(above) > 0 {
			j.compareGlue(n, above, own)
		}
	}
}

// compareGlue compares addresses of a name server at the parent and in the zone.
func (j *judge) compareGlue(n wire.Name, above, own map[netip.Addr]bool) {
	only := func(a, b map[netip.Addr]bool) (rest []string) {
		for addr := range a {
			if !b[addr] {
				rest = append(rest, addr.String())
			}
		}
		slices.Sort(rest)
		return rest
	}
	if wrong := only(above, own); len(wrong) > 0 {
		j.add("glue-differs", where{}, "%s has %s at the parent, and not in the zone", n,
			strings.Join(wrong, ", "))
	}
	if more := only(own, above); len(more) > 0 {
		j.add("glue-incomplete", where{}, "%s has %s in the zone, and not at the parent", n,
			strings.Join(more, ", "))
	}
}

// addresses returns the addresses of a name in the additional section of a referral.
func addresses(m *wire.Message, n wire.Name) (addrs []netip.Addr) {
	for _, t := range []wire.Type{wire.TypeA, wire.TypeAAAA} {
		if set := wire.Find(m.Additional, n, t); set != nil {
			addrs = append(addrs, set.Data.Addresses()...)
		}
	}
	return addrs
}

// ownAddresses returns the addresses that the zone's servers have for a name with authority. known
// is false if none of them can tell about both families: the name may be in a zone below
// (zonemaster/zonemaster-engine #363).
func (j *judge) ownAddresses(n wire.Name) (addrs map[netip.Addr]bool, known bool) {
	addrs = map[netip.Addr]bool{}
	for _, s := range j.o.Servers {
		said := 0
		for _, t := range []wire.Type{wire.TypeA, wire.TypeAAAA} {
			q := ask(n, t)
			c := classify(q, s.reply(q, Usual).Msg)
			if c.kind == wire.KindAnswer {
				for _, a := range c.sets[0].Data.Addresses() {
					addrs[a] = true
				}
			}
			if c.kind == wire.KindAnswer || c.kind.IsDenial() {
				said++
			}
		}
		known = known || said == 2
	}
	return addrs, known && len(addrs) > 0
}
