// Zones whose servers are asked over several encrypted transports, in a strict order.

package resolver

import (
	"net/netip"
	"slices"

	"bailiwick/internal/event"
	"bailiwick/transport"
)

// Way is a transport that the servers of a zone are asked over.
type Way struct {
	Via  transport.Protocol
	Peer *transport.Peer // the identity that they have to prove
}

// way returns one of the ways to a zone's servers; 0 is the first.
func (z *Zone) way(i int) Way {
	if i == 0 {
		return Way{z.Via, z.Peer}
	}
	return z.Then[i-1]
}

// at returns where a server is asked over a way.
func (z *Zone) at(addr netip.AddrPort, way int) netip.AddrPort {
	if way == 0 {
		return addr
	}
	return netip.AddrPortFrom(addr.Addr(), z.Then[way-1].Via.Port())
}

// key returns the key of a server over a way.
func (z *Zone) key(addr netip.AddrPort, way int) forwarderKey {
	return forwarderKey{z.Name, z.at(addr, way), z.way(way).Via}
}

// Servers returns where the servers that are given by address are asked, over all ways.
func (z *Zone) Servers() (all []netip.AddrPort) {
	for w := range len(z.Then) + 1 {
		for _, a := range z.Addrs {
			if at := z.at(a, w); !slices.Contains(all, at) {
				all = append(all, at)
			}
		}
	}
	return all
}

// peer returns the identity that the servers have to prove over a transport.
func (z *Zone) peer(via transport.Protocol) *transport.Peer {
	for _, w := range z.Then {
		if w.Via == via {
			return w.Peer
		}
	}
	return z.Peer
}

// chooseWay has a server be asked over the first way that it is not down over, or over the first
// one if it is down over all. Probes find out when an earlier way is back.
func (r *Resolver) chooseWay(z *Zone, c *candidate) {
	for i := range len(z.Then) + 1 {
		f := r.forwarders[z.key(c.addr, i)]
		r.probeAsNeeded(f)
		if c.forwarder == nil || c.forwarder.down() && !f.down() {
			c.way, c.forwarder = i, f
		}
	}
}

// nextWay has a server be asked over the next way for this question, and reports whether there is
// one.
func (a *zoneQuery) nextWay(c *candidate) bool {
	if c.way == len(a.conf.Then) {
		return false
	}
	c.way++
	if f := a.x.r.forwarders[a.conf.key(c.addr, c.way)]; f != nil {
		c.forwarder = f
	}
	a.fellBack(c, event.FormNextWay)
	return true
}

// left reports whether a try goes over a way that was given up for a later one since.
func (a *zoneQuery) left(t *try) bool {
	return a.conf != nil && len(a.conf.Then) > 0 && t.how.via.Encrypted() &&
		t.how.via != a.conf.way(t.c.way).Via
}

// laterWays has all servers be asked over a later way than that of a try without a reply in time:
// a network that drops what goes to a port drops it for every server, and clients cannot wait for
// all of them.
func (a *zoneQuery) laterWays(t *try) {
	for _, c := range a.list.known {
		for a.conf.way(c.way).Via == t.how.via && a.nextWay(c) {
			c.tcp = 0
		}
	}
}
