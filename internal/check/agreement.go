// Whether the servers of the zone agree.

package check

import (
	"fmt"
	"slices"
	"strings"

	"bailiwick/wire"
)

// group is servers that say the same.
type group struct {
	content content
	servers []*Server
}

// content is what a server has: whole, to be compared, and in words.
type content struct{ whole, text string }

// agreement compares serials and data of the servers.
func (j *judge) agreement() {
	serials := map[*Server]uint32{}
	var groups []group
	for _, s := range j.o.Servers {
		soa := answerOf(s, ask(j.o.Zone, wire.TypeSOA))
		if soa == nil {
			continue
		}
		if d, err := wire.ParseSOA(soa.Data.First()); err == nil {
			serials[s] = d.Serial
			n := fmt.Sprint("serial ", d.Serial)
			groups = grouped(groups, content{n, n}, s)
		}
	}
	if len(groups) > 1 {
		j.add("serial-differs", where{}, "%s", described(groups))
	}
	for _, q := range j.compared() {
		j.compare(q, serials)
	}
	for _, s := range j.o.Servers {
		j.apexAlias(s)
		j.negatives(s)
	}
}

// compared returns the questions whose answers are compared. The SOA is not: providers that serve a
// zone together have their own, with serials of their own (dnsviz/dnsviz #137). Nor are denials
// and their parameters.
func (j *judge) compared() (qs []wire.Question) {
	for _, t := range []wire.Type{wire.TypeNS, wire.TypeDNSKEY, wire.TypeCDS, wire.TypeCDNSKEY,
		wire.TypeA, wire.TypeAAAA, wire.TypeMX} {
		qs = append(qs, ask(j.o.Zone, t))
	}
	for _, n := range inZone(j.o.Zone, NameServers(j.o)) {
		qs = append(qs, ask(n, wire.TypeA), ask(n, wire.TypeAAAA))
	}
	qs = append(qs, j.o.Compare...)
	for _, t := range j.o.TLSA {
		qs = append(qs, ask(t.Name, wire.TypeTLSA))
	}
	return qs
}

// compare compares the answers to one question: those of servers with the same serial first.
func (j *judge) compare(q wire.Question, serials map[*Server]uint32) {
	var all []group
	bySerial := map[uint32][]group{}
	for _, s := range j.o.Servers {
		if c, ok := contentOf(s, q); ok {
			all = grouped(all, c, s)
			if n, ok := serials[s]; ok {
				bySerial[n] = grouped(bySerial[n], c, s)
			}
		}
	}
	if len(all) < 2 {
		return
	}
	id := "data-stale"
	for _, groups := range bySerial {
		if len(groups) > 1 {
			id = "data-differs"
		}
	}
	if q == ask(j.o.Zone, wire.TypeDNSKEY) {
		id = "keys-differ"
	}
	j.add(id, where{question: text(q)}, "%s", described(all))
}

// grouped puts a server into the group with its content.
func grouped(groups []group, c content, s *Server) []group {
	for i := range groups {
		if groups[i].content.whole == c.whole {
			groups[i].servers = append(groups[i].servers, s)
			return groups
		}
	}
	return append(groups, group{c, []*Server{s}})
}

// described returns who says what.
func described(groups []group) string {
	var parts []string
	for _, g := range groups {
		var servers []string
		for _, s := range g.servers {
			servers = append(servers, s.String())
		}
		parts = append(parts, g.content.text+" at "+list(servers))
	}
	return strings.Join(parts, "; ")
}

// contentOf returns what a server has for a question, in a form that is the same for the same data:
// without order, letter case of names in the RDATA, TTLs and signatures. ok is false if the server
// does not tell.
func contentOf(s *Server, q wire.Question) (c content, ok bool) {
	said := classify(q, s.reply(q, Usual).Msg)
	switch said.kind {
	case wire.KindNXDomain, wire.KindNoData:
		return content{text: "no data"}, true
	case wire.KindAnswer, wire.KindAlias:
		set := said.sets[len(said.sets)-1]
		return content{set.Type.String() + string(canonical(set)), setText(set)}, true
	}
	return content{}, false
}

// canonical returns the data of a set in canonical form and order, with their lengths.
func canonical(set *wire.RRset) (all wire.RDataList) {
	var data [][]byte
	for d := range set.Data.All() {
		data = append(data, wire.AppendCanonical(nil, set.Type, d))
	}
	slices.SortFunc(data, wire.CompareCanonical)
	for _, d := range data {
		all = all.Append(d)
	}
	return all
}

// setText returns the data of a set in words.
func setText(set *wire.RRset) string {
	var words []string
	for d := range set.Data.All() {
		words = append(words, rdataText(set.Type, wire.AppendCanonical(nil, set.Type, d)))
	}
	slices.Sort(words)
	return list(words)
}

// rdataText returns RDATA as people know it, and hexadecimal if it is of another type.
func rdataText(t wire.Type, d []byte) string {
	switch t {
	case wire.TypeA, wire.TypeAAAA:
		if a := (wire.RDataList{}).Append(d).Addresses(); len(a) == 1 {
			return a[0].String()
		}
	case wire.TypeNS, wire.TypeCNAME, wire.TypeDNAME:
		if n, ok := wire.TargetName(d); ok {
			return n.String()
		}
	case wire.TypeMX:
		if len(d) > 2 {
			if n, ok := wire.TargetName(d[2:]); ok {
				return fmt.Sprintf("%d %s", int(d[0])<<8|int(d[1]), n)
			}
		}
	case wire.TypeDNSKEY, wire.TypeCDNSKEY:
		if k, err := wire.ParseDNSKEY(d); err == nil {
			return fmt.Sprintf("key %d (flags %d, algorithm %d)", wire.KeyTag(d), k.Flags,
				k.Algorithm)
		}
	case wire.TypeDS, wire.TypeCDS:
		if ds, err := wire.ParseDS(d); err == nil {
			return fmt.Sprintf("%d %d %d %x", ds.KeyTag, ds.Algorithm, ds.Digest, ds.Hash)
		}
	}
	if len(d) > 24 {
		return fmt.Sprintf("%x... (%d octets)", d[:24], len(d))
	}
	return fmt.Sprintf("%x", d)
}

// apexAlias judges whether a server has a CNAME at the apex.
func (j *judge) apexAlias(s *Server) {
	for _, t := range []wire.Type{wire.TypeCNAME, wire.TypeA, wire.TypeSOA} {
		q := ask(j.o.Zone, t)
		m := s.reply(q, Usual).Msg
		if m == nil || !m.Has(wire.FlagAA) {
			continue
		}
		if set := wire.Find(m.Answer, j.o.Zone, wire.TypeCNAME); set != nil {
			j.add("apex-alias", where{s, text(q)}, "%s is an alias of %s", j.o.Zone,
				setText(set))
			return
		}
	}
}

// negatives judges whether denials have the zone's SOA, by which they are cached.
func (j *judge) negatives(s *Server) {
	for _, q := range asked(s) {
		m := s.Replies[q].Msg
		if q.Form != Usual || !classify(q.Question, m).kind.IsDenial() {
			continue
		}
		if wire.FindType(m.Authority, wire.TypeSOA) == nil {
			j.add("negative-without-soa", where{s, text(q.Question)}, "no SOA")
		}
	}
}
