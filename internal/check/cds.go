// CDS and CDNSKEY: what the zone asks its parent to publish (RFC 7344, RFC 8078).

package check

import (
	"bytes"

	"bailiwick/validator"
	"bailiwick/wire"
)

// cds judges the CDS and CDNSKEY sets of each server.
func (j *judge) cds() {
	for _, s := range j.o.Servers {
		keys := answerOf(s, ask(j.o.Zone, wire.TypeDNSKEY))
		cds := answerOf(s, ask(j.o.Zone, wire.TypeCDS))
		cdnskey := answerOf(s, ask(j.o.Zone, wire.TypeCDNSKEY))
		removes := j.removal(s, cds) || j.removal(s, cdnskey)
		if removes || keys == nil {
			continue
		}
		j.cdsKeys(s, cds, cdnskey, keys)
		if cds != nil && cdnskey != nil {
			j.sameKeys(s, cds, cdnskey)
		}
		if cds == nil && cdnskey != nil {
			cds = fromKeys(cdnskey)
		}
		if cds != nil {
			j.wanted(s, cds, keys)
		}
	}
}

// removal judges a set that asks for the removal of the DS: it is the only record. Both forms of
// the erratum to RFC 8078 are in use: algorithm 0 is what counts (zonemaster/zonemaster-engine
// #964).
func (j *judge) removal(s *Server, set *wire.RRset) bool {
	if set == nil {
		return false
	}
	removes, others, at := 0, 0, where{s, text(ask(set.Name, set.Type))}
	for d := range set.Data.All() {
		algorithm := 2 // of CDS
		if set.Type == wire.TypeCDNSKEY {
			algorithm = 3
		}
		if len(d) > algorithm && d[algorithm] == 0 {
			removes++
		} else {
			others++
		}
	}
	switch {
	case removes > 0 && others > 0:
		j.add("cds-delete-mixed", at, "%d of removal, %d of keys", removes, others)
	case removes > 0:
		j.add("cds-delete", at, "it has algorithm 0")
	}
	return removes > 0
}

// cdsKeys judges whether each record is of a key in the zone.
func (j *judge) cdsKeys(s *Server, cds, cdnskey, keys *wire.RRset) {
	if cds != nil {
		for d := range cds.Data.All() {
			usable, _ := j.v.UsableDS(&wire.RRset{Name: j.o.Zone, Type: wire.TypeDS,
				Data: (wire.RDataList{}).Append(d)})
			if len(usable) > 0 && !j.ofKey(usable, keys) {
				j.add("cds-no-key", where{s, text(ask(cds.Name, cds.Type))}, "CDS %s",
					rdataText(wire.TypeCDS, d))
			}
		}
	}
	if cdnskey != nil {
		for d := range cdnskey.Data.All() {
			if !keys.Data.Has(d) {
				j.add("cds-no-key", where{s, text(ask(cdnskey.Name, cdnskey.Type))},
					"CDNSKEY %s", rdataText(wire.TypeCDNSKEY, d))
			}
		}
	}
}

// sameKeys judges whether CDS and CDNSKEY are of the same keys. CDS may have several digests of
// each; those that are not computed here are not judged.
func (j *judge) sameKeys(s *Server, cds, cdnskey *wire.RRset) {
	at := where{s, text(ask(cds.Name, cds.Type))}
	for d := range cds.Data.All() {
		usable, _ := j.v.UsableDS(&wire.RRset{Name: j.o.Zone, Type: wire.TypeDS,
			Data: (wire.RDataList{}).Append(d)})
		if len(usable) > 0 && !j.ofKey(usable, asKeys(cdnskey)) {
			j.add("cds-cdnskey-differ", at, "CDS %s has no CDNSKEY", rdataText(wire.TypeCDS, d))
		}
	}
	for k := range cdnskey.Data.All() {
		tag, has := wire.KeyTag(k), false
		for d := range cds.Data.All() {
			has = has || len(d) > 3 && len(k) > 3 && d[2] == k[3] &&
				bytes.Equal(d[:2], []byte{byte(tag >> 8), byte(tag)})
		}
		if !has {
			j.add("cds-cdnskey-differ", at, "CDNSKEY %s has no CDS",
				rdataText(wire.TypeCDNSKEY, k))
		}
	}
}

// asKeys returns a CDNSKEY set as a DNSKEY set.
func asKeys(cdnskey *wire.RRset) *wire.RRset {
	return &wire.RRset{Name: cdnskey.Name, Type: wire.TypeDNSKEY, Class: wire.ClassIN,
		TTL: cdnskey.TTL, Data: cdnskey.Data}
}

// fromKeys returns the CDS set that a CDNSKEY set stands for.
func fromKeys(cdnskey *wire.RRset) *wire.RRset {
	cds := &wire.RRset{Name: cdnskey.Name, Type: wire.TypeCDS, Class: wire.ClassIN}
	for k := range cdnskey.Data.All() {
		if len(k) > 3 {
			cds.Data = cds.Data.Append(DS(cdnskey.Name, k))
		}
	}
	return cds
}

// wanted judges the DS set that the zone asks for: with it the zone has to stay secure (RFC 7344,
// section 4.1).
func (j *judge) wanted(s *Server, cds, keys *wire.RRset) {
	at := where{s, text(ask(j.o.Zone, wire.TypeCDS))}
	usable, _ := j.v.UsableDS(&wire.RRset{Name: j.o.Zone, Type: wire.TypeDS, Data: cds.Data})
	if len(usable) == 0 {
		return
	}
	if set, r := j.v.MatchDS(usable, keys, j.at, validator.NewBudget()); set == nil &&
		r.Failure != nil {
		j.add("cds-breaks", at, "%s", r.Failure.Cause.Text())
		return
	}
	if above := j.published(); above != nil && !covers(above, cds) {
		j.add("cds-pending", at, "the parent has %s; the zone asks for %s", setText(above),
			setText(cds))
	}
}

// covers reports whether the parent has what a CDS set asks for: DS of the same keys. A parent that
// takes CDNSKEY chooses the digests itself (RFC 7344, section 4).
func covers(ds, cds *wire.RRset) bool {
	same := func(a, b []byte) bool { // tag and algorithm; the digest, if it is of one type
		return len(a) > 3 && len(b) > 3 && bytes.Equal(a[:3], b[:3]) &&
			(a[3] != b[3] || bytes.Equal(a, b))
	}
	within := func(a, b *wire.RRset) bool {
		for x := range a.Data.All() {
			has := false
			for y := range b.Data.All() {
				has = has || same(x, y)
			}
			if !has {
				return false
			}
		}
		return true
	}
	return within(ds, cds) && within(cds, ds)
}
