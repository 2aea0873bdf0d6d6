// The memory of hashed owner names. A denial takes the hashes of the name, of its closest encloser
// and of the wildcard there, and all but the first are those of the denials before.

package validator

import (
	"crypto/sha1"

	lru "github.com/hashicorp/golang-lru/v2"

	"bailiwick/wire"
)

// hashes remembers NSEC3 hashes from one response to the next, by name and by how the zone wants
// them. It is safe for concurrent use.
type hashes struct {
	known *lru.Cache[hashKey, [sha1.Size]byte]
}

type hashKey struct {
	name wire.Name
	params
}

func newHashes() *hashes {
	c, err := lru.New[hashKey, [sha1.Size]byte](maxKnownHashes)
	if err != nil {
		panic("validator: " + err.Error())
	}
	return &hashes{c}
}

// worthwhile reports whether computing costs more than remembering: a single round of SHA-1, as RFC
// 9276 wants it, does not.
func (p params) worthwhile() bool { return p.iterations > 0 }

func (h *hashes) get(k hashKey) (hash [sha1.Size]byte, ok bool) {
	if !k.worthwhile() {
		return hash, false
	}
	return h.known.Get(k)
}

func (h *hashes) add(k hashKey, hash [sha1.Size]byte) {
	if k.worthwhile() {
		h.known.Add(k, hash)
	}
}
