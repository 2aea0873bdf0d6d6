// The cache of trust in zones. Its entries are serialized; keys that are in the cache of RRsets are
// not stored twice.

package resolver

import (
	"encoding/binary"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/memcache"
	"bailiwick/validator"
	"bailiwick/wire"
)

// trusts is the cache of trust in zones.
type trusts struct {
	cache *memcache.Packed[cache.ZoneKey, validator.Trust]
}

// Where a packed trust has its keys.
const (
	keysNone   = iota
	keysCached // the zone's DNSKEY set in the cache
	keysHere
)

func newTrusts(octets int, sets *memcache.Packed[cache.Key, cache.RRset]) trusts {
	return trusts{memcache.NewPacked(octets, cache.ZoneKey.Hash, trustSize, trustCodec(sets))}
}

func trustSize(_ cache.ZoneKey, t validator.Trust) int {
	size := 200 + t.Zone.Len() + t.Failure.Size()
	if t.Keys != nil {
		size += t.Keys.Size()
	}
	return size
}

func trustCodec(sets *memcache.Packed[cache.Key, cache.RRset]) memcache.Codec[cache.ZoneKey,
	validator.Trust] {
	cached := func(k cache.ZoneKey) *wire.RRset {
		r, _ := sets.Get(cache.Key{Name: k.Name, Type: wire.TypeDNSKEY, Realm: k.Realm})
		return r.Set
	}
	return memcache.Codec[cache.ZoneKey, validator.Trust]{AppendKey: cache.AppendZone,
		HashKey: cache.HashPackedZone, ParseKey: cache.ParseZone,
		Append: func(b []byte, k cache.ZoneKey, t validator.Trust) []byte {
			b = binary.AppendUvarint(append(b, byte(t.Status)), uint64(t.Expires.Unix()))
			b = binary.AppendUvarint(b, uint64(t.Until))
			b = cache.AppendFailure(b, t.Failure)
			if t.Keys == nil {
				return append(b, keysNone)
			}
			where, s := byte(keysHere), cached(k)
			if s != nil && s.Security == wire.Secure && s.Data.Equal(t.Keys.Set().Data) {
				where = keysCached
			}
			b = append(append(b, where, byte(len(t.Keys.Demanded()))), t.Keys.Demanded()...)
			if where == keysCached {
				return b
			}
			return cache.AppendSet(b, k.Name, t.Keys.Set())
		},
		Parse: func(k cache.ZoneKey, b []byte) (validator.Trust, bool) {
			u := cache.NewUnpacker(b)
			t := validator.Trust{Zone: k.Name, Status: wire.Security(u.Octet()),
				Expires: time.Unix(u.Int(), 0), Until: uint32(u.Int()), Failure: u.Failure()}
			where := u.Octet()
			if where == keysNone {
				return t, !u.Bad && t.Status < wire.Secure
			}
			demanded := make([]uint8, u.Octet())
			for i := range demanded {
				demanded[i] = u.Octet()
			}
			var keys *wire.RRset
			switch where {
			case keysCached:
				keys = cached(k) // nil if the key set was evicted
			case keysHere:
				keys = u.Set(k.Name, wire.TypeDNSKEY)
			}
			if u.Bad || t.Status > wire.Secure || keys == nil || keys.Security != wire.Secure {
				return t, false
			}
			t.Keys = validator.NewKeySet(keys, demanded...)
			return t, true
		}}
}
