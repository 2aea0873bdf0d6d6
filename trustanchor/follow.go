// Trust anchors that follow the keys of their zone (RFC 5011), as pure values: what is known of the
// keys, what was seen, and the time give what is known then.

package trustanchor

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"slices"
	"time"

	"bailiwick/internal/limit"
	"bailiwick/wire"
)

// KeyState is the state of a key (RFC 5011, section 4.2).
type KeyState uint8

// The states. A key in the state Start is not kept.
const (
	Start   KeyState = iota
	Pending          // AddPend: it is new, and not trusted before the hold-down time has passed
	Valid            // it is trusted
	Missing          // it is trusted, and was not in the last validated set
	Revoked          // its owner has revoked it: it is never trusted again
	Removed          // it was revoked long ago
	keyStates
)

// keyStateNames are the words of RFC 5011, as metrics and the state file have them.
var keyStateNames = [keyStates]string{"start", "pending", "valid", "missing", "revoked", "removed"}

// String returns the name of the state.
func (s KeyState) String() string { return keyStateNames[s] }

// KeyStates returns the states that a key that is kept can have.
func KeyStates() []KeyState { return []KeyState{Pending, Valid, Missing, Revoked, Removed} }

// Key is a key of a zone that is or was followed.
type Key struct {
	Data  []byte // RDATA, without the REVOKE bit: the key is the same with and without it
	State KeyState
	Since time.Time     // time of day at which it entered the state, for people
	Held  time.Duration // how long it has been in it, from one validated set to the next
	Wait  time.Duration // while it is pending: the hold-down time
	Seen  int           // while it is pending: the validated sets in a row that had it
}

// Tag returns the tag of the key.
func (k *Key) Tag() uint16 { return wire.KeyTag(k.Data) }

// Left returns how long a pending key has to wait at least, 0 for any other.
func (k *Key) Left() time.Duration {
	if k.State != Pending {
		return 0
	}
	return max(0, k.Wait-k.Held)
}

// trusted reports whether the key is trusted.
func (k *Key) trusted() bool { return k.State == Valid || k.State == Missing }

// Point is what is known of the keys of a zone with trust anchors. It is a value: its methods
// return others.
type Point struct {
	Zone wire.Name
	// From are the configured anchors. They are trusted as long as they are configured, unless
	// their key is seen revoked.
	From []wire.DS
	Keys []Key
	// Seen is the time of day of the last validated set; zero if there was none, or if the time of
	// day was wrong.
	Seen time.Time

	counted time.Time // age up to which times are counted; zero before this process saw a set
}

// Times are the two times of an observation.
type Times struct {
	Age time.Time // see clock.Clock
	Day time.Time // of day
}

// Sighting is a zone's DNSKEY set, as far as it matters for its anchors.
type Sighting struct {
	// Keys are those that may be anchors: zone keys with the SEP bit, of an algorithm in use,
	// without the REVOKE bit.
	Keys [][]byte
	// Revoked are those that are revoked: they have the bit, left out here, and have signed the
	// set.
	Revoked [][]byte
	// Validated reports whether a trust anchor has signed the set.
	Validated bool
	// Doubtful reports whether the time of day is known to be wrong, and signatures were judged at
	// another.
	Doubtful bool
	TTL      time.Duration // of the set
	Left     time.Duration // how long its signature is valid
}

// Change is a key's change from one state to another.
type Change struct {
	Tag      uint16
	From, To KeyState
	Why      string
}

// Timers of RFC 5011. They are not configurable: what they guard against does not depend on where
// the resolver stands.
const (
	addHoldDown    = 30 * 24 * time.Hour  // section 2.4.1
	removeHoldDown = 30 * 24 * time.Hour  // section 2.4.2
	keepMissing    = 366 * 24 * time.Hour // Unbound's: the key of an owner who forgot to revoke it
	leastSeen      = 2                    // section 2.4.1: two validated sets with the key
)

// matches reports whether a DS record is that of a key.
func matches(d wire.DS, zone wire.Name, key []byte) bool {
	if len(key) < 4 || d.Algorithm != key[3] || d.KeyTag != wire.KeyTag(key) {
		return false
	}
	data := append([]byte(zone.Wire()), key...)
	switch d.Digest {
	case 1:
		h := sha1.Sum(data)
		return bytes.Equal(d.Hash, h[:])
	case 2:
		h := sha256.Sum256(data)
		return bytes.Equal(d.Hash, h[:])
	case 4:
		h := sha512.Sum384(data)
		return bytes.Equal(d.Hash, h[:])
	}
	return false
}

