// The records of a whole zone, for who transfers it.

package lab

import (
	"crypto/sha512"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Records returns all records of a zone with its signatures and denials, the SOA record first. A
// zone whose denials are made for each question has none of them here.
func (w *World) Records(zone string) []dns.RR {
	w.build()
	z := w.zones[dns.CanonicalName(zone)]
	var all []dns.RR
	add := func(set []dns.RR, owner string, signed bool) {
		all = append(all, set...)
		if signed {
			all = append(all, z.sign(set, owner)...)
		}
	}
	add(z.data[z.name][dns.TypeSOA], z.name, true)
	for owner, sets := range z.data {
		cut := owner != z.name && len(sets[dns.TypeNS]) > 0
		for t, set := range sets {
			if t != dns.TypeSOA || owner != z.name {
				add(set, owner, z.authoritative(owner) && (!cut || t == dns.TypeDS))
			}
		}
	}
	switch {
	case !z.isSigned() || z.Denial == Compact:
	case z.Denial == NSEC:
		for _, owner := range z.names {
			rr, _ := z.nsec(owner)
			add([]dns.RR{rr}, owner, true)
		}
	default:
		for _, h := range z.hashes {
			rr, _ := z.nsec3(h.name)
			add([]dns.RR{rr}, rr.Header().Name, true)
		}
	}
	return all
}

// WithDigest returns the records of a zone, the SOA record first, with a ZONEMD record that is
// signed if the zone is (RFC 8976, scheme SIMPLE, SHA-384). The digest is computed the way of the
// RFC, record by record. One that is there before is replaced; if the zone's author has given it
// one, its denials name the type.
func (w *World) WithDigest(zone string, records []dns.RR) []dns.RR {
	z := w.zones[dns.CanonicalName(zone)]
	type line struct {
		owner string
		wire  []byte
	}
	records = slices.DeleteFunc(slices.Clone(records), func(rr dns.RR) bool {
		sig, ok := rr.(*dns.RRSIG)
		return rr.Header().Rrtype == dns.TypeZONEMD || ok && sig.TypeCovered == dns.TypeZONEMD
	})
	var lines []line
	for _, rr := range records {
		c := dns.Copy(rr)
		c.Header().Name = strings.ToLower(c.Header().Name)
		lowerRData(c)
		room := make([]byte, dns.Len(c)+1)
		n, err := dns.PackRR(c, room, 0, nil, false)
		if err != nil {
			panic("lab: " + err.Error())
		}
		lines = append(lines, line{c.Header().Name, room[:n]})
	}
	slices.SortFunc(lines, func(a, b line) int {
		if c := canonical(a.owner, b.owner); c != 0 {
			return c
		}
		x, y := a.wire[nameLen(a.wire):], b.wire[nameLen(b.wire):]
		if c := slices.Compare(x[:2], y[:2]); c != 0 { // the type
			return c
		}
		return slices.Compare(x[10:], y[10:])
	})
	h := sha512.New384()
	for _, l := range lines {
		h.Write(l.wire)
	}
	md := &dns.ZONEMD{Hdr: z.header(z.name, dns.TypeZONEMD),
		Serial: records[0].(*dns.SOA).Serial, Scheme: dns.ZoneMDSchemeSimple,
		Hash: dns.ZoneMDHashAlgSHA384, Digest: hex.EncodeToString(h.Sum(nil))}
	records = append(records, md)
	if z.isSigned() {
		records = append(records, w.Sign(z.name, md)...)
	}
	return records
}

// nameLen returns the length of the name at the beginning of a record.
func nameLen(b []byte) (n int) {
	for b[n] != 0 {
		n += 1 + int(b[n])
	}
	return n + 1
}

// lowerRData puts names in RDATA into lower case, of the types that the lab's zones have.
func lowerRData(rr dns.RR) {
	for _, name := range namesOf(rr) {
		*name = strings.ToLower(*name)
	}
}

// namesOf returns the names in RDATA that are in lower case in canonical form (RFC 4034, 6.2).
func namesOf(rr dns.RR) []*string {
	switch rr := rr.(type) {
	case *dns.NS:
		return []*string{&rr.Ns}
	case *dns.CNAME:
		return []*string{&rr.Target}
	case *dns.DNAME:
		return []*string{&rr.Target}
	case *dns.MX:
		return []*string{&rr.Mx}
	case *dns.SOA:
		return []*string{&rr.Ns, &rr.Mbox}
	case *dns.RRSIG:
		return []*string{&rr.SignerName}
	}
	return nil
}
