// Name compression (RFC 1035, section 4.1.4).

package wire

// tails remembers where names, and the tails of names, stand in a message, as far as a pointer can reach. It holds the first maxTails; later ones
// are written out, which costs octets only. They are found by a table of their hashes, so that a
// name costs what it has labels, however many there are (CVE-2024-8508).
type tails struct {
	hashes [maxTails]uint32 // of the tails' labels in lower case
	at     [maxTails]uint16 // offsets, ascending
	slots  [tailSlots]uint8 // by hash: which tail, counted from 1; 0 is none
	n      int
	vain   int // octets compared with other names than the one looked for
}

const (
	maxTails    = 96
	tailSlots   = 256 // a power of two, well above maxTails: most tails are where their hash says
	maxProbes   = 8   // slots looked at for a tail
	maxPointer  = 0x4000
	tailHashOf0 = 2166136261 // FNV's start and prime: a cheap hash, whose hits are compared with the message
	tailHashBy  = 16777619
)

// labels are the offsets of a name's labels, and for each the hash of the tail that begins there.
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
	h := uint32(tailHashOf0)
	for i := l.n - 1; i >= 0; i-- {
		at := int(l.starts[i])
		for _, c := range name[at : at+1+int(name[at])] {
			h = (h ^ uint32(lower[c])) * tailHashBy
		}
		l.hashes[i] = h
	}
}

// reset forgets everything.
func (t *tails) reset() {
	clear(t.slots[:])
	t.n, t.vain = 0, 0
}

// find returns where a tail stands in a message.
func (t *tails) find(msg []byte, hash uint32, tail []byte) (at int, ok bool) {
	if t.vain > maxVainCompares {
		return 0, false
	}
	for i := range uint32(maxProbes) {
		s := t.slots[(hash+i)%tailSlots]
		if s == 0 {
			return 0, false
		}
		if t.hashes[s-1] != hash {
			continue
		}
		if sameName(msg, int(t.at[s-1]), tail) {
			return int(t.at[s-1]), true
		}
		t.vain += len(tail)
	}
	return 0, false
}

// add remembers the first k tails of a name that begins at an offset.
func (t *tails) add(l *labels, k, at int) {
	for i := 0; i < k && t.n < maxTails; i++ {
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

// slot is the one of a hash that holds a tail, 0 for a free one; nil if there is none.
func (t *tails) slot(hash uint32, tail uint8) *uint8 {
	for i := range uint32(maxProbes) {
		if s := &t.slots[(hash+i)%tailSlots]; *s == tail {
			return s
		}
	}
	return nil
}

// forget drops what stands at an offset or behind it: the last that came, so that no other is
// looked for beyond its slot.
func (t *tails) forget(from int) {
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
