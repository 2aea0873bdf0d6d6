// Links that appear after the installation.

package install

import (
	"net/netip"
	"slices"
)

// Adopt has links that have appeared since the installation ask the server: a dock, a phone, a VPN
// that wants all names. First it is written down whom they asked, for Undo. A link that was there
// before is left alone: what its user has set since stays.
//
// It returns all links that are there, with the servers that they have from elsewhere and their
// domains.
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
		if at := s.find(l, there); at >= 0 && s.ours(l) {
			l.Servers = s.Links[at].Servers
		} else if at < 0 && !l.Keeps && !s.ours(l) {
			fresh.Links = append(fresh.Links, *l)
		}
	}
	if len(fresh.Links) == 0 {
		return there, nil
	}
	s.Links = append(s.Links, fresh.Links...)
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
