// Entries for other processes, in the encoding of saved ones.

package cache

import "bailiwick/wire"

// Shared is the entry of a key as other processes get it: the data, or the denial. Its times are
// seconds of the time of day, as the ages of another process begin elsewhere. The key is of no
// realm.
type Shared struct {
	Key      Key
	Zone     wire.Name // whose servers gave it
	Set      RRset     // unless it is a denial
	Negative *Negative // nil if it is none
	// Left is how many seconds it has to live for who has read it; it is not part of the record.
	Left uint32
}

// Times returns when the entry was stored and when it ends.
func (s *Shared) Times() (stored, expires int64) {
	if s.Negative != nil {
		return s.Negative.Stored, s.Negative.Expires
	}
	return s.Set.Stored, s.Set.Expires
}

// Record returns the entry as a record, which lacks the zone.
func (s *Shared) Record() Record {
	if s.Negative != nil {
		return Record{SectionNegatives, appendKey(nil, s.Key),
			negativeCodec.Append(nil, s.Key, s.Negative)}
	}
	return Record{SectionRRsets, appendKey(nil, s.Key), rrsetCodec.Append(nil, s.Key, s.Set)}
}

// ParseShared reads a record that [Shared.Record] returned; false for any other.
func ParseShared(r Record, zone wire.Name) (*Shared, bool) {
	k, ok := parseKey(r.Key)
	if !ok || k.Realm != 0 || k.Unchecked {
		return nil, false
	}
	s := &Shared{Key: k, Zone: zone}
	switch r.Section {
	case SectionRRsets:
		s.Set, ok = rrsetCodec.Parse(k, r.Value)
	case SectionNegatives:
		s.Negative, ok = negativeCodec.Parse(k, r.Value)
	default:
		ok = false
	}
	return s, ok
}
