package localdata

import (
	"fmt"
	"strings"

	"github.com/miekg/dns"

	"bailiwick/internal/aside"
	"bailiwick/internal/nametable"
	"bailiwick/internal/policy"
	"bailiwick/wire"
	"bailiwick/zone"
)

// Zone is a zone of the operator's.
type Zone struct {
	Name wire.Name
	Type Type
}

// Builder collects local data.
type Builder struct {
	zones  []Zone
	owners map[wire.Name][]*wire.RRset
	lists  []List
	texts  uint8 // records that were added as text, round and round
	// blocked are the names of all lists, with their list's place.
	blocked nametable.Builder
}

// NewBuilder returns a builder with these zones.
func NewBuilder(zones []Zone) *Builder {
	return &Builder{zones: zones, owners: map[wire.Name][]*wire.RRset{}}
}

// defaultTTL is the TTL of records that are given without one, in seconds: an hour, as for special
// names.
const defaultTTL = 3600

// AddText adds a record in the syntax of zone files, its name complete: "printer.corp.example 300 A
// 192.0.2.7". Class IN, TTL and the last dot may be left out.
func (b *Builder) AddText(text string) error {
	if b.texts++; b.texts == 0 {
		aside.Yield()
	}
	p := dns.NewZoneParser(strings.NewReader(text), ".", "")
	p.SetDefaultTTL(defaultTTL)
	rr, ok := p.Next()
	if err := p.Err(); err != nil {
		return fmt.Errorf("record %q: %s", text, strings.TrimPrefix(err.Error(), "dns: "))
	}
	if !ok {
		return fmt.Errorf("record %q: there is none", text)
	}
	if _, more := p.Next(); more {
		return fmt.Errorf("record %q: there are two", text)
	}
	if err := toASCII(rr); err != nil {
		return fmt.Errorf("record %q: %w", text, err)
	}
	owner, rdata, err := zone.Packed(rr)
	if err != nil {
		return fmt.Errorf("record %q: %w", text, err)
	}
	return b.add(owner, wire.Type(rr.Header().Rrtype), rr.Header().Ttl, rdata)
}

// add adds a record.
func (b *Builder) add(owner wire.Name, t wire.Type, ttl uint32, rdata []byte) error {
	switch {
	case t.IsMeta(), t == wire.TypeRRSIG, t == wire.TypeNSEC, t == wire.TypeNSEC3:
		return fmt.Errorf("%s %s: local data are not signed, and have no records of this type",
			owner, t)
	case t == wire.TypeDNAME:
		return fmt.Errorf("%s DNAME: local data have no records of this type; a zone of the type "+
			"redirect answers for all names below one", owner)
	}
	sets := b.owners[owner]
	for _, s := range sets {
		switch {
		case s.Type == t && t != wire.TypeCNAME && t != wire.TypeSOA:
			s.TTL = min(s.TTL, ttl)
			for d := range s.Data.All() {
				if string(d) == string(rdata) {
					return nil
				}
			}
			s.Data = s.Data.Append(rdata)
			return nil
		case s.Type == t:
			return fmt.Errorf("%s %s: there may be one record only", owner, t)
		case s.Type == wire.TypeCNAME, t == wire.TypeCNAME: // RFC 1034, section 3.6.2
			return fmt.Errorf("%s %s: a name with a CNAME has no other records", owner, t)
		}
	}
	s := &wire.RRset{Name: owner, Type: t, Class: wire.ClassIN, TTL: ttl,
		Security: wire.Insecure}
	s.Data = s.Data.Append(rdata)
	b.owners[owner] = append(sets, s)
	return nil
}

// Data returns what was added. The builder must not be used any more.
func (b *Builder) Data() (*Data, error) {
	d := &Data{lists: b.lists, blocked: b.blocked.Table(),
		fetched: new(nametable.Builder).Table()}
	apexes := map[wire.Name]int32{}
	for _, z := range b.zones {
		if _, twice := apexes[z.Name]; twice {
			return nil, fmt.Errorf("local zone %s is given twice", z.Name)
		}
		apexes[z.Name] = int32(len(d.zones))
		d.zones = append(d.zones, localZone{name: z.Name, typ: z.Type, soa: b.soa(z.Name)})
	}
	zoneOf := func(n wire.Name) int32 {
		for ; ; n = n.Parent() {
			if i, ok := apexes[n]; ok {
				return i
			}
			if n.IsRoot() {
				return noZone
			}
		}
	}
	names, places := nametable.Builder{}, map[wire.Name]uint32{}
	place := func(n wire.Name) (uint32, error) {
		if i, ok := places[n]; ok {
			return i, nil
		}
		i := uint32(len(d.nodes))
		_, apex := apexes[n]
		d.nodes = append(d.nodes, node{sets: b.owners[n], zone: zoneOf(n), apex: apex})
		places[n] = i
		return i, names.Add(n, i)
	}
	for n := range apexes {
		if _, err := place(n); err != nil {
			return nil, err
		}
	}
	steps := uint8(0)
	for n := range b.owners {
		if steps++; steps == 0 {
			aside.Yield()
		}
		at := zoneOf(n)
		if at != noZone && d.zones[at].typ == Redirect && d.zones[at].name != n {
			return nil, fmt.Errorf("%s: the zone %s of the type redirect has records at its own "+
				"name only", n, d.zones[at].name)
		}
		if _, err := place(n); err != nil {
			return nil, err
		}
		// The names between it and its zone exist (RFC 4592, section 2.2.2).
		for up := n; !up.IsRoot(); {
			star := up.IsWildcard()
			if up = up.Parent(); !star && (at == noZone || !up.Within(d.zones[at].name)) {
				break
			}
			i, err := place(up)
			if err != nil {
				return nil, err
			}
			d.nodes[i].wildcard = d.nodes[i].wildcard || star
		}
	}
	d.names = names.Table()
	return d, nil
}

// soa returns the SOA set of a zone's denials: that of the operator's records, or one that is made.
func (b *Builder) soa(name wire.Name) *wire.RRset {
	for _, s := range b.owners[name] {
		if s.Type == wire.TypeSOA {
			return s
		}
	}
	return policy.MadeSOA(name, wire.Name{})
}
