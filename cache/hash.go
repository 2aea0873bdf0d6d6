// Hashes of names: how keys are spread.

package cache

import (
	"hash/maphash"

	"bailiwick/wire"
)

// seed makes the shard and the bucket of a key unpredictable from outside.
var seed = maphash.MakeSeed()

// hashName is the seeded hash that spreads names, with a type, over shards and buckets.
func hashName(n wire.Name, t wire.Type) uint64 {
	return maphash.String(seed, n.Wire()) ^ typeHash(t)
}

func typeHash(t wire.Type) uint64 { return uint64(t) * 0x9E3779B97F4A7C15 }
