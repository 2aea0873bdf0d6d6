// Changes of a zone, as an incremental transfer has them (RFC 1995).

package zone

import (
	"errors"

	"github.com/miekg/dns"

	"bailiwick/wire"
)

// Change is one step of an incremental transfer: records that go, with the old SOA record, and
// records that come, with the new one.
type Change struct{ Gone, Come []dns.RR }

// ErrMismatch is the error of changes that are those of another zone, or of another version.
var ErrMismatch = errors.New("the changes do not fit the zone")

// identity is a record without its TTL.
type identity struct {
	name  wire.Name
	t     wire.Type
	rdata string // canonical
}

// identify returns a record and what it is known by.
func identify(rr dns.RR) (record, identity, error) {
	owner, rdata, err := Packed(rr)
	r := record{owner, wire.Type(rr.Header().Rrtype), rr.Header().Ttl, rdata}
	return r, identity{owner, r.t, string(wire.AppendCanonical(nil, r.t, rdata))}, err
}

// holds reports whether the zone has a record.
func (z *Zone) holds(id identity, room []byte) bool {
	i, found := z.find(id.name)
	if !found {
		return false
	}
	for s := range z.nodeAt(i).sets() {
		list, t := s.data, s.t
		if id.t == wire.TypeRRSIG {
			list, t = s.signatures, wire.TypeRRSIG
		}
		if t != id.t {
			continue
		}
		for d := range list.All() {
			if string(wire.AppendCanonical(room[:0], t, d)) == id.rdata {
				return true
			}
		}
	}
	return false
}

// Apply returns the zone after changes, one after the other. Each record that goes has to be there,
// and none that comes may be: otherwise the changes are of no use, and the whole zone has to be
// transferred. The caller checks the serials.
func (z *Zone) Apply(changes []Change, octets int) (*Zone, error) {
	gone, come := map[identity]bool{}, map[identity]record{}
	var room [1 << 16]byte
	for _, c := range changes {
		for _, rr := range c.Gone {
			r, id, err := identify(rr)
			if err != nil {
				return nil, errors.Join(ErrMismatch, err)
			}
			if !r.name.Within(z.apex) {
				continue
			}
			if _, new := come[id]; new {
				delete(come, id)
			} else if gone[id] || !z.holds(id, room[:]) {
				return nil, ErrMismatch
			} else {
				gone[id] = true
			}
		}
		for _, rr := range c.Come {
			r, id, err := identify(rr)
			if err != nil {
				return nil, errors.Join(ErrMismatch, err)
			}
			if !r.name.Within(z.apex) {
				continue
			}
			if _, new := come[id]; new || !gone[id] && z.holds(id, room[:]) {
				return nil, ErrMismatch
			}
			come[id] = r
		}
	}
	b := NewBuilder(z.apex, octets)
	for r := range z.all() {
		id := identity{r.name, r.t, string(wire.AppendCanonical(room[:0], r.t, r.rdata))}
		if gone[id] {
			continue
		}
		if err := b.Add(r.name, r.t, r.ttl, r.rdata); err != nil {
			return nil, err
		}
	}
	for _, r := range come {
		if err := b.Add(r.name, r.t, r.ttl, r.rdata); err != nil {
			return nil, err
		}
	}
	return b.Finish()
}
