// A cache of hashed owner names. A denial needs the hashes of the name, of its closest encloser and
// of the wildcard there. All but the first are the same as in earlier denials.

package validator

import (
	"crypto/sha1"

	lru "github.com/hashicorp/golang-lru/v2"

	"bailiwick/wire"
)

// hashes keeps NSEC3 hashes from one response to the next, by name and parameters. It is safe for
// concurrent use.
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

// worthwhile reports whether computing a hash costs more than looking it up: without iterations, as
// RFC 9276 recommends, it does not.
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
