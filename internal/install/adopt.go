// Links that appear after the installation.

package install

import (
	"net/netip"
	"slices"
)

// Adopt has links that have appeared since the installation ask the server: a dock, a phone, a VPN
// that wants all names. First it is written down whom they asked, for Undo. What the user of a link
// that was there before has set since stays. It asks the server again if it asks whom it asked
// before, as after a setting that has failed or that another program has made anew, and if it is in
// another network.
//
// It returns all links that are there, with the servers that they have from elsewhere, none if they
// are not known, and their domains.
func Adopt(c Config) (there []Uplink, err error) {
	r, err := readRecord(c)
	if err != nil {
		return nil, err
	}
	if there, err = c.Uplinks.List(); err != nil {
		return nil, err
	}
	s := r.servers()
	if c.System == Systemd {
		// Numbers of links do not come back: those of links that are gone are not kept.
		s.Links = slices.DeleteFunc(s.Links, func(was Uplink) bool {
			return !slices.ContainsFunc(there, func(l Uplink) bool { return l.ID == was.ID })
		})
	}
	fresh := Servers{To: s.To}
	for i := range there {
		l := &there[i]
		at := s.find(l, there)
		switch {
		case s.ours(l) && at >= 0 && l.Carrier != s.Links[at].Carrier:
			l.Servers = nil // those that are recorded are of another network
		case s.ours(l):
			l.Servers, _ = s.was(l, there)
		case l.Keeps:
		case at < 0:
			s.Links = append(s.Links, *l)
			fresh.Links = append(fresh.Links, *l)
		case l.Carrier != s.Links[at].Carrier, slices.Equal(l.Servers, s.Links[at].Servers):
			s.Links[at] = *l
			fresh.Links = append(fresh.Links, *l)
		}
	}
	if len(fresh.Links) == 0 {
		return there, nil
	}
	if err := r.save(c.at(c.record())); err != nil {
		return nil, err
	}
	return there, fresh.set(c.Uplinks)
}

// servers returns the change of links' servers of an installation. One into a folder has none yet.
func (r *record) servers() *Servers {
	for i := range r.Steps {
		if r.Steps[i].Servers != nil {
			return r.Steps[i].Servers
		}
	}
	r.Steps = append(r.Steps, Step{Servers: &Servers{To: []netip.Addr{r.Address}}})
	return r.Steps[len(r.Steps)-1].Servers
}
