// Addresses beside answers that name hosts.

package server

import (
	"bailiwick/internal/limit"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// withAddresses adds to MX, SRV, SVCB and HTTPS records the addresses of the hosts that they name,
// and to an SVCB or HTTPS record that is an alias the records that it leads to (RFC 1035, section
// 3.3.9; RFC 2782; RFC 9460, section 4.2), unless responses are minimal. All are from the cache:
// nothing is fetched for them. Beside secure data there are secure ones alone, and none that policy
// refuses. They are optional, so that they give way where they do not fit, and nothing is made of
// them for DNS64 (RFC 6147, section 5.3.2; RFC 9460, section 4.2 has the client do so).
func (r *request) withAddresses(a *resolver.Answer) *resolver.Answer {
	if !r.rules.NSBeside || a.RCode != wire.RCodeNoError || len(a.Sets) == 0 ||
		len(a.Additional) > 0 {
		return a
	}
	f := found{r: r, secure: a.Status == wire.Secure, sets: a.Sets[len(a.Sets)-1:]}
	f.of(f.sets[0])
	if f.sets = f.sets[1:]; len(f.sets) == 0 {
		return a
	}
	c := *a
	c.Additional = r.view.Private.Without(f.sets, r.mayHavePrivate())
	return &c
}

// found collects sets for the additional section.
type found struct {
	r      *request
	secure bool
	sets   []*wire.RRset // the set that was asked for, then those that were found
	names  int           // that were looked for
}

// of looks for what the records of a set name.
func (f *found) of(s *wire.RRset) {
	for rdata := range s.Data.All() {
		name, alias, ok := targetOf(s, rdata)
		switch {
		case !ok:
			return
		case f.names == maxTargets:
			limit.Targets.Met()
			return
		}
		f.names++
		if alias {
			if next := f.add(name, s.Type); next != nil {
				f.of(next)
			}
			continue
		}
		f.add(name, wire.TypeA)
		f.add(name, wire.TypeAAAA)
	}
}

// add looks for a set, and returns it if it is new.
func (f *found) add(name wire.Name, t wire.Type) *wire.RRset {
	s := f.r.resolver().Cached(name, t, f.secure)
	if s == nil || wire.Find(f.sets, name, t) != nil {
		return nil
	}
	f.sets = append(f.sets, s)
	return s
}

// targetOf returns the name of the host in a record, and whether it is an alias for more records
// of its type (RFC 9460, section 2.4.2); false for other types, and if there is no host: a target
// of the root is none (RFC 7505; RFC 2782), but that of an SVCB record which is not an alias is its
// owner (RFC 9460, section 2.5.2).
func targetOf(s *wire.RRset, rdata []byte) (name wire.Name, alias, ok bool) {
	before := map[wire.Type]int{wire.TypeMX: 2, wire.TypeSRV: 6, wire.TypeSVCB: 2,
		wire.TypeHTTPS: 2}[s.Type]
	if before == 0 || len(rdata) <= before {
		return name, false, false
	}
	name, ok = wire.LeadingName(rdata[before:])
	service := s.Type == wire.TypeSVCB || s.Type == wire.TypeHTTPS
	alias = service && rdata[0] == 0 && rdata[1] == 0
	if service && !alias && ok && name.IsRoot() {
		name = s.Name
	}
	return name, alias, ok && !name.IsRoot()
}
