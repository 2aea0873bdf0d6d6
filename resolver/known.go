// What is known of servers, as operators are shown it.

package resolver

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"bailiwick/wire"
)

// Which selects servers.
type Which struct {
	Zone  wire.Name  // those of this zone; zero: of any
	Addr  netip.Addr // the one at this address; zero: all
	Limit int        // the most that are returned
}

// Server is what is known of an address.
type Server struct {
	Addr       netip.Addr
	RTT        time.Duration // smoothed; 0: not known
	Wait       time.Duration // how long a reply is waited for
	Unanswered int           // questions in a row
	BackOff    time.Duration // for how long others are asked before it
	EDNS       string        // yes, no, or unknown; so are the next two
	Cookie     string
	Case       string
	Encrypted  []string // transports that are known to work
	Faults     []string // zones for which something is held against it
}

// KnownServers returns the state of servers, in the order of their addresses, up to the limit, and
// how many there would be without one.
func (r *Resolver) KnownServers(w Which) (list []Server, all int) {
	now, of := r.clock.Now(), map[netip.Addr]bool{}
	if !w.Zone.IsZero() {
		if d, ok := r.memory.delegationOf(w.Zone, now); ok && d.Zone == w.Zone {
			for _, ns := range d.Servers {
				for _, a := range ns.Addrs {
					of[a] = true
				}
			}
		}
		r.each(func(o *Resolver) {
			if z := o.cfg.zoneOf(w.Zone); z != nil {
				for _, a := range z.Addrs {
					of[a.Addr()] = true
				}
			}
		})
	}
	for a, v := range r.infra.cache.All() {
		if w.Addr.IsValid() && w.Addr.Unmap() != a.Unmap() {
			continue
		}
		s, faulty := v.describe(a, w.Zone, now)
		if w.Zone.IsZero() || of[a] || faulty {
			s.Wait = r.infra.profile(a, w.Zone, now).rto
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b Server) int { return a.Addr.Compare(b.Addr) })
	return list[:min(len(list), w.Limit)], len(list)
}

// describe returns what is known of a server, and whether something is held against it for a zone.
func (v *serverInfo) describe(a netip.Addr, zone wire.Name, now time.Time) (s Server, faulty bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s = Server{Addr: a, RTT: v.srtt, Unanswered: v.timeouts, BackOff: max(v.until.Sub(now), 0),
		EDNS:   ability(v.edns, v.noEDNS, now),
		Cookie: ability(v.cookie.server != nil, v.noCookie, now),
		Case:   ability(v.caseKept, v.caseLost, now)}
	for _, e := range v.encrypted {
		if e.works && now.Before(e.until) {
			s.Encrypted = append(s.Encrypted, e.via.String())
		}
	}
	for _, f := range v.zones {
		if now.Before(f.until) {
			s.Faults = append(s.Faults, f.zone.String())
			faulty = faulty || f.zone == zone
		}
	}
	slices.SortFunc(s.Faults, cmp.Compare[string])
	return s, faulty
}

// ability tells what is known of an ability.
func ability(has bool, lacks inability, now time.Time) string {
	switch {
	case now.Before(lacks.until):
		return "no"
	case has:
		return "yes"
	}
	return "unknown"
}
