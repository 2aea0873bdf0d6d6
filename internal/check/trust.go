// Trust in the zone's keys: by the DS that is proposed or published, or else by the keys
// themselves.

package check

import (
	"crypto/sha256"

	"bailiwick/validator"
	"bailiwick/wire"
)

// chain is the chain of trust as far as the check knows it: the zone, and everything below other
// cuts as insecure. It implements validator.Chain.
type chain struct {
	zone  wire.Name
	trust validator.Trust
	// below reports whether a name is in another zone, below the one that is checked.
	below func(wire.Name) bool
}

func (c *chain) Zone(apex wire.Name) (validator.Trust, bool) {
	if apex == c.zone {
		return c.trust, true
	}
	return validator.Trust{Zone: apex, Status: wire.Insecure}, true
}

func (c *chain) Enclosing(name wire.Name) (validator.Trust, bool) {
	if c.below(name) {
		return validator.Trust{Zone: name, Status: wire.Insecure}, true
	}
	return c.trust, true
}

func (*chain) Excepted(wire.Name) (validator.Trust, bool) { return validator.Trust{}, false }

// published returns the parent's DS set for the zone, nil if there is none or it is not known.
func (j *judge) published() *wire.RRset {
	if j.o.Parent == nil {
		return nil
	}
	for _, s := range j.o.Parent.Servers {
		if set := answerOf(s, ask(j.o.Zone, wire.TypeDS)); set != nil {
			return set
		}
	}
	return nil
}

// anchor returns the DS set by which the zone is judged: the proposed one before the parent's.
func (j *judge) anchor() *wire.RRset {
	if j.o.Proposed != nil {
		return j.o.Proposed
	}
	return j.published()
}

// trustOf returns the trust in the zone's keys as a server has them. What is wrong with them is a
// finding; the rest of the zone is then judged as if the keys were trusted, so that one fault does
// not hide others.
func (j *judge) trustOf(s *Server) validator.Trust {
	zone, q := j.o.Zone, ask(j.o.Zone, wire.TypeDNSKEY)
	insecure := validator.Trust{Zone: zone, Status: wire.Insecure}
	set := answerOf(s, q)
	ds := j.anchor()
	if set == nil {
		if ds != nil && classify(q, s.reply(q, Usual).Msg).kind.IsDenial() {
			j.add("keys-missing", where{s, text(q)}, "%s", setText(ds))
		}
		return insecure
	}
	usable := []wire.DS(nil)
	if ds != nil {
		usable, _ = j.v.UsableDS(ds)
		if len(usable) == 0 {
			return insecure
		}
		if keys, r := j.v.MatchDS(usable, set, j.at, validator.NewBudget()); keys != nil {
			return validator.Trust{Zone: zone, Status: wire.Secure, Keys: keys}
		} else if r.Status == wire.Bogus {
			j.broken(s, q, set, r.Failure)
		}
	}
	own, _ := j.v.UsableDS(digests(set))
	if len(own) == 0 {
		return insecure
	}
	keys, r := j.v.MatchDS(own, set, j.at, validator.NewBudget())
	if keys == nil {
		if ds == nil && r.Status == wire.Bogus {
			j.broken(s, q, set, r.Failure)
		}
		keys = j.v.KeysFor(own, set)
	}
	return validator.Trust{Zone: zone, Status: wire.Secure, Keys: keys}
}

// digests returns the DS set that a zone could have by its keys: of those with the SEP bit, or of
// all zone keys if none has it.
func digests(keys *wire.RRset) *wire.RRset {
	entry, zone := &wire.RRset{Name: keys.Name, Type: wire.TypeDS}, &wire.RRset{Name: keys.Name,
		Type: wire.TypeDS}
	for d := range keys.Data.All() {
		k, err := wire.ParseDNSKEY(d)
		if err != nil || k.Flags&wire.KeyFlagZone == 0 || k.Flags&wire.KeyFlagRevoke != 0 {
			continue
		}
		ds := DS(keys.Name, d)
		zone.Data = zone.Data.Append(ds)
		if k.Flags&wire.KeyFlagSEP != 0 {
			entry.Data = entry.Data.Append(ds)
		}
	}
	if entry.Len() > 0 {
		return entry
	}
	return zone
}

// DS returns the RDATA of a key's DS with SHA-256 (RFC 4034, section 5.1; RFC 4509).
func DS(zone wire.Name, key []byte) []byte {
	tag := wire.KeyTag(key)
	sum := sha256.Sum256(append([]byte(zone.Wire()), key...))
	return append([]byte{byte(tag >> 8), byte(tag), key[3], 2}, sum[:]...)
}