// dsOf returns a key as its own DS.
func dsOf(zone wire.Name, key []byte) wire.DS {
	h := sha256.Sum256(append([]byte(zone.Wire()), key...))
	return wire.DS{KeyTag: wire.KeyTag(key), Algorithm: key[3], Digest: 2, Hash: h[:]}
}

// same reports whether two DS records are equal.
func same(a, b wire.DS) bool {
	return a.KeyTag == b.KeyTag && a.Algorithm == b.Algorithm && a.Digest == b.Digest &&
		bytes.Equal(a.Hash, b.Hash)
}

// contains reports whether a DS record is in a list.
func contains(list []wire.DS, d wire.DS) bool {
	return slices.ContainsFunc(list, func(o wire.DS) bool { return same(o, d) })
}

// configured reports whether a key is that of a configured anchor.
func (p *Point) configured(key []byte) bool {
	return slices.ContainsFunc(p.From,
		func(d wire.DS) bool { return matches(d, p.Zone, key) })
}

// find returns the index of a key, -1 if it is not kept.
func (p *Point) find(key []byte) int {
	return slices.IndexFunc(p.Keys, func(k Key) bool { return bytes.Equal(k.Data, key) })
}

// Trusted returns the anchors to trust: the configured ones and the keys that were accepted since,
// without those that are revoked. It is empty if all are: then the zone is as if it had none (RFC
// 5011, section 5).
func (p *Point) Trusted() (ds []wire.DS) {
	for _, d := range p.From {
		if !slices.ContainsFunc(p.Keys, func(k Key) bool {
			return (k.State == Revoked || k.State == Removed) && matches(d, p.Zone, k.Data)
		}) {
			ds = append(ds, d)
		}
	}
	for i := range p.Keys {
		if k := &p.Keys[i]; k.trusted() && !p.configured(k.Data) {
			ds = append(ds, dsOf(p.Zone, k.Data))
		}
	}
	return ds
}

// Unseen returns the configured anchors whose key has not been seen.
func (p *Point) Unseen() (ds []wire.DS) {
	for _, d := range p.From {
		if !slices.ContainsFunc(p.Keys,
			func(k Key) bool { return matches(d, p.Zone, k.Data) }) {
			ds = append(ds, d)
		}
	}
	return ds
}

// Configure returns the point under other configured anchors. If none of the earlier ones is among
// them, the operator begins anew: what was followed from these is forgotten. A key whose own anchor
// is not configured any more is not trusted any more; it may come back as any new key does.
func (p Point) Configure(from []wire.DS) Point {
	if len(p.From) > 0 && !slices.ContainsFunc(p.From,
		func(d wire.DS) bool { return contains(from, d) }) {
		return Point{Zone: p.Zone, From: from}
	}
	before := p
	p.From = from
	p.Keys = slices.DeleteFunc(slices.Clone(p.Keys), func(k Key) bool {
		return k.State <= Missing && before.configured(k.Data) && !p.configured(k.Data)
	})
	return p
}

// passed returns the time since the last validated set. It is counted in ages, so that a time of
// day that is set does not shorten a hold-down time; while no process ran only the time of day is
// known, and it has to be right for a set to be validated.
func (p *Point) passed(at Times) time.Duration {
	switch {
	case p.Seen.IsZero():
		return 0
	case p.counted.IsZero():
		return max(0, at.Day.Sub(p.Seen))
	}
	return max(0, at.Age.Sub(p.counted))
}

// Observe returns what is known after a DNSKEY set has been seen, and what has changed.
func (p Point) Observe(s Sighting, at Times) (Point, []Change) {
	o := observation{Point: p, Sighting: s, at: at}
	o.Point.Keys = nil
	passed := p.passed(at)
	for _, k := range p.Keys {
		if s.Validated {
			k.Held += passed
		}
		if next, why := o.next(&k); next != k.State {
			o.enter(&k, next, why)
		}
		if k.State != Start {
			o.Point.Keys = append(o.Point.Keys, k)
		}
	}
	for _, key := range s.Revoked {
		o.bury(key)
	}
	if s.Validated {
		for _, key := range s.Keys {
			o.meet(key)
		}
		if o.Seen, o.counted = at.Day, at.Age; s.Doubtful {
			o.Seen = time.Time{} // the next process would take the difference for time that passed
		}
	}
	o.forget()
	return o.Point, o.changes
}

