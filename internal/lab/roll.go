// Key rolls: zones whose keys are published, used and revoked as a test wants.

package lab

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// EntryKey is a key with the SEP bit, which the world makes for a test.
type EntryKey struct{ *key }

// NewEntryKey makes a key for a zone, of the algorithm that its own key has.
func (w *World) NewEntryKey(zone string) EntryKey {
	z := w.zones[dns.CanonicalName(zone)]
	k, err := newKey(z.name, z.Algorithm, z.Bits, 257, 2)
	if err != nil {
		panic("lab: " + err.Error())
	}
	k.Hdr.Ttl = z.TTL
	return EntryKey{k}
}

// Anchor returns the key as a trust anchor, a DS record.
func (k EntryKey) Anchor() string { return k.ToDS(dns.SHA256).String() }

// Tag returns the tag of the key while it is not revoked.
func (k EntryKey) Tag() uint16 { return k.KeyTag() }

// revoked returns the key with the REVOKE bit (RFC 5011, section 2.1).
func (k EntryKey) revoked() *key {
	r := *k.DNSKEY
	r.Flags |= dns.REVOKE
	return &key{&r, k.private}
}

// EntryKeys are the keys with the SEP bit in a zone's DNSKEY set, and what they do.
type EntryKeys struct {
	Published []EntryKey // in the set
	Revoked   []EntryKey // in the set, with the REVOKE bit
	Signing   []EntryKey // those of Published that sign it
	Mute      bool       // those that are revoked do not sign it
}

// Publish gives a zone other keys. Its own, which signs the zone's data and no keys, loses the SEP
// bit. All signatures of the world are made anew, around a time. No query may be in progress.
func (w *World) Publish(zone string, keys EntryKeys, now time.Time) {
	w.now = now
	for _, z := range w.zones {
		z.mu.Lock()
		clear(z.signed)
		z.mu.Unlock()
	}
	z := w.zones[dns.CanonicalName(zone)]
	own := z.keys[0]
	own.Flags &^= dns.SEP
	set := []dns.RR{own.DNSKEY}
	signers := slices.Clone(keys.Signing)
	for _, k := range keys.Published {
		set = append(set, k.DNSKEY)
	}
	for _, k := range keys.Revoked {
		set = append(set, k.revoked().DNSKEY)
		if !keys.Mute {
			signers = append(signers, EntryKey{k.revoked()})
		}
	}
	var sigs []dns.RR
	for _, k := range signers {
		sig := &dns.RRSIG{Hdr: z.header(z.name, dns.TypeRRSIG), Algorithm: k.Algorithm,
			KeyTag: k.KeyTag(), SignerName: z.name, Inception: uint32(now.Add(-time.Hour).Unix()),
			Expiration: uint32(now.Add(signedFor).Unix())}
		for _, rr := range set {
			rr.Header().Ttl = z.TTL
		}
		if err := k.sign(sig, set); err != nil {
			panic("lab: " + err.Error())
		}
		sigs = append(sigs, sig)
	}
	z.data[z.name][dns.TypeDNSKEY] = set
	z.signed[z.name+"/"+fmt.Sprint(dns.TypeDNSKEY)] = sigs
}

// SignLater makes all signatures of the world anew, around a time, but for those of a zone's keys.
// No query may be in progress.
func (w *World) SignLater(zone string, now time.Time) {
	w.now = now
	kept := dns.CanonicalName(zone) + "/" + fmt.Sprint(dns.TypeDNSKEY)
	for _, z := range w.zones {
		z.mu.Lock()
		maps.DeleteFunc(z.signed, func(set string, _ []dns.RR) bool { return set != kept })
		z.mu.Unlock()
	}
}

// signedFor is how long the signatures of a zone are valid.
const signedFor = 30 * 24 * time.Hour

// Key returns a zone's own key.
func (w *World) Key(zone string) *dns.DNSKEY {
	return w.zones[dns.CanonicalName(zone)].keys[0].DNSKEY
}

// Put adds records to a zone that the world has made. No query may have been asked yet.
func (w *World) Put(zone string, records ...dns.RR) {
	z := w.zones[dns.CanonicalName(zone)]
	for _, rr := range records {
		rr.Header().Ttl = z.TTL
		z.add(rr)
	}
}
