package p256

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"testing"
)

// bigOrder is n for math/big, with which the numbers here are compared.
var bigOrder, _ = new(big.Int).SetString(
	"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", 16)

func (k scalar) number() *big.Int { return element(k).number() }

// scalars are numbers from 1 to n - 1: the least and the largest, powers of two and their
// neighbours, and random ones of all lengths.
func scalars() (all []*big.Int) {
	one := big.NewInt(1)
	add := func(x *big.Int) {
		if x.Sign() > 0 && x.Cmp(bigOrder) < 0 {
			all = append(all, x)
		}
	}
	for d := range int64(5) {
		add(big.NewInt(d))
		add(new(big.Int).Sub(bigOrder, big.NewInt(d)))
		add(new(big.Int).Rsh(bigOrder, uint(d)))
	}
	for i := range uint(256) {
		x := new(big.Int).Lsh(one, i)
		add(x)
		add(new(big.Int).Sub(x, one))
		add(new(big.Int).Add(x, one))
		add(new(big.Int).Sub(bigOrder, x))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var k scalar
		for i := range k {
			k[i] = r.Uint64()
		}
		add(new(big.Int).Rsh(k.number(), r.UintN(256)))
	}
	return all
}

func TestInverseModuloTheOrder(t *testing.T) {
	shifted := map[bool]int{}
	for _, x := range scalars() {
		s := scalar(limbs(x))
		var got scalar
		got.inverse(&s)
		want := new(big.Int).ModInverse(x, bigOrder)
		want.Lsh(want, 256).Mod(want, bigOrder)
		if got.number().Cmp(want) != 0 {
			t.Errorf("%x: %x, want %x", x, got.number(), want)
		}
		_, shifts := almostInverse(&s)
		shifted[shifts <= 256]++
	}
	if shifted[true] == 0 || shifted[false] == 0 {
		t.Errorf("numbers with few shifts and others: %v", shifted)
	}
}

// One factor may be any number of 256 bits.
func TestProductsModuloTheOrder(t *testing.T) {
	inverse := new(big.Int).ModInverse(new(big.Int).Lsh(big.NewInt(1), 256), bigOrder)
	all := scalars()
	largest := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	for i, x := range append(all, largest, bigOrder, new(big.Int)) {
		y := all[(i*7+3)%len(all)]
		a, b := scalar(limbs(x)), scalar(limbs(y))
		want := new(big.Int).Mul(x, y)
		want.Mul(want, inverse).Mod(want, bigOrder)
		for _, f := range [][2]scalar{{a, b}, {b, a}} {
			var got scalar
			if got.times(&f[0], &f[1]); got.number().Cmp(want) != 0 {
				t.Errorf("%x times %x: %x, want %x", x, y, got.number(), want)
			}
		}
	}
}

func TestPowersModuloTheOrder(t *testing.T) {
	for e := range 258 {
		want := new(big.Int).Lsh(big.NewInt(1), uint(e))
		if e >= 256 {
			want.Mod(want, bigOrder)
		}
		if got := power(e); got.number().Cmp(want) != 0 {
			t.Errorf("2^%d: %x", e, got.number())
		}
	}
	p := new(big.Int).Sub(prime, bigOrder)
	if wrap.number().Cmp(p) != 0 || order.number().Cmp(bigOrder) != 0 {
		t.Error(fmt.Sprint("constants: ", wrap, order))
	}
}

func TestVerifyingAllocatesNothing(t *testing.T) {
	digest, sig, xy := make([]byte, 32), []byte(nil), keyOf(t, big.NewInt(5))
	sig, _ = sign(t, big.NewInt(5), big.NewInt(7), digest)
	k, err := NewKey(xy)
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]Verifier{"windows": k, "comb": k.Table()} {
		if n := testing.AllocsPerRun(20, func() {
			if !v.Verify(digest, sig) {
				t.Error("does not verify")
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkInverse(b *testing.B) {
	s := scalar(limbs(scalars()[2000]))
	for b.Loop() {
		var k scalar
		k.inverse(&s)
	}
}
