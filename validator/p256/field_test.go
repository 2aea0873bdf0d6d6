package p256

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

var prime, _ = new(big.Int).SetString(
	"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", 16)

// number is an element's limbs as a number, without taking Montgomery's factor out.
func (x element) number() *big.Int {
	n := new(big.Int)
	for i := 3; i >= 0; i-- {
		n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(x[i]))
	}
	return n
}

func limbs(n *big.Int) (x element) {
	m, word := new(big.Int).Set(n), new(big.Int).SetUint64(1<<64-1)
	for i := range x {
		x[i] = new(big.Int).And(m, word).Uint64()
		m.Rsh(m, 64)
	}
	return x
}

// samples are elements where carries and borrows run far, and random ones.
func samples() (all []element) {
	limb := []uint64{0, 1, 1<<32 - 1, 1 << 32, 1<<64 - 1, 1<<64 - 1<<32, 0xFFFFFFFF00000001,
		0xFFFFFFFF00000000}
	for i := range 8 * 8 * 8 * 8 {
		x := element{limb[i&7], limb[i>>3&7], limb[i>>6&7], limb[i>>9&7]}
		if x.number().Cmp(prime) < 0 {
			all = append(all, x)
		}
	}
	for _, d := range []int64{1, 2, 3, 1 << 32, 1 << 40} {
		all = append(all, limbs(new(big.Int).Sub(prime, big.NewInt(d))))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := new(big.Int)
		for range 5 {
			n.Lsh(n, 64).Or(n, new(big.Int).SetUint64(r.Uint64()))
		}
		all = append(all, limbs(n.Mod(n, prime)))
	}
	return all
}

// Every operation agrees with the arithmetic of math/big, aliased arguments included.
func TestField(t *testing.T) {
	rInverse := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), 256), prime)
	mont := func(n *big.Int) element { return limbs(n.Mul(n, rInverse).Mod(n, prime)) }
	all := samples()
	r := rand.New(rand.NewPCG(3, 4))
	for i, x := range all {
		ys := []element{x, all[r.IntN(len(all))], all[r.IntN(len(all))], all[(i+1)%len(all)]}
		for _, y := range ys {
			a, b := x.number(), y.number()
			for name, c := range map[string]struct {
				op   func(z, x, y *element)
				want element
			}{
				"mul":        {mul, mont(new(big.Int).Mul(a, b))},
				"mulGeneric": {mulGeneric, mont(new(big.Int).Mul(a, b))},
				"sqr":        {func(z, x, _ *element) { sqr(z, x) }, mont(new(big.Int).Mul(a, a))},
				"add":        {add, limbs(new(big.Int).Mod(new(big.Int).Add(a, b), prime))},
				"sub":        {sub, limbs(new(big.Int).Mod(new(big.Int).Sub(a, b), prime))},
				"half": {func(z, x, _ *element) { half(z, x) },
					limbs(new(big.Int).Mod(new(big.Int).Mul(a,
						new(big.Int).ModInverse(big.NewInt(2), prime)), prime))},
				"neg": {func(z, x, _ *element) { neg(z, x) },
					limbs(new(big.Int).Mod(new(big.Int).Neg(a), prime))},
			} {
				var z element
				if c.op(&z, &x, &y); z != c.want {
					t.Fatalf("%s(%x, %x) = %x, want %x", name, x, y, z, c.want)
				}
				z = x
				if c.op(&z, &z, &y); z != c.want {
					t.Fatalf("%s(%x, %x) in place = %x, want %x", name, x, y, z, c.want)
				}
			}
		}
		if !x.isZero() {
			var z element
			if invert(&z, &x); true {
				mul(&z, &z, &x)
			}
			if z != one {
				t.Fatalf("%x times its inverse is %x", x, z)
			}
		}
	}
}

// Both ways to double agree, on numbers that need not be points.
func TestDouble(t *testing.T) {
	all := samples()
	r := rand.New(rand.NewPCG(5, 6))
	for _, x := range all {
		p := point{x, all[r.IntN(len(all))], all[r.IntN(len(all))]}
		a, b := p, p
		a.double()
		b.doubleGeneric()
		if a != b {
			t.Fatalf("twice %x is %x and %x", p, a, b)
		}
	}
}

func BenchmarkDouble(b *testing.B) {
	var p point
	p.set(&generator)
	for b.Loop() {
		p.double()
	}
}

func BenchmarkAddAffine(b *testing.B) {
	var p point
	p.set(&generator)
	p.double()
	for b.Loop() {
		p.addAffine(&generator)
	}
}

func BenchmarkMul(b *testing.B) {
	x, y := one, square
	for b.Loop() {
		mul(&x, &x, &y)
	}
}

func BenchmarkMulGeneric(b *testing.B) {
	x, y := one, square
	for b.Loop() {
		mulGeneric(&x, &x, &y)
	}
}

func BenchmarkSqr(b *testing.B) {
	x := square
	for b.Loop() {
		sqr(&x, &x)
	}
}

func BenchmarkAddElement(b *testing.B) {
	x := square
	for b.Loop() {
		add(&x, &x, &square)
	}
}
