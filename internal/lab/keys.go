// Rollovers: zones whose keys, signatures, DS and CDS are as a test wants at each step.

package lab

import (
	"fmt"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// ZoneKey is a key of a zone, which the world makes for a test.
type ZoneKey struct{ *key }

// NewKey makes a key for a zone, of an algorithm or, with 0, of that of its own; with the SEP bit
// or without.
func (w *World) NewKey(zone string, algorithm uint8, entry bool) ZoneKey {
	z := w.zones[dns.CanonicalName(zone)]
	if algorithm == 0 {
		algorithm = z.Algorithm
	}
	flags := uint16(dns.ZONE)
	if entry {
		flags |= dns.SEP
	}
	k, err := newKey(z.name, algorithm, z.Bits, flags, 3)
	if err != nil {
		panic("lab: " + err.Error())
	}
	k.Hdr.Ttl = z.TTL
	return ZoneKey{k}
}

// OwnKey returns the key that a zone began with.
func (w *World) OwnKey(zone string) ZoneKey {
	return ZoneKey{w.zones[dns.CanonicalName(zone)].keys[0]}
}

// Keys are the keys of a zone at a step of a rollover.
type Keys struct {
	Published []ZoneKey // the DNSKEY set
	Entry     []ZoneKey // those that sign it
	Signing   []ZoneKey // those that sign everything else
	DS        []ZoneKey // those with a DS at the parent
	CDS       []ZoneKey // those with a CDS
	Remove    bool      // CDS asks for the removal of the DS (RFC 8078, section 4)
}

// SetKeys gives a zone keys in place of those that it has. All signatures of the world are made
// anew, around a time. No query may be in progress.
func (w *World) SetKeys(zone string, keys Keys, now time.Time) {
	w.build()
	w.now = now
	for _, z := range w.zones {
		clear(z.signed)
		if _, known := dns.AlgorithmToString[z.Algorithm]; z.isSigned() && !known {
			z.unsignable()
		}
	}
	z := w.zones[dns.CanonicalName(zone)]
	p := w.parentOf(z.name)
	delete(p.data[z.name], dns.TypeDS)
	for _, k := range keys.DS {
		ds := k.ToDS(dns.SHA256)
		ds.Hdr.Ttl = p.TTL
		p.add(ds)
	}
	delete(z.data[z.name], dns.TypeCDS)
	for _, k := range keys.CDS {
		cds := k.ToDS(dns.SHA256).ToCDS()
		cds.Hdr.Ttl = z.TTL
		z.add(cds)
	}
	if keys.Remove {
		z.add(&dns.CDS{DS: dns.DS{Hdr: z.header(z.name, dns.TypeCDS), Digest: "00"}})
	}
	var set []dns.RR
	for _, k := range keys.Published {
		k.Hdr.Ttl = z.TTL
		set = append(set, k.DNSKEY)
	}
	z.data[z.name][dns.TypeDNSKEY] = set
	z.signing = nil
	for _, k := range keys.Signing {
		z.signing = append(z.signing, k.key)
	}
	sigs := []dns.RR{}
	for _, k := range keys.Entry {
		sigs = append(sigs, z.signatureBy(k.key, set, z.name, dns.TypeDNSKEY))
	}
	z.signed[z.name+"/"+fmt.Sprint(dns.TypeDNSKEY)] = slices.Clip(sigs)
	z.names, z.hashes = nil, nil
	z.finish()
	p.names, p.hashes = nil, nil
	p.finish()
}
