// Faults that come and go while the servers answer.

package lab

import (
	"fmt"
	"slices"

	"github.com/miekg/dns"
)

// liveFaults are the faults of zones that [World.Break] can make.
var liveFaults = Faults{Expired, Future, Reversed, MissingSignatures, CorruptSignatures, DSMismatch}

// serverFaults are those of servers.
var serverFaults = Faults{Dead, Slow, LoseFirst, Refusing, Failing, Lame, NoAA, Stripping, Forging,
	Truncate, NoTCP, AlwaysTC, NoEDNS, Spoofed, Garbage, Cookies, HatesCookies, LowerCase}

// Break gives a zone, and the servers that have it, these faults in place of those that they have,
// while queries come; without any the zone is repaired. What resolvers have cached stays as it is.
func (w *World) Break(zone string, faults ...Fault) error {
	w.build()
	z := w.zones[dns.CanonicalName(zone)]
	if z == nil {
		return fmt.Errorf("lab: there is no zone %s", zone)
	}
	var own, servers Faults
	for _, f := range faults {
		switch {
		case slices.Contains(liveFaults, f):
			own = append(own, f)
		case slices.Contains(serverFaults, f):
			servers = append(servers, f)
		default:
			return fmt.Errorf("lab: %s is not a fault that can come and go: %v %v", f, liveFaults,
				serverFaults)
		}
	}
	w.live.Lock()
	defer w.live.Unlock()
	z.Faults = own
	clear(z.signed)
	if p := w.parentOf(z.name); p != nil && len(p.data[z.name][dns.TypeDS]) > 0 {
		delete(p.data[z.name], dns.TypeDS)
		ds := z.ds()
		ds.Header().Ttl = p.TTL
		p.add(ds)
		delete(p.signed, z.name+"/"+fmt.Sprint(dns.TypeDS))
	}
	for _, a := range z.addrs {
		w.servers[a].faults = servers
	}
	return nil
}
