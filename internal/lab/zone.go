// Zones: their description by a test, and their data.

package lab

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// Denial is how a zone proves that something does not exist.
type Denial uint8

// The ways.
const (
	NSEC Denial = iota
	NSEC3
	NSEC3OptOut
	Compact // RFC 9824
)

// Unsigned is the algorithm of a zone without signatures.
const Unsigned = 255

// Zone describes a zone.
type Zone struct {
	Name       string
	Algorithm  uint8  // 0: ECDSA P-256; Unsigned: none
	Bits       int    // of RSA keys; 0: 2048
	Denial     Denial //
	Iterations uint16 // of NSEC3
	Salt       string // of NSEC3, hexadecimal
	Digest     uint8  // of the DS; 0: SHA-256
	TTL        uint32 // 0: 300
	Minimum    uint32 // of the SOA; 0: 60
	// Records are in zone-file form, relative to the zone; SOA, NS, and the delegations of other
	// zones are added automatically. Lines may be separated by ";;".
	Records string
	// Servers has the faults of each server; empty: one good server.
	Servers []ServerFaults
	Faults  Faults
	// On puts the zone on the servers of another zone of the world, instead of its own.
	On string
	// Glueless delegates with name server names of another zone and without addresses.
	Glueless string
	// Tailor is how its servers answer by the network of the client; nil: they ignore it.
	Tailor Tailor
	// NoDS leaves the DS out at the parent.
	NoDS bool
}

// zone is a zone with its data, keys and signatures.
type zone struct {
	Zone
	w     *World
	name  string
	data  map[string]map[uint16][]dns.RR // owner -> type -> set
	names []string                       // owners with data, canonically ordered
	ns    []string                       // names of the servers
	addrs []netip.Addr                   // their addresses
	keys  []*key
	// former is the key before keys[0], while a fault of a rollover holds.
	former *key
	wrong  *key // signs in place of keys[0] under WrongKeys
	// signing sign in place of keys[0], see SetKeys; nil: that does.
	signing []*key
	hashes  []hashed

	mu     sync.Mutex
	signed map[string][]dns.RR // set -> its signatures; guarded by mu
}

func (z *zone) isSigned() bool { return z.Algorithm != Unsigned }

// add puts a record into the zone.
func (z *zone) add(rr dns.RR) {
	owner := strings.ToLower(rr.Header().Name)
	if z.data[owner] == nil {
		z.data[owner] = map[uint16][]dns.RR{}
	}
	t := rr.Header().Rrtype
	z.data[owner][t] = append(z.data[owner][t], rr)
}

// parse reads the author's records.
func (z *zone) parse() error {
	p := dns.NewZoneParser(strings.NewReader(strings.ReplaceAll(z.Records, ";;", "\n")+"\n"),
		z.name, z.name)
	p.SetDefaultTTL(z.TTL)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if !dns.IsSubDomain(z.name, rr.Header().Name) {
			return fmt.Errorf("zone %s: %s is not in it", z.name, rr.Header().Name)
		}
		z.add(rr)
	}
	return p.Err()
}

// header returns the header of a record of the zone.
func (z *zone) header(owner string, t uint16) dns.RR_Header {
	return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: z.TTL}
}

// cutAbove returns the delegation at or above a name, "" if there is none.
func (z *zone) cutAbove(name string) string {
	cut := ""
	for n := name; n != z.name && dns.IsSubDomain(z.name, n); n = parent(n) {
		if len(z.data[n][dns.TypeNS]) > 0 {
			cut = n
		}
	}
	return cut
}

// authoritative reports whether an owner is in the zone, and not below a cut.
func (z *zone) authoritative(owner string) bool {
	c := z.cutAbove(owner)
	return c == "" || c == owner
}

// exists reports whether a name has data, or a name below it has.
func (z *zone) exists(name string) bool {
	if len(z.data[name]) > 0 {
		return true
	}
	for owner := range z.data {
		if dns.IsSubDomain(name, owner) {
			return true
		}
	}
	return false
}

// typesAt returns the types that the zone has at an owner, for a bitmap; at a cut only those of the
// parent.
func (z *zone) typesAt(owner string) (ts []uint16) {
	cut := owner != z.name && len(z.data[owner][dns.TypeNS]) > 0
	for t := range z.data[owner] {
		if !cut || t == dns.TypeNS || t == dns.TypeDS {
			ts = append(ts, t)
		}
	}
	return ts
}

// finish orders the names and prepares the denials.
func (z *zone) finish() {
	for owner := range z.data {
		if z.authoritative(owner) {
			z.names = append(z.names, owner)
		}
	}
	slices.SortFunc(z.names, canonical)
	if z.Denial == NSEC3 || z.Denial == NSEC3OptOut {
		z.hashNames()
	}
}

func parent(name string) string {
	if i, end := dns.NextLabel(name, 0); !end {
		return name[i:]
	}
	return "."
}

// canonical compares names in canonical order (RFC 4034, section 6.1). Names have no escapes.
func canonical(a, b string) int {
	x, y := dns.SplitDomainName(a), dns.SplitDomainName(b)
	for i := 1; i <= len(x) && i <= len(y); i++ {
		if c := strings.Compare(x[len(x)-i], y[len(y)-i]); c != 0 {
			return c
		}
	}
	return len(x) - len(y)
}
