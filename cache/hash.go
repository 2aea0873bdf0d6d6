// Hashes of names for shards and buckets.

package cache

import (
	"hash/maphash"

	"bailiwick/wire"
)

// seed makes the shard and the bucket of a key unpredictable from outside.
var seed = maphash.MakeSeed()

// hashName returns the seeded hash that distributes names, with a type, over shards and buckets.
func hashName(n wire.Name, t wire.Type) uint64 {
	return maphash.String(seed, n.Wire()) ^ typeHash(t)
}

func typeHash(t wire.Type) uint64 { return uint64(t) * 0x9E3779B97F4A7C15 }
