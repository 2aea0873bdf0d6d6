// Numbers modulo the order of the curve.

package p256

import (
	"encoding/binary"
	"math/bits"
)

// scalar is a number below 2^256, least significant limb first.
type scalar [4]uint64

// order is n, the number of points.
var order = scalar{n0, n1, n2, n3}

// The limbs of n, and -1/n modulo 2^64, which finds the quotient of Montgomery's reduction.
const (
	n0 = 0xF3B9CAC2FC632551
	n1 = 0xBCE6FAADA7179E84
	n2 = 0xFFFFFFFFFFFFFFFF
	n3 = 0xFFFFFFFF00000000

	orderInverse = 0xCCD1C8AAEE00BC4F
)

// beyond is 2^256 modulo n.
var beyond = scalar{0x0C46353D039CDAAF, 0x4319055258E8617B, 0, 0xFFFFFFFF}

func (k *scalar) setBytes(b []byte) {
	for i := range k {
		k[i] = binary.BigEndian.Uint64(b[24-8*i:])
	}
}

// bit is bit i.
func (k *scalar) bit(i int) uint64 { return k[i>>6] >> (i & 63) & 1 }

func (k *scalar) isZero() bool { return k[0]|k[1]|k[2]|k[3] == 0 }

// minus sets k to x - y, and reports whether x is smaller.
func (k *scalar) minus(x, y *scalar) (smaller bool) {
	var b uint64
	k[0], b = bits.Sub64(x[0], y[0], 0)
	k[1], b = bits.Sub64(x[1], y[1], b)
	k[2], b = bits.Sub64(x[2], y[2], b)
	k[3], b = bits.Sub64(x[3], y[3], b)
	return b != 0
}

// add sets k to x + y, which has to be below 2^256.
func (k *scalar) add(x, y *scalar) {
	var c uint64
	k[0], c = bits.Add64(x[0], y[0], 0)
	k[1], c = bits.Add64(x[1], y[1], c)
	k[2], c = bits.Add64(x[2], y[2], c)
	k[3], _ = bits.Add64(x[3], y[3], c)
}

// below reports whether k is smaller than x.
func (k *scalar) below(x *scalar) bool { return new(scalar).minus(k, x) }

// times sets k to xy / 2^256 modulo n, by Montgomery's reduction. One of x and y has to be below n.
func (k *scalar) times(x, y *scalar) {
	var t [6]uint64
	for _, d := range y {
		var carry, c uint64
		for i := range 4 {
			carry, t[i] = step(x[i], d, t[i], carry)
		}
		t[4], t[5] = bits.Add64(t[4], carry, 0)
		// t = (t + q n) / 2^64, with q so that the lowest limb vanishes
		q := t[0] * orderInverse
		carry, _ = step(q, n0, t[0], 0)
		carry, t[0] = step(q, n1, t[1], carry)
		carry, t[1] = step(q, n2, t[2], carry)
		carry, t[2] = step(q, n3, t[3], carry)
		t[3], c = bits.Add64(t[4], carry, 0)
		t[4] = t[5] + c
	}
	low := scalar(t[:4])
	if less := k.minus(&low, &order); less && t[4] == 0 {
		*k = low
	}
}

// step returns xd + t + carry.
func step(x, d, t, carry uint64) (hi, lo uint64) {
	hi, lo = bits.Mul64(x, d)
	var c uint64
	lo, c = bits.Add64(lo, t, 0)
	hi += c
	lo, c = bits.Add64(lo, carry, 0)
	return hi + c, lo
}

// inverse sets k to 2^256 / s modulo n, for an s above 0 and below n.
func (k *scalar) inverse(s *scalar) {
	a, shifts := almostInverse(s)
	k.minus(&order, &a)
	e := power(512 - shifts)
	k.times(k, &e)
}

// power returns 2^e modulo n, for an e of at most 257.
func power(e int) (k scalar) {
	switch {
	case e < 256:
		k[e>>6] = 1 << (e & 63)
	case e == 256:
		k = beyond
	default:
		k = scalar{beyond[0] << 1, beyond[1]<<1 | beyond[0]>>63, beyond[2]<<1 | beyond[1]>>63,
			beyond[3]<<1 | beyond[2]>>63}
	}
	return k
}

// almostInverse returns a number below n that is -2^shifts / s modulo n, for an s above 0 and below
// n. shifts is 255 to 510. It is the binary form of Euclid's algorithm that Kaliski describes ("The
// Montgomery inverse and its applications", 1995). At each step, and for the shifts until then, as
// = -u 2^shifts and bs = v 2^shifts modulo n, and av + bu = n, so that a and b stay below n.
func almostInverse(s *scalar) (a scalar, shifts int) {
	u, v, b := order, *s, scalar{1}
	for {
		shifts += settle(&v, &a)
		var d scalar
		if !d.minus(&v, &u) {
			if d.isZero() {
				return a, shifts
			}
			v = d
			b.add(&b, &a)
			continue
		}
		u.minus(&u, &v)
		a.add(&a, &b)
		shifts += settle(&u, &b)
	}
}

// settle halves x until it is odd, and doubles y as many times. It returns how many. x is not 0.
func settle(x, y *scalar) (n int) {
	for x[0]&1 == 0 {
		z := min(bits.TrailingZeros64(x[0]), 63)
		x[0] = x[0]>>z | x[1]<<(64-z)
		x[1] = x[1]>>z | x[2]<<(64-z)
		x[2] = x[2]>>z | x[3]<<(64-z)
		x[3] >>= z
		y[3] = y[3]<<z | y[2]>>(64-z)
		y[2] = y[2]<<z | y[1]>>(64-z)
		y[1] = y[1]<<z | y[0]>>(64-z)
		y[0] <<= z
		n += z
	}
	return n
}
