// The DNS servers that links have of their own.

package install

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Uplink is a way to a network, with DNS servers of its own: a network service of macOS, an adapter
// of Windows, a link of systemd-resolved.
type Uplink struct {
	ID   string `json:"id"`   // what the system knows it by
	Name string `json:"name"` // what people know it by
	// Port is what it is plugged into, "" if that is not known: a link that was renamed is known
	// again by it.
	Port string `json:"port,omitempty"`
	// Servers were set by hand; none: the link asks those that the network names.
	Servers []netip.Addr `json:"servers"`
	IPv4    bool         `json:"ipv4"` // it has that family
	IPv6    bool         `json:"ipv6"`
	// Carrier tells one connection from the next, "" if that is not known.
	Carrier string `json:"carrier,omitempty"`
	// Domains are those that systemd-resolved asks the link's servers for. Keeps is set if the link
	// keeps them, and Managed if those that the network names come back by themselves.
	Domains []string `json:"-"`
	Keeps   bool     `json:"-"`
	Managed bool     `json:"-"`
}

// Uplinks reads and sets the servers of a machine's links. Those of a VPN are none of them: they
// are set by the VPN, which loses its names by another server (tailscale/tailscale 20808).
type Uplinks interface {
	// List returns the links that are there, and those of these identifiers that are not, but that
	// the machine has settings of.
	List(ids ...string) ([]Uplink, error)
	// Set has a link ask these servers, or without any those that the network names.
	Set(l *Uplink, servers []netip.Addr) error
}

// Servers is a change of the servers of all links.
type Servers struct {
	Links []Uplink     `json:"links"` // as they were
	To    []netip.Addr `json:"to"`
}

// of returns the servers that a link is to ask: those of the families that it has.
func (s *Servers) of(l *Uplink) (servers []netip.Addr) {
	for _, a := range s.To {
		if a.Is4() && l.IPv4 || a.Is6() && l.IPv6 {
			servers = append(servers, a)
		}
	}
	return servers
}

// ours reports whether a link asks the server, and no other.
func (s *Servers) ours(l *Uplink) bool {
	return len(l.Servers) > 0 && !slices.ContainsFunc(l.Servers, func(a netip.Addr) bool {
		return !slices.Contains(s.To, a)
	})
}

// set has all links ask the server; one that fails does not keep the others from it. What commands
// report is not believed: networksetup ends well with some errors.
func (s *Servers) set(links Uplinks) error {
	var failed, wrong []error
	var set []*Uplink
	for i := range s.Links {
		l := &s.Links[i]
		if len(s.of(l)) == 0 {
			continue
		}
		if err := links.Set(l, s.of(l)); err != nil {
			failed = append(failed, fmt.Errorf("DNS servers of %s: %w", l.Name, err))
			continue
		}
		set = append(set, l)
	}
	err := await(links, nil, func(now []Uplink) bool {
		wrong = nil
		for _, l := range set {
			at := slices.IndexFunc(now, func(n Uplink) bool { return n.ID == l.ID })
			if at >= 0 && !slices.Equal(now[at].Servers, s.of(l)) {
				wrong = append(wrong, fmt.Errorf("DNS servers of %s are %s, though they were set "+
					"to %s: a profile or another program sets them", l.Name,
					addresses(now[at].Servers), addresses(s.of(l))))
			}
		}
		return len(wrong) == 0
	})
	return errors.Join(append(append(failed, wrong...), err)...)
}

// settleTime is how long links may take until they have the servers that were set:
// systemd-networkd, which has those of its links, passes them on to systemd-resolved by a file.
const settleTime = 2 * time.Second

// await lists links until they are as they should be, or that has taken too long.
func await(links Uplinks, ids []string, settled func(now []Uplink) bool) error {
	for end := time.Now().Add(settleTime); ; time.Sleep(settleTime / 10) {
		now, err := links.List(ids...)
		if err != nil || settled(now) || time.Now().After(end) {
			return err
		}
	}
}

