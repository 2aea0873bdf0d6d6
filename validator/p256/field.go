// Arithmetic modulo p = 2^256 - 2^224 + 2^192 + 2^96 - 1, the field of P-256 (FIPS 186-4, section
// D.1.2.3; SP 800-186, section 3.2.1.3).

package p256

import "math/bits"

// element is a number modulo p times 2^256 (Montgomery's form), least significant limb first,
// always below p.
type element [4]uint64

// The prime. Its lowest limb is -1, so that Montgomery's reduction needs no multiplication to find
// its quotient.
const (
	p0 = 0xFFFFFFFFFFFFFFFF
	p1 = 0x00000000FFFFFFFF
	p2 = 0x0000000000000000
	p3 = 0xFFFFFFFF00000001
)

var (
	// one is 2^256 mod p.
	one = element{0x0000000000000001, 0xFFFFFFFF00000000, 0xFFFFFFFFFFFFFFFF, 0x00000000FFFFFFFE}
	// square is 2^512 mod p: multiplied by it a number becomes an element.
	square = element{0x0000000000000003, 0xFFFFFFFBFFFFFFFF, 0xFFFFFFFFFFFFFFFE, 0x00000004FFFFFFFD}
)

// mulGeneric sets z to x times y by the schoolbook, a limb of y at a time, each followed by a step
// of the reduction.
func mulGeneric(z, x, y *element) {
	var t [6]uint64
	for _, d := range y {
		// t += x*d
		var carry uint64
		for i := range 4 {
			hi, lo := bits.Mul64(x[i], d)
			var c uint64
			lo, c = bits.Add64(lo, carry, 0)
			hi += c
			t[i], c = bits.Add64(t[i], lo, 0)
			carry = hi + c
		}
		var c uint64
		t[4], c = bits.Add64(t[4], carry, 0)
		t[5] += c
		// t = (t + t[0]*p) / 2^64. The lowest limb vanishes: t[0] + t[0]*(2^64-1) = t[0]*2^64,
		// which joins the next limb's t[0]*(2^32-1).
		q := t[0]
		hi, lo := bits.Mul64(q, p3)
		t[0], c = bits.Add64(t[1], q<<32, 0)
		t[1], c = bits.Add64(t[2], q>>32, c)
		t[2], c = bits.Add64(t[3], lo, c)
		t[3], c = bits.Add64(t[4], hi, c)
		t[4], t[5] = t[5]+c, 0
	}
	reduce(z, t[0], t[1], t[2], t[3], t[4])
}

// reduce sets z to a number below 2p.
func reduce(z *element, t0, t1, t2, t3, t4 uint64) {
	s0, b := bits.Sub64(t0, p0, 0)
	s1, b := bits.Sub64(t1, p1, b)
	s2, b := bits.Sub64(t2, p2, b)
	s3, b := bits.Sub64(t3, p3, b)
	if _, b = bits.Sub64(t4, 0, b); b != 0 {
		z[0], z[1], z[2], z[3] = t0, t1, t2, t3
		return
	}
	z[0], z[1], z[2], z[3] = s0, s1, s2, s3
}

// add sets z to x + y.
func add(z, x, y *element) {
	t0, c := bits.Add64(x[0], y[0], 0)
	t1, c := bits.Add64(x[1], y[1], c)
	t2, c := bits.Add64(x[2], y[2], c)
	t3, c := bits.Add64(x[3], y[3], c)
	s0, b := bits.Sub64(t0, p0, 0)
	s1, b := bits.Sub64(t1, p1, b)
	s2, b := bits.Sub64(t2, p2, b)
	s3, b := bits.Sub64(t3, p3, b)
	_, b = bits.Sub64(c, 0, b)
	m := -b // all ones: the sum is below p already
	z[0], z[1], z[2], z[3] = s0^m&(s0^t0), s1^m&(s1^t1), s2^m&(s2^t2), s3^m&(s3^t3)
}

// sub sets z to x - y.
func sub(z, x, y *element) {
	t0, b := bits.Sub64(x[0], y[0], 0)
	t1, b := bits.Sub64(x[1], y[1], b)
	t2, b := bits.Sub64(x[2], y[2], b)
	t3, b := bits.Sub64(x[3], y[3], b)
	m := -b // all ones: p has to be added
	var c uint64
	z[0], c = bits.Add64(t0, m&p0, 0)
	z[1], c = bits.Add64(t1, m&p1, c)
	z[2], c = bits.Add64(t2, m&p2, c)
	z[3], _ = bits.Add64(t3, m&p3, c)
}

// half sets z to x / 2.
func half(z, x *element) {
	m := -(x[0] & 1) // all ones: p has to be added, so that it is even
	t0, c := bits.Add64(x[0], m&p0, 0)
	t1, c := bits.Add64(x[1], m&p1, c)
	t2, c := bits.Add64(x[2], m&p2, c)
	t3, c := bits.Add64(x[3], m&p3, c)
	z[0], z[1], z[2], z[3] = t0>>1|t1<<63, t1>>1|t2<<63, t2>>1|t3<<63, t3>>1|c<<63
}

// neg sets z to -x.
func neg(z, x *element) {
	sub(z, &element{}, x)
}

func (x *element) isZero() bool { return x[0]|x[1]|x[2]|x[3] == 0 }

// setBytes reads a number below p, big-endian; false where it is not.
func (x *element) setBytes(b []byte) bool {
	var n scalar
	n.setBytes(b)
	x.set(&n)
	return n.below(&scalar{p0, p1, p2, p3})
}

// set sets x to a number.
func (x *element) set(n *scalar) {
	*x = element(*n)
	mul(x, x, &square)
}

// sqrN sets z to x squared n times.
func sqrN(z, x *element, n int) {
	sqr(z, x)
	for range n - 1 {
		sqr(z, z)
	}
}

// invert sets z to 1/x, which is x^(p-2): 32 ones, 31 zeros, a one, 96 zeros, 94 ones, a zero and a
// one.
func invert(z, x *element) {
	var x2, x4, x8, x16, x32, x30, t element // xN has N ones
	grow := func(z, high *element, n int, low *element) { sqrN(&t, high, n); mul(z, &t, low) }
	grow(&x2, x, 1, x)
	grow(&x4, &x2, 2, &x2)
	grow(&x8, &x4, 4, &x4)
	grow(&x16, &x8, 8, &x8)
	grow(&x32, &x16, 16, &x16)
	grow(&x30, &x16, 8, &x8)
	grow(&x30, &x30, 4, &x4)
	grow(&x30, &x30, 2, &x2)
	one := *x
	grow(z, &x32, 32, &one)
	grow(z, z, 128, &x32)
	grow(z, z, 32, &x32)
	grow(z, z, 30, &x30)
	grow(z, z, 2, &one)
}
