// Multiples of points: by windows for a key that is seen a few times, by a comb for one that
// verifies often.

package p256

import "encoding/binary"

// scalar is a number below 2^256, least significant limb first.
type scalar [4]uint64

func (k *scalar) setBytes(b []byte) {
	for i := range k {
		k[i] = binary.BigEndian.Uint64(b[24-8*i:])
	}
}

// bit is bit i.
func (k *scalar) bit(i int) uint64 { return k[i>>6] >> (i & 63) & 1 }

// width is that of the windows: a digit is odd and below 2^(width-1), or zero, and of width digits
// in a row at most one is not zero.
const width = 4

// odd are a point's multiples by 1, 3, 5 and 7.
type odd [1 << (width - 2)]affine

func oddMultiples(a *affine) *odd {
	var twice point
	twice.set(a)
	twice.double()
	var all [len(odd{})]point
	all[0].set(a)
	for i := 1; i < len(all); i++ {
		all[i] = all[i-1]
		all[i].add(&twice)
	}
	o := new(odd)
	normalise(o[:], all[:])
	return o
}

// digits writes k as the sum of digits[i] times 2^i (the width-w non-adjacent form), and says how
// many there are.
func (k scalar) digits(d *[257]int8) (n int) {
	carry := uint64(0)
	for i := 0; i < len(d); {
		bit := carry
		if i < 256 {
			bit += k.bit(i)
		}
		if bit&1 == 0 { // 0, or 1 and the carry, which goes on
			carry = bit >> 1
			i++
			continue
		}
		v := carry
		for j := range width {
			if i+j < 256 {
				v += k.bit(i+j) << j
			}
		}
		carry = v >> (width - 1)
		d[i] = int8(v) - int8(carry<<width)
		n = i + 1
		i += width
	}
	return n
}

// comb holds the sums of a point's multiples by 2^0, 2^32, ... 2^224, for each choice of these: 16
// KiB. A multiple of the point takes 31 doublings and 32 additions with it.
type comb [1<<teeth - 1]affine

const (
	teeth   = 8
	spacing = 256 / teeth
)

func newComb(a *affine) *comb {
	var all [len(comb{})]point
	for t := range teeth {
		low := 1 << t
		if t == 0 {
			all[0].set(a)
		} else {
			all[low-1] = all[low/2-1]
			for range spacing {
				all[low-1].double()
			}
		}
		for i := 1; i < low; i++ {
			all[low+i-1] = all[low-1]
			all[low+i-1].add(&all[i-1])
		}
	}
	c := new(comb)
	normalise(c[:], all[:])
	return c
}

// add adds to p what the bits of k at column, and every spacing above it, choose.
func (c *comb) add(p *point, k *scalar, column int) {
	i := uint64(0)
	for t := range teeth {
		i |= k.bit(column+t*spacing) << t
	}
	if i != 0 {
		p.addAffine(&c[i-1])
	}
}

// sumOdd returns g times the generator plus k times the point of o.
func sumOdd(g *scalar, base *comb, k *scalar, o *odd) (p point) {
	var d [257]int8
	for i := max(k.digits(&d), spacing) - 1; i >= 0; i-- {
		p.double()
		switch v := d[i]; {
		case v > 0:
			p.addAffine(&o[v>>1])
		case v < 0:
			p.subAffine(&o[-v>>1])
		}
		if i < spacing {
			base.add(&p, g, i)
		}
	}
	return p
}

// sumComb returns g times the generator plus k times the point of c.
func sumComb(g *scalar, base *comb, k *scalar, c *comb) (p point) {
	for i := spacing - 1; i >= 0; i-- {
		p.double()
		base.add(&p, g, i)
		c.add(&p, k, i)
	}
	return p
}
