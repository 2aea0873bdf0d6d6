// Configuration: which zones are kept, and where from.

package secondary

import (
	"net/netip"
	"reflect"

	"bailiwick/internal/pemfile"
	"bailiwick/wire"
)

// Digest decides what is demanded of a zone's ZONEMD record.
type Digest uint8

// The choices.
const (
	DigestIfPresent Digest = iota // one that is there has to be right
	DigestRequired                // it has to be there, and to be right
	DigestOff                     // it is not looked at
)

// Primary is a server that a zone is transferred from.
type Primary struct {
	Addr netip.Addr // not valid if it has a name
	Name wire.Name
	Port uint16 // 0: that of the transport
}

// Key is a TSIG key (RFC 8945).
type Key struct {
	Name, Algorithm string // in presentation form, with the final dot
	Secret          []byte
}

// TLS is who the primaries have to be, if zones are transferred over TLS (RFC 9103).
type TLS struct {
	Name  string
	Roots *pemfile.Trusted // nil: the system's
}

// Zone is a zone that a copy is kept of. Its sources are tried in this order: the primaries, the
// web server, the file.
type Zone struct {
	Name       wire.Name
	Primaries  []Primary
	Key        *Key   // nil: transfers are not signed
	TLS        *TLS   // nil: they are not encrypted
	URL        string // "" for none
	File       string // "" for none
	Digest     Digest
	NotifyFrom []netip.Prefix // beside the primaries
	// Policy reports whether the zone is for policy: iteration does not ask it, and its rules hold
	// on when it has expired, as long as there is nothing newer.
	Policy bool
	// Catalog reports whether the zone is a catalog (RFC 9432): iteration does not ask it.
	Catalog bool
	// ID is what stands for the zone in a catalog. A zone of another ID does not keep the copy.
	ID string
}

// onlyFile reports whether the zone has no source but a file.
func (z *Zone) onlyFile() bool { return z.File != "" && z.URL == "" && len(z.Primaries) == 0 }

// equal reports whether two zones are kept alike.
func (z *Zone) equal(o *Zone) bool {
	a, b := *z, *o
	a.TLS, b.TLS = nil, nil // a pool of certificates is compared by its own method
	if !reflect.DeepEqual(a, b) || (z.TLS == nil) != (o.TLS == nil) {
		return false
	}
	return z.TLS == nil || z.TLS.Name == o.TLS.Name && z.TLS.Roots.Equal(o.TLS.Roots)
}

// Config is what the operator decides.
type Config struct {
	Zones  []Zone
	Octets int64 // of memory that all copies may take
	// Files are zone files that were read a moment ago, by the zones' names: they are not read
	// again if they have not changed since. It may be nil.
	Files map[wire.Name]*File
}

// Default returns the configuration of an operator who has decided nothing: no zone is kept.
func Default() Config { return Config{Octets: defaultOctets} }

// Root returns the root zone with sources that anybody may use: the servers of the root that give
// the zone away (RFC 8806, appendix A), ICANN's, and its web server. Its digest is demanded, as
// what comes from there is not signed.
func Root() Zone {
	z := Zone{Name: wire.Root, Digest: DigestRequired,
		URL: "https://www.internic.net/domain/root.zone"}
	for _, name := range []string{"b.root-servers.net.", "c.root-servers.net.",
		"d.root-servers.net.", "f.root-servers.net.", "g.root-servers.net.",
		"k.root-servers.net.", "lax.xfr.dns.icann.org.", "iad.xfr.dns.icann.org."} {
		z.Primaries = append(z.Primaries, Primary{Name: wire.MustParseName(name)})
	}
	return z
}
