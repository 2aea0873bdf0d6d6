// How many client networks an incident has hit, in a fixed number of bytes.

package incident

import (
	"hash/maphash"
	"math"
	"math/bits"
	"net/netip"
	"sync/atomic"
)

// sketchBits is the size of a sketch. Up to some 10,000 networks the number is off by a few
// percent; above about 30,000 it stays there.
const sketchBits = 4096

// sketch counts different networks: each sets one bit, chosen by its hash, and the share of bits
// that are not set tells how many there were (linear counting).
type sketch [sketchBits / 64]atomic.Uint64

var seed = maphash.MakeSeed()

// add counts a network.
func (s *sketch) add(p netip.Prefix) {
	h := maphash.Comparable(seed, p) % sketchBits
	word, bit := &s[h/64], uint64(1)<<(h%64)
	if word.Load()&bit == 0 {
		word.Or(bit)
	}
}

// count returns about how many networks there were.
func (s *sketch) count() int {
	set := 0
	for i := range s {
		set += bits.OnesCount64(s[i].Load())
	}
	empty := max(sketchBits-set, 1)
	return int(math.Round(sketchBits * math.Log(sketchBits/float64(empty))))
}
