// The records of a transfer, in the order in which they come (RFC 5936, section 2.2; RFC 1995,
// section 4).

package secondary

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"

	"bailiwick/wire"
	"bailiwick/zone"
)

// errBroken is the error of a transfer whose records are in no order that a transfer has.
var errBroken = errors.New("the transfer is not one")

// stream takes the records of a transfer, whole or incremental. It decides by what comes which it
// is.
type stream struct {
	apex    wire.Name
	have    *zone.Zone // nil: the whole zone is wanted
	octets  int        // that the zone may take
	builder *zone.Builder
	changes []zone.Change

	count   int
	first   *dns.SOA // of the version that is sent
	coming  bool     // the records of a change come; they go before
	size    int      // of the changes
	done    bool
	current bool // the version that there is
}

// take takes the next record.
func (s *stream) take(rr dns.RR) error {
	if s.done {
		return errBroken
	}
	soa, _ := rr.(*dns.SOA)
	if soa != nil {
		if n, err := wire.ParseName(soa.Hdr.Name); err != nil || n != s.apex {
			soa = nil // some record of the zone's data, which the builder leaves out
		}
	}
	s.count++
	switch {
	case s.count == 1 && soa == nil:
		return errBroken
	case s.count == 1:
		s.first = soa
		return nil
	case s.count == 2 && s.have != nil && soa != nil && soa.Serial == s.have.SOA().Serial &&
		soa.Serial != s.first.Serial:
		s.begin(soa)
		return nil
	case s.count == 2:
		s.builder = zone.NewBuilder(s.apex, s.octets)
		if err := s.builder.AddRR(s.first); err != nil {
			return err
		}
	}
	if s.builder != nil {
		if soa == nil {
			return s.builder.AddRR(rr)
		}
		s.done = true
		return s.end(soa)
	}
	return s.change(rr, soa)
}

// begin begins a change with the SOA record of the version that it leads away from. If that is not
// where the change before ends, the record is not there to go.
func (s *stream) begin(soa *dns.SOA) {
	s.changes = append(s.changes, zone.Change{Gone: []dns.RR{soa}})
	s.coming = false
}

// change takes a record of an incremental transfer. soa is not nil if it is the apex's SOA record.
func (s *stream) change(rr dns.RR, soa *dns.SOA) error {
	if s.size += dns.Len(rr); s.size > s.octets {
		return zone.ErrTooLarge
	}
	c := &s.changes[len(s.changes)-1]
	switch {
	case soa == nil && s.coming:
		c.Come = append(c.Come, rr)
	case soa == nil:
		c.Gone = append(c.Gone, rr)
	case !s.coming:
		s.coming = true
		c.Come = append(c.Come, soa)
	case soa.Serial == s.first.Serial:
		s.done = true
		return s.end(soa)
	default:
		s.begin(soa)
	}
	return nil
}

// end returns an error if the SOA record at the end is not the one at the begin (RFC 5936, section
// 2.2; RFC 1995, section 4): the zone has changed meanwhile, or its end is that of another one.
func (s *stream) end(soa *dns.SOA) error {
	if !dns.IsDuplicate(soa, s.first) {
		return errBroken
	}
	return nil
}

// endOfMessage notes that a message ends here. A reply to a question for changes that is one record
// means that there are none, if its serial is not newer (RFC 1995, section 2).
func (s *stream) endOfMessage() {
	if s.count == 1 && s.have != nil && !newer(s.first.Serial, s.have.SOA().Serial) {
		s.done, s.current = true, true
	}
}

// zone returns the zone that was transferred, nil if it is the one that there is.
func (s *stream) zone() (*zone.Zone, error) {
	switch {
	case !s.done:
		return nil, errBroken
	case s.current:
		return nil, nil
	case s.builder != nil:
		return s.builder.Finish()
	}
	z, err := s.have.Apply(s.changes, s.octets)
	if err == nil && z.SOA().Serial != s.first.Serial {
		err = fmt.Errorf("%w: they lead to serial %d", zone.ErrMismatch, z.SOA().Serial)
	}
	return z, err
}