// restore has each link ask whom it asked before. What others have set since stays, and is
// returned. No link keeps asking a server that is about to go, whatever it is called now, and
// whether it was there at all (razvandimescu/numa 198). Links of systemd may have the server's
// address by their own configuration, from before it or by hand since: that stays as well.
func (s *Servers) restore(links Uplinks, configured bool) (kept []string, err error) {
	var ids []string
	for _, l := range s.Links {
		ids = append(ids, l.ID)
	}
	now, err := links.List(ids...)
	if err != nil {
		return nil, err
	}
	var failed []error
	for i := range now {
		l := &now[i]
		was, known := s.was(l, now)
		switch {
		case !s.ours(l) && known && !slices.Equal(l.Servers, was):
			kept = append(kept, "DNS servers of "+l.Name)
		case s.ours(l):
			if l.Managed {
				was = nil // fixed servers would outlive the network that has named them
			}
			if err := links.Set(l, was); err != nil {
				failed = append(failed, fmt.Errorf("DNS servers of %s: %w", l.Name, err))
			}
		}
	}
	var still []Uplink
	err = await(links, ids, func(after []Uplink) bool {
		still = slices.DeleteFunc(after, func(l Uplink) bool { return !s.ours(&l) })
		return len(still) == 0
	})
	for i := range still {
		l := &still[i]
		if _, known := s.was(l, now); configured && !known {
			kept = append(kept, "DNS servers of "+l.Name+", by its own configuration "+
				addresses(l.Servers))
		} else if len(failed) == 0 {
			failed = append(failed, fmt.Errorf("DNS servers of %s are still %s", l.Name,
				addresses(l.Servers)))
		}
	}
	return kept, errors.Join(append(failed, err)...)
}

// was returns the servers that a link had before. Of one that had the server's own addresses, from
// a program that was there before, nothing is known: it would have none that answers
// (razvandimescu/numa 160).
func (s *Servers) was(l *Uplink, now []Uplink) (servers []netip.Addr, known bool) {
	at := s.find(l, now)
	if at < 0 || s.ours(&s.Links[at]) {
		return nil, false
	}
	return s.Links[at].Servers, true
}

// find returns which of the links as they were a link is, -1 for none. Of now are those that are
// there: one that was renamed is at the port of one that is not.
func (s *Servers) find(l *Uplink, now []Uplink) int {
	at := slices.IndexFunc(s.Links, func(was Uplink) bool { return was.ID == l.ID })
	if at < 0 && l.Port != "" {
		at = slices.IndexFunc(s.Links, func(was Uplink) bool {
			return was.Port == l.Port &&
				!slices.ContainsFunc(now, func(n Uplink) bool { return n.ID == was.ID })
		})
	}
	return at
}

func (s *Servers) print(b *strings.Builder) {
	for i := range s.Links {
		l := &s.Links[i]
		was := "those that the network names"
		if len(l.Servers) > 0 {
			was = addresses(l.Servers)
		}
		fmt.Fprintf(b, "DNS servers of %s: %s, in place of %s\n", l.Name, addresses(s.of(l)), was)
	}
}

// links adds that all links ask the server, after it has answered.
func (m *maker) links() {
	if m.c.Files {
		return
	}
	links, err := m.c.Uplinks.List()
	switch {
	case err != nil:
		m.refuse("%v", err)
		return
	case len(links) == 0:
		m.refuse("there is no network service whose DNS servers could be set")
		return
	}
	v6 := slices.ContainsFunc(m.c.Addresses, netip.Addr.Is6)
	if m.c.IPv6 && !v6 {
		m.refuse("the configuration does not listen at [::1]:53: programs would ask the servers " +
			"that networks announce for IPv6")
	}
	m.Steps = append(m.Steps, Step{Servers: &Servers{Links: links, To: m.c.Addresses}})
}

// addresses prints addresses as people list them.
func addresses(addrs []netip.Addr) string {
	var list []string
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return strings.Join(list, ", ")
}

// parseServers reads addresses, and leaves out what is none.
func parseServers(words []string) (servers []netip.Addr) {
	for _, w := range words {
		if a, err := netip.ParseAddr(w); err == nil {
			servers = append(servers, a)
		}
	}
	return servers
}
