// Multiples of points: by windows for a key that is seen a few times, by a comb for one that
// verifies often.

package p256

// width is that of the windows: a digit is odd and below 2^(width-1), or zero, and of width digits
// in a row at most one is not zero.
const width = 4

// odd are a point's multiples by 1, 3, 5 and 7.
type odd [1 << (width - 2)]affine

// halves are the odd multiples of a point, and of it times 2^halfBits. With one of them for each
// half of a number, a multiple takes half of the doublings. Making them takes the other half, so
// that the first check costs what it would cost anyway, and each later one saves 128 doublings.
type halves [2]odd

// halfBits is half of a number's bits.
const halfBits = 128

// set makes h those of a.
func (h *halves) set(a *affine) {
	var all [2 * len(odd{})]point
	var p point
	p.set(a)
	for i := range len(halves{}) {
		if i > 0 {
			for range halfBits {
				p.double()
			}
		}
		twice := p
		twice.double()
		of := all[i*len(odd{}):][:len(odd{})]
		of[0] = p
		for j := 1; j < len(of); j++ {
			of[j] = of[j-1]
			of[j].add(&twice)
		}
	}
	var out [len(all)]affine
	normalise(out[:], all[:])
	for i := range h {
		copy(h[i][:], out[i*len(odd{}):])
	}
}

// add adds to p a multiple by a digit.
func (o *odd) add(p *point, digit int8) {
	switch {
	case digit > 0:
		p.addAffine(&o[digit>>1])
	case digit < 0:
		p.subAffine(&o[-digit>>1])
	}
}

// digits writes k as the sum of d[i] times 2^i, the width-w non-adjacent form. d is zero before.
func (k scalar) digits(d *[2*halfBits + 1]int8) {
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
		i += width
	}
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

// sumHalves returns g times the generator plus k times the point of h.
func sumHalves(g *scalar, base *comb, k *scalar, h *halves) (p point) {
	var d [2*halfBits + 1]int8
	k.digits(&d)
	h[1].add(&p, d[2*halfBits])
	for i := halfBits - 1; i >= 0; i-- {
		p.double()
		h[1].add(&p, d[halfBits+i])
		h[0].add(&p, d[i])
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
