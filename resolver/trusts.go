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
	cache *memcache.Packed[wire.Name, validator.Trust]
}

// Where a packed trust has its keys.
const (
	keysNone   = iota
	keysCached // the zone's DNSKEY set in the cache
	keysHere
)

func newTrusts(octets int, sets *memcache.Packed[cache.Key, cache.RRset]) trusts {
	return trusts{memcache.NewPacked(octets, cache.HashName, trustSize, trustCodec(sets))}
}

func trustSize(_ wire.Name, t validator.Trust) int {
	size := 200 + t.Zone.Len() + t.Failure.Size()
	if t.Keys != nil {
		size += t.Keys.Size()
	}
	return size
}

func trustCodec(sets *memcache.Packed[cache.Key, cache.RRset]) memcache.Codec[wire.Name,
	validator.Trust] {
	cached := func(zone wire.Name) *wire.RRset {
		r, _ := sets.Get(cache.Key{Name: zone, Type: wire.TypeDNSKEY})
		return r.Set
	}
	return memcache.Codec[wire.Name, validator.Trust]{AppendKey: cache.AppendName,
		HashKey: cache.HashPacked, ParseKey: cache.ParseName,
		Append: func(b []byte, zone wire.Name, t validator.Trust) []byte {
			b = binary.AppendUvarint(append(b, byte(t.Status)), uint64(t.Expires.Unix()))
			b = binary.AppendUvarint(b, uint64(t.Until))
			b = cache.AppendFailure(b, t.Failure)
			if t.Keys == nil {
				return append(b, keysNone)
			}
			if s := cached(zone); s != nil && s.Security == wire.Secure &&
				s.Data.Equal(t.Keys.Set().Data) {
				return append(b, keysCached)
			}
			return cache.AppendSet(append(b, keysHere), zone, t.Keys.Set())
		},
		Parse: func(zone wire.Name, b []byte) (validator.Trust, bool) {
			u := cache.NewUnpacker(b)
			t := validator.Trust{Zone: zone, Status: wire.Security(u.Octet()),
				Expires: time.Unix(u.Int(), 0), Until: uint32(u.Int()), Failure: u.Failure()}
			var keys *wire.RRset
			switch u.Octet() {
			case keysNone:
				return t, !u.Bad
			case keysCached:
				if keys = cached(zone); keys == nil || keys.Security != wire.Secure {
					return t, false // the key set was evicted
				}
			case keysHere:
				keys = u.Set(zone, wire.TypeDNSKEY)
			}
			if u.Bad {
				return t, false
			}
			t.Keys = validator.NewKeySet(keys)
			return t, true
		}}
}
