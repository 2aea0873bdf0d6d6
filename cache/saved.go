// The store's data as records, for whoever keeps them over a restart.

package cache

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"bailiwick/wire"
)

// Section is the kind of a saved record.
type Section uint8

// The sections of the store. Others may use higher numbers.
const (
	SectionRRsets Section = 1 + iota
	SectionNegatives
	SectionDelegations
	SectionDenials
	OtherSections
)

// Record is a saved record: a key and its value.
type Record struct {
	Section    Section
	Key, Value []byte
}

// errRecord is the error of a file that does not consist of records.
var errRecord = errors.New("malformed record")

// Write writes a record.
func (r Record) Write(w io.Writer) error {
	var room [24]byte
	head := appendInt(appendInt(append(room[:0], byte(r.Section)), int64(len(r.Key))),
		int64(len(r.Value)))
	for _, part := range [][]byte{head, r.Key, r.Value} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// Read reads the next record, into the memory of the one before. At the end it returns io.EOF.
func (r *Record) Read(from *bufio.Reader) error {
	s, err := from.ReadByte()
	if err != nil {
		return err
	}
	key, err := binary.ReadUvarint(from)
	if err != nil || key > maxSavedKey {
		return errRecord
	}
	value, err := binary.ReadUvarint(from)
	if err != nil || value > maxSavedValue {
		return errRecord
	}
	buf := r.Key[:0]
	if n := int(key + value); cap(buf) < n {
		buf = make([]byte, n)
	} else {
		buf = buf[:n]
	}
	if _, err := io.ReadFull(from, buf); err != nil {
		return errRecord
	}
	r.Section, r.Key, r.Value = Section(s), buf[:key], buf[key:]
	return nil
}

// Save passes all data to f as records, which it may not keep. Prepared answers are made again from
// them, and failures are left out: what has failed may work after a restart.
func (s *Store) Save(f func(Record) error) error {
	to := func(section Section) func(key, value []byte) error {
		return func(key, value []byte) error { return f(Record{section, key, value}) }
	}
	if err := s.RRsets.Each(to(SectionRRsets)); err != nil {
		return err
	}
	if err := s.Negatives.Each(to(SectionNegatives)); err != nil {
		return err
	}
	if err := s.Delegations.Each(to(SectionDelegations)); err != nil {
		return err
	}
	return s.Denials.save(to(SectionDenials))
}

// Restore stores what a record holds, unless something newer is there. Its times are moved by so
// many seconds. It returns false for what has ended long ago, or is malformed.
func (s *Store) Restore(r Record, by int64, now time.Time) bool {
	switch r.Section {
	case SectionRRsets:
		v, ok := s.MoveTimes(r.Value, 0, by, now)
		return ok && s.RRsets.Restore(r.Key, v)
	case SectionNegatives:
		v, ok := s.MoveTimes(r.Value, 1, by, now)
		return ok && s.Negatives.Restore(r.Key, v)
	case SectionDelegations:
		v, ok := s.MoveTimes(r.Value, 0, by, now)
		return ok && s.Delegations.Restore(r.Key, v)
	case SectionDenials:
		return s.Denials.restore(r, by, now)
	}
	return false
}

// MoveTimes moves the times of a serialised value, which stand after so many octets. It returns
// false for one that is not even stale any more.
func (s *Store) MoveTimes(value []byte, at int, by int64, now time.Time) ([]byte, bool) {
	if len(value) <= at {
		return nil, false
	}
	u := Unpacker{b: value[at:]}
	expires := u.Int() + by
	if u.Bad || expires <= 0 || expires+s.maxStale.Load() <= now.Unix() {
		return nil, false
	}
	if by == 0 {
		return value, true
	}
	rest := u.b
	return append(appendInt(append(make([]byte, 0, len(value)+binary.MaxVarintLen64),
		value[:at]...), expires), rest...), true
}

// save passes the records of each zone to f: the SOA, and pieces of the others. A set has the
// second at which it may not be used any more before it.
func (d *Denials) save(f func(key, value []byte) error) error {
	var value []byte
	for k, z := range d.zones.All() {
		for from, more := 0, true; more; from += denialsAtOnce {
			if value, more = z.appendSaved(value[:0], k.Name, from); len(value) == 0 {
				break
			}
			if err := f(AppendZone(nil, k), value); err != nil {
				return err
			}
		}
	}
	return nil
}

// denialsAtOnce is how many denial records of a zone are one saved record.
const denialsAtOnce = 64

// appendSaved appends the SOA and the records from an index on. more reports whether others follow.
func (z *zoneDenials) appendSaved(b []byte, zone wire.Name, from int) (_ []byte, more bool) {
	z.mu.RLock()
	defer z.mu.RUnlock()
	if z.soa == nil {
		return b, false
	}
	add := func(s *wire.RRset, expires int64) {
		b = AppendSet(appendName(appendInt(appendInt(b, expires), int64(s.Type)), s.Name, zone),
			s.Name, s)
	}
	add(z.soa, z.ends)
	list := z.nsec
	if len(list) == 0 {
		list = z.nsec3
	}
	for i := from; i < min(from+denialsAtOnce, len(list)); i++ {
		if s := list[i].set(zone); s != nil {
			add(s, list[i].expires)
		}
	}
	return b, from+denialsAtOnce < len(list)
}

// restore puts saved records back. Each ends no later than it did.
func (d *Denials) restore(r Record, by int64, now time.Time) bool {
	k, ok := ParseZone(r.Key)
	if !ok {
		return false
	}
	zone := k.Name
	var sets []*wire.RRset
	for u := (Unpacker{b: r.Value}); len(u.b) > 0; {
		expires := u.Int() + by
		t := wire.Type(u.Int())
		s := u.Set(u.name(zone), t)
		if u.Bad || s.Security != wire.Secure || len(sets) > denialsAtOnce ||
			!s.Name.Within(zone) {
			return false
		}
		left := expires - now.Unix()
		if left <= 0 {
			continue
		}
		s.TTL = uint32(min(left, int64(MaxTTL/time.Second)))
		sets = append(sets, s)
	}
	if len(sets) > 0 {
		d.Put(k, sets, now)
	}
	return len(sets) > 0
}
