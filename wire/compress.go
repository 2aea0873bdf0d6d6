// Name compression (RFC 1035, section 4.1.4).

package wire

import "bailiwick/internal/limit"

// suffixes holds the offsets of names and of their suffixes in a message, as far as a pointer can
// reach. It holds the first maxSuffixes; later ones are written out, which costs octets only. A
// hash table finds them, so that the cost of a name depends on its labels and not on the number of
// names before it (CVE-2024-8508).
type suffixes struct {
	hashes [maxSuffixes]uint32 // of the suffixes' labels in lower case
	at     [maxSuffixes]uint16 // offsets, ascending
	slots  [suffixSlots]uint8  // by hash: number of the suffix, from 1; 0 is a free slot
	n      int
	vain   int // octets compared with names of equal hash that differed
}

const (
	// a power of two, well above maxSuffixes: most are in the first slot of their hash
	suffixSlots = 256
	maxPointer  = 0x4000
	// FNV-1a's offset basis and prime: a cheap hash, for its hits are compared with the message
	hashBasis = 2166136261
	hashPrime = 16777619
)

// labels are the offsets of a name's labels, and for each the hash of the suffix that begins there.
type labels struct {
	starts [MaxLabels]uint8
	hashes [MaxLabels]uint32
	n      int // without the root
}

// of splits a name in wire form.
func (l *labels) of(name []byte) {
	l.n = 0
	for at := 0; name[at] != 0; at += int(name[at]) + 1 {
		l.starts[l.n] = uint8(at)
		l.n++
	}
	h := uint32(hashBasis)
	for i := l.n - 1; i >= 0; i-- {
		at := int(l.starts[i])
		for _, c := range name[at : at+1+int(name[at])] {
			h = (h ^ uint32(lower[c])) * hashPrime
		}
		l.hashes[i] = h
	}
}

// reset empties the table.
func (t *suffixes) reset() {
	clear(t.slots[:])
	t.n, t.vain = 0, 0
}

// find returns the offset of a suffix in a message.
func (t *suffixes) find(msg []byte, hash uint32, suffix []byte) (at int, ok bool) {
	if t.vain > maxVainCompares {
		return 0, false
	}
	for i := range uint32(maxProbes) {
		s := t.slots[(hash+i)%suffixSlots]
		if s == 0 {
			return 0, false
		}
		if t.hashes[s-1] != hash {
			continue
		}
		if sameName(msg, int(t.at[s-1]), suffix) {
			return int(t.at[s-1]), true
		}
		if t.vain += len(suffix); t.vain > maxVainCompares {
			limit.NameCompares.Met()
			break
		}
	}
	return 0, false
}

// add stores the first k suffixes of a name that begins at an offset.
func (t *suffixes) add(l *labels, k, at int) {
	for i := 0; i < k && t.n < maxSuffixes; i++ {
		to := at + int(l.starts[i])
		if to >= maxPointer {
			return
		}
		if s := t.slot(l.hashes[i], 0); s != nil {
			t.hashes[t.n], t.at[t.n] = l.hashes[i], uint16(to)
			t.n++
			*s = uint8(t.n)
		}
	}
}

// slot returns the slot of a hash that holds a suffix, 0 for a free one; nil if there is none.
func (t *suffixes) slot(hash uint32, suffix uint8) *uint8 {
	for i := range uint32(maxProbes) {
		if s := &t.slots[(hash+i)%suffixSlots]; *s == suffix {
			return s
		}
	}
	return nil
}

// forget drops the suffixes at an offset or after it. They are the last that were added, so no
// other suffix was placed further on because of them.
func (t *suffixes) forget(from int) {
	for t.n > 0 && int(t.at[t.n-1]) >= from {
		if s := t.slot(t.hashes[t.n-1], uint8(t.n)); s != nil {
			*s = 0
		}
		t.n--
	}
}

// sameName compares a name in a message, which we wrote, with one in wire form, in any letter case.
func sameName(msg []byte, at int, name []byte) bool {
	for i := 0; ; {
		for msg[at]&0xC0 == 0xC0 {
			at = int(msg[at]&0x3F)<<8 | int(msg[at+1])
		}
		n := int(msg[at])
		if n != int(name[i]) {
			return false
		}
		if n == 0 {
			return true
		}
		for j := 1; j <= n; j++ {
			if lower[msg[at+j]] != lower[name[i+j]] {
				return false
			}
		}
		at, i = at+n+1, i+n+1
	}
}
