// What is looked at again and again of a zone that is watched, and what of it trust depends on.

package check

import (
	"slices"
	"time"

	"bailiwick/validator"
	"bailiwick/wire"
)

// Watching returns what each server of a watched zone is asked: first what shows whether it can be
// reached, and then the rest. It is little, as it is asked every few minutes: keys, what is wanted
// of the parent, and a denial, which has the parameters of NSEC3.
func Watching(o *Observations) (first, rest []Query) {
	for _, t := range []wire.Type{wire.TypeDNSKEY, wire.TypeNS, wire.TypeCDS, wire.TypeCDNSKEY} {
		rest = append(rest, Query{ask(o.Zone, t), Usual})
	}
	return []Query{{ask(o.Zone, wire.TypeSOA), Usual}},
		append(rest, Query{ask(o.Random, wire.TypeA), Usual})
}

// watched are the findings of other areas than those of DNSSEC that a watched zone can have.
var watched = []string{"server-silent", "server-lame", "not-delegated", "parent-bogus",
	"serial-differs", "data-differs", "data-stale", "keys-differ"}

// Watched reports whether a finding can be made by what [Watching] asks for. All others need more
// questions.
func (r Rule) Watched() bool {
	switch r.Area {
	case "keys", "signatures", "denial", "cds":
		return true
	}
	return slices.Contains(watched, r.ID)
}

// Served is a set as a server has it, and who signs it.
type Served struct {
	Server  *Server
	Set     *wire.RRset
	Signers []Signer
}

// Delegated is what a server of the parent says of trust in the zone.
type Delegated struct {
	Usable []wire.DS // none: the zone is insecure (RFC 4035, section 5.2)
	TTL    time.Duration
}

// Signer is a key by whose signature a set is valid now, or would be: a signature by a key that the
// server does not have cannot be verified, and counts.
type Signer struct {
	Tag       uint16
	Algorithm uint8
	Expires   time.Time
}

// Chain is what trust in a zone depends on, as each server has it.
type Chain struct {
	DS   []Delegated // at the servers of the parent
	Keys []Served    // DNSKEY
	Data []Served    // all other sets of the zone that were seen
	// Partial reports whether servers of the zone or of its parent have not answered.
	Partial bool
}

// ChainOf returns what trust in a zone depends on. Servers that do not answer are left out.
func ChainOf(o *Observations) (c Chain) {
	j := &judge{o: o, v: validator.New(lenient()), at: validator.InstantOf(o.Now)}
	if o.Parent != nil {
		q := ask(o.Zone, wire.TypeDS)
		for _, s := range o.Parent.Servers {
			d := Delegated{}
			switch set := answerOf(s, q); {
			case set != nil:
				d.Usable, _ = j.v.UsableDS(set)
				d.TTL = time.Duration(set.TTL) * time.Second
			case j.deniesDSAt(s):
				if soa := wire.FindType(s.reply(q, Usual).Msg.Authority, wire.TypeSOA); soa != nil {
					d.TTL = time.Duration(soa.TTL) * time.Second
				}
			default:
				c.Partial = true
				continue
			}
			c.DS = append(c.DS, d)
		}
	}
	for _, s := range o.Servers {
		q := ask(o.Zone, wire.TypeDNSKEY)
		keys := answerOf(s, q)
		if keys == nil {
			c.Partial = c.Partial || !classify(q, s.reply(q, Usual).Msg).kind.IsDenial()
			continue
		}
		c.Keys = append(c.Keys, Served{s, keys, j.signers(keys, keys)})
		for _, q := range asked(s) {
			m := s.Replies[q].Msg
			if m == nil || q.Form != Usual || q.Type == wire.TypeDNSKEY {
				continue
			}
			for _, set := range slices.Concat(m.Answer, m.Authority) {
				if of := j.signers(set, keys); len(of) > 0 && !c.has(s, set) {
					c.Data = append(c.Data, Served{s, set, of})
				}
			}
		}
	}
	return c
}

// has reports whether the chain has a server's set already, from another reply. Denials are those
// of random names: one of them stands for all.
func (c *Chain) has(s *Server, set *wire.RRset) bool {
	return slices.ContainsFunc(c.Data, func(o Served) bool {
		return o.Server == s && o.Set.Type == set.Type
	})
}

// signers returns those of a set, by signatures that verify with a server's keys.
func (j *judge) signers(set, keys *wire.RRset) (all []Signer) {
	ks := validator.NewKeySet(keys)
	for d := range set.Sigs.All() {
		sig, err := wire.ParseRRSIG(d)
		if err != nil || sig.Signer != j.o.Zone {
			continue
		}
		alone := *set
		alone.Sigs = (wire.RDataList{}).Append(d)
		left := time.Duration(int32(sig.Expiration-uint32(j.at))) * time.Second
		if left <= 0 || hasKey(keys, sig.KeyTag, sig.Algorithm) &&
			j.v.VerifySet(&alone, ks, j.at, validator.NewBudget()).Status != wire.Secure {
			continue
		}
		all = append(all, Signer{sig.KeyTag, sig.Algorithm, j.o.Now.Add(left)})
	}
	return all
}

// hasKey reports whether a DNSKEY set has a key of a tag and an algorithm.
func hasKey(keys *wire.RRset, tag uint16, algorithm uint8) bool {
	for d := range keys.Data.All() {
		if len(d) > 3 && d[3] == algorithm && wire.KeyTag(d) == tag {
			return true
		}
	}
	return false
}
