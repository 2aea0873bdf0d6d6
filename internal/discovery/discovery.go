// Package discovery announces the encrypted transports of this resolver and its properties: SVCB
// records at _dns.resolver.arpa (RFC 9461, RFC 9462), RESINFO (RFC 9606), and options for DHCP and
// router advertisements (RFC 9463). They are made from the listeners and the certificate in use.
package discovery

import (
	"net/netip"
	"slices"

	"bailiwick/internal/policy"
	"bailiwick/wire"
)

// Config is what the operator decides about discovery.
type Config struct {
	Enabled bool
	Name    wire.Name    // of this resolver; zero: the certificate's first
	Addrs   []netip.Addr // that clients reach it at; none: those of the listeners
	URL     string       // of information for people (RFC 9606), "" for none
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config { return Config{Enabled: true} }

// Endpoint is an encrypted transport at a port.
type Endpoint struct {
	ALPN  []string // identifiers, such as dot, h2, h3, doq
	Port  uint16
	Path  string // of DoH, "" for others
	Addrs []netip.Addr
}

// Designation describes the encrypted transports of a resolver.
type Designation struct {
	// Name is the one by which clients authenticate the resolver. Without it nothing is designated.
	Name      wire.Name
	Endpoints []Endpoint
	Info      Info
}

// Info describes the resolver (RFC 9606, section 5).
type Info struct {
	QNameMin bool     // it minimises query names
	EDE      []uint16 // info codes that it may send
	URL      string   // "" for none
}

var (
	serviceName  = wire.MustParseName("_dns.resolver.arpa")
	resolverArpa = wire.MustParseName("resolver.arpa")
)

// ttl is that of all records here, in seconds: short, because listeners may change.
const ttl = 300

// Answer returns the answer to a question about the resolver; nil for all others.
func (d *Designation) Answer(q wire.Question) *policy.Local {
	switch {
	case q.Class != wire.ClassIN:
	case q.Name == serviceName && (q.Type == wire.TypeSVCB || q.Type == wire.TypeANY) &&
		d.designates():
		return &policy.Local{Answer: []*wire.RRset{d.service(q.Name)}, Additional: d.addresses()}
	case q.Type == wire.TypeRESINFO && (q.Name == resolverArpa || !d.Name.IsZero() &&
		q.Name == d.Name):
		return &policy.Local{Answer: []*wire.RRset{d.Info.record(q.Name)}}
	}
	return nil
}

func (d *Designation) designates() bool { return !d.Name.IsZero() && len(d.Endpoints) > 0 }

// service returns the SVCB set (RFC 9462, section 4): a record for each endpoint, in the order of
// preference.
func (d *Designation) service(owner wire.Name) *wire.RRset {
	s := &wire.RRset{Name: owner, Type: wire.TypeSVCB, Class: wire.ClassIN, TTL: ttl,
		Security: wire.Insecure}
	for i, e := range d.Endpoints {
		rdata := append([]byte{0, byte(i + 1)}, d.Name.Wire()...)
		s.Data = s.Data.Append(append(rdata, e.params(true)...))
	}
	return s
}

// addresses returns the addresses of the name, so that a client need not ask for them (RFC 9462,
// section 4).
func (d *Designation) addresses() (sets []*wire.RRset) {
	for _, t := range []wire.Type{wire.TypeA, wire.TypeAAAA} {
		s := &wire.RRset{Name: d.Name, Type: t, Class: wire.ClassIN, TTL: ttl,
			Security: wire.Insecure}
		for _, a := range d.allAddrs(t == wire.TypeA) {
			s.Data = s.Data.Append(a.AsSlice())
		}
		if s.Len() > 0 {
			sets = append(sets, s)
		}
	}
	return sets
}

// allAddrs returns the addresses of all endpoints, of one family.
func (d *Designation) allAddrs(v4 bool) (all []netip.Addr) {
	for _, e := range d.Endpoints {
		for _, a := range e.Addrs {
			if a.Is4() == v4 && !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	return all
}