// observation is what [Point.Observe] works on.
type observation struct {
	Point
	Sighting
	at      Times
	changes []Change
}

// enter changes the state of a key.
func (o *observation) enter(k *Key, to KeyState, why string) {
	o.changes = append(o.changes, Change{k.Tag(), k.State, to, why})
	*k = Key{Data: k.Data, State: to, Since: o.at.Day}
}

// among reports whether a key is in a list.
func among(list [][]byte, key []byte) bool {
	return slices.ContainsFunc(list, func(o []byte) bool { return bytes.Equal(o, key) })
}

// next returns the state that a known key goes to, and why (RFC 5011, section 4.1). Only a
// revocation needs no validated set: the key has signed it, which is all that the RFC demands
// (section 2.1).
func (o *observation) next(k *Key) (to KeyState, why string) {
	present, revoked := among(o.Sighting.Keys, k.Data), among(o.Sighting.Revoked, k.Data)
	switch {
	case k.trusted() && revoked:
		return Revoked, "its owner has revoked it"
	case !o.Validated:
		return k.State, ""
	}
	switch k.State {
	case Pending:
		k.Seen++
		switch {
		case !present:
			return Start, "it was withdrawn before its time"
		case o.Point.configured(k.Data):
			return Valid, "it is configured"
		case k.Held >= k.Wait && k.Seen >= leastSeen:
			return Valid, "the hold-down time has passed"
		}
	case Valid:
		if !present {
			return Missing, "the zone does not have it any more, and has not revoked it"
		}
	case Missing:
		switch {
		case present:
			return Valid, "the zone has it again"
		case k.Held >= keepMissing: // another one has signed the set
			return Start, "it has been missing for a year"
		}
	case Revoked:
		if k.Held >= removeHoldDown {
			return Removed, "it was revoked long ago"
		}
	}
	return k.State, ""
}

// meet adds a key that is not known: one that is configured at once, any other after the hold-down
// time. That it may be an anchor has been found out by whoever has seen it.
func (o *observation) meet(key []byte) {
	if o.find(key) >= 0 {
		return
	}
	k := Key{Data: bytes.Clone(key)}
	if o.Point.configured(key) {
		o.enter(&k, Valid, "it is configured")
	} else {
		if o.count(Pending) >= maxPending {
			limit.PendingAnchors.Met()
			return
		}
		o.enter(&k, Pending, "it is new")
		k.Wait, k.Seen = max(addHoldDown, o.TTL), 1
	}
	o.Point.Keys = append(o.Point.Keys, k)
}

// bury adds a key that is revoked when it is seen for the first time, if it is configured: a server
// that is new, or has lost what it knew, must not trust it either.
func (o *observation) bury(key []byte) {
	if o.find(key) < 0 && o.Point.configured(key) {
		k := Key{Data: bytes.Clone(key)}
		o.enter(&k, Revoked, "its owner has revoked it")
		o.Point.Keys = append(o.Point.Keys, k)
	}
}

// count returns how many keys are in a state.
func (p *Point) count(s KeyState) (n int) {
	for i := range p.Keys {
		if p.Keys[i].State == s {
			n++
		}
	}
	return n
}

// forget drops the keys that were removed first, where there are too many. One that is configured
// stays, for it would be trusted again.
func (o *observation) forget() {
	for n := o.count(Removed); n > maxRemoved; n-- {
		i := slices.IndexFunc(o.Point.Keys, func(k Key) bool {
			return k.State == Removed && !o.Point.configured(k.Data)
		})
		if i < 0 {
			return
		}
		o.Point.Keys = slices.Delete(o.Point.Keys, i, i+1)
	}
}

// QueryInterval returns when a set is asked for again after it was validated (RFC 5011, section
// 2.3).
func (s *Sighting) QueryInterval() time.Duration {
	return max(leastInterval, min(mostInterval, s.TTL/2, s.Left/2))
}

// RetryInterval returns when a set is asked for again after that has failed, by the last one that
// was validated (RFC 5011, section 2.3).
func (s *Sighting) RetryInterval() time.Duration {
	return max(leastInterval, min(mostRetry, s.TTL/10, s.Left/10))
}

// Intervals of RFC 5011, section 2.3.
const (
	leastInterval = time.Hour
	mostInterval  = 15 * 24 * time.Hour
	mostRetry     = 24 * time.Hour
)
