package p256

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"math/big"
	mrand "math/rand/v2"
	"testing"
)

// verifiers are all ways to verify.
func verifiers(t testing.TB, xy []byte) map[string]func(digest, sig []byte) bool {
	t.Helper()
	k, err := NewKey(xy)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]func([]byte, []byte) bool{"windows": k.Verify, "comb": k.Table().Verify}
}

// standard is the standard library's verdict.
func standard(t testing.TB, xy, digest, sig []byte) bool {
	t.Helper()
	k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, xy...))
	if err != nil {
		t.Fatal(err)
	}
	return ecdsa.Verify(k, digest, new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
}

// keyOf is the public key of a private one.
func keyOf(t testing.TB, d *big.Int) []byte {
	t.Helper()
	var b [32]byte
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(b[:]))
	if err != nil {
		t.Fatal(err)
	}
	xy, err := k.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return xy[1:]
}

// sign makes the signature with private key d and nonce k, which the standard library would not
// take from us.
func sign(t testing.TB, d, k *big.Int, digest []byte) (sig []byte, ok bool) {
	t.Helper()
	r := new(big.Int).SetBytes(keyOf(t, k)[:32])
	r.Mod(r, bigOrder)
	s := new(big.Int).Mul(r, d)
	s.Add(s, new(big.Int).SetBytes(digest))
	s.Mul(s, new(big.Int).ModInverse(k, bigOrder)).Mod(s, bigOrder)
	sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return sig, r.Sign() > 0 && s.Sign() > 0
}

// Small private keys and nonces, and digests near 0 and n, drive the sums through their exceptions:
// a point added to itself, to its opposite, and to the point at infinity.
func TestVerifyEdges(t *testing.T) {
	var numbers []*big.Int
	for _, n := range []int64{1, 2, 3, 4, 7, 8, 15, 16, 17, 255, 256} {
		numbers = append(numbers, big.NewInt(n), new(big.Int).Sub(bigOrder, big.NewInt(n)))
	}
	for _, e := range []uint{31, 32, 33, 64, 128, 224, 255} {
		numbers = append(numbers, new(big.Int).Lsh(big.NewInt(1), e))
	}
	digests := [][]byte{make([]byte, 32), bytes.Repeat([]byte{0xFF}, 32), bigOrder.Bytes()}
	for _, n := range numbers {
		digests = append(digests, n.FillBytes(make([]byte, 32)))
	}
	good := 0
	for _, d := range numbers {
		xy := keyOf(t, d)
		all := verifiers(t, xy)
		for i, k := range numbers {
			for j, digest := range digests {
				sig, ok := sign(t, d, k, digest)
				if !ok {
					continue
				}
				if (i+j)%8 == 0 && !standard(t, xy, digest, sig) {
					t.Fatal("the test's own signature is wrong")
				}
				for name, verify := range all {
					if !verify(digest, sig) {
						t.Fatalf("%s: private key %v, nonce %v, digest %x: not verified", name, d,
							k, digest)
					}
					good++
				}
				sig[40] ^= 1
				for name, verify := range all {
					if verify(digest, sig) {
						t.Fatalf("%s: private key %v, nonce %v, digest %x: altered, and verified",
							name, d, k, digest)
					}
				}
			}
		}
	}
	if good < 10000 {
		t.Errorf("only %d signatures", good)
	}
}

// Numbers that are no r or s, and sums that are the point at infinity.
func TestFIPS1865VerifyRefuses(t *testing.T) {
	d, k := big.NewInt(12345), big.NewInt(777)
	digest := sha256.Sum256([]byte("data"))
	sig, _ := sign(t, d, k, digest[:])
	n, zero, ff := bigOrder.Bytes(), make([]byte, 32), bytes.Repeat([]byte{0xFF}, 32)
	r, s := sig[:32], sig[32:]
	join := func(a, b []byte) []byte { return append(append([]byte(nil), a...), b...) }
	plus := func(a []byte) []byte { // a + n, where that has 32 octets
		return new(big.Int).Mod(new(big.Int).Add(new(big.Int).SetBytes(a), bigOrder),
			new(big.Int).Lsh(big.NewInt(1), 256)).FillBytes(make([]byte, 32))
	}
	// u1 G + u2 Q is infinity where digest = -r d.
	minus := new(big.Int).Mul(new(big.Int).SetBytes(r), d)
	infinity := minus.Neg(minus).Mod(minus, bigOrder).FillBytes(make([]byte, 32))
	for name, verify := range verifiers(t, keyOf(t, d)) {
		if !verify(digest[:], sig) {
			t.Errorf("%s: the signature itself is refused", name)
		}
		for i, c := range []struct{ digest, sig []byte }{
			{digest[:], join(zero, s)}, {digest[:], join(r, zero)}, {digest[:], join(n, s)},
			{digest[:], join(r, n)}, {digest[:], join(ff, s)}, {digest[:], join(r, ff)},
			{digest[:], join(s, r)}, {digest[:], join(plus(r), s)}, {digest[:], join(zero, zero)},
			{infinity, sig}, {zero, sig}, {digest[:31], sig}, {digest[:], sig[:63]},
			{digest[:], nil},
			{digest[:], append(sig[:64:64], 0)},
		} {
			if verify(c.digest, c.sig) {
				t.Errorf("%s: case %d is taken", name, i)
			}
		}
	}
}

// The X coordinate of u1 G + u2 Q may be n or more: r is then what is left modulo n. Such points
// cannot be had from a nonce, but from a key that fits them: Q = (s R - e G) / r.
func TestFIPS1865VerifyWraps(t *testing.T) {
	found := 0
	for x := new(big.Int).Set(bigOrder); found < 3; x.Add(x, big.NewInt(1)) {
		R, ok := withX(x)
		if !ok {
			continue
		}
		found++
		e, s := big.NewInt(5), big.NewInt(11)
		r := new(big.Int).Sub(x, bigOrder)
		if r.Sign() == 0 {
			continue
		}
		rInverse := new(big.Int).ModInverse(r, bigOrder)
		minus := new(big.Int).Mod(new(big.Int).Neg(new(big.Int).Mul(e, rInverse)), bigOrder)
		u1 := scalar(limbs(minus))
		u2 := scalar(limbs(new(big.Int).Mod(new(big.Int).Mul(s, rInverse), bigOrder)))
		var h halves
		h.set(&R)
		q := sumHalves(&u1, base(), &u2, &h)
		var a [1]affine
		normalise(a[:], []point{q})
		xy := append(a[0].x.bytes(), a[0].y.bytes()...)
		sig := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		digest := e.FillBytes(make([]byte, 32))
		if !standard(t, xy, digest, sig) {
			t.Fatal("the test's own signature is wrong")
		}
		unreduced := append(x.FillBytes(make([]byte, 32)), sig[32:]...)
		s.Add(s, bigOrder)
		above := append(sig[:32:32], s.FillBytes(make([]byte, 32))...)
		for name, verify := range verifiers(t, xy) {
			if !verify(digest, sig) {
				t.Errorf("%s: x = n + %v: not verified", name, r)
			}
			if verify(digest, unreduced) {
				t.Errorf("%s: r = n + %v: verified", name, r)
			}
			if verify(digest, above) {
				t.Errorf("%s: s = n + 11: verified", name)
			}
		}
	}
}

// There is a point whose X coordinate is 0. Nobody knows how to make a sum be it, and r = 0 is
// refused before the question arises.
func TestFIPS1865ZeroIsNoR(t *testing.T) {
	a, ok := withX(new(big.Int))
	if !ok {
		t.Fatal("there is no such point")
	}
	var c check
	sig := make([]byte, signatureSize)
	sig[63] = 1
	if c.read(make([]byte, digestSize), sig) {
		t.Error("read")
	}
	var p point
	if p.set(&a); !c.passes(p) {
		t.Error("the sum would not pass with it")
	}
}

// withX is a point with this X coordinate, if there is one.
func withX(x *big.Int) (a affine, ok bool) {
	y := new(big.Int).Exp(x, big.NewInt(3), prime)
	y.Sub(y, new(big.Int).Mul(big.NewInt(3), x)).Add(y, elliptic.P256().Params().B).Mod(y, prime)
	if y.ModSqrt(y, prime) == nil {
		return a, false
	}
	a.x.setBytes(x.FillBytes(make([]byte, 32)))
	a.y.setBytes(y.FillBytes(make([]byte, 32)))
	return a, a.onCurve()
}

// bytes is the element as a number, big-endian.
func (x element) bytes() []byte {
	mul(&x, &x, &element{1})
	return x.number().FillBytes(make([]byte, 32))
}

func TestInvalidCurveKeysAreRefused(t *testing.T) {
	good := keyOf(t, big.NewInt(42))
	p := prime.FillBytes(make([]byte, 32))
	// The same key, written by a number that is not below the prime.
	again := new(big.Int).Set(prime)
	var small affine
	for ok := false; !ok; again.Add(again, big.NewInt(1)) {
		small, ok = withX(new(big.Int).Sub(again, prime))
	}
	again.Sub(again, big.NewInt(1))
	for name, xy := range map[string][]byte{
		"x and the prime": append(again.FillBytes(make([]byte, 32)), small.y.bytes()...),
		"nothing":         nil,
		"short":           good[:63],
		"long":            append(good[:64:64], 0),
		"zero":            make([]byte, 64),
		"off the curve":   append(append([]byte(nil), good[:63]...), good[63]^1),
		"x is the prime":  append(append([]byte(nil), p...), good[32:]...),
		"y is the prime":  append(append([]byte(nil), good[:32]...), p...),
		"ones":            bytes.Repeat([]byte{0xFF}, 64),
	} {
		if _, err := NewKey(xy); err != errKey {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := NewKey(good); err != nil {
		t.Error(err)
	}
}

// FuzzVerify compares with the standard library: a signature made from the input, and the input
// taken as a signature.
func FuzzVerify(f *testing.F) {
	f.Add([]byte("key"), []byte("digest"), []byte("signature"), uint16(0))
	f.Add([]byte{1}, []byte{}, []byte{0xFF}, uint16(77))
	f.Fuzz(func(t *testing.T, key, data, sig []byte, flip uint16) {
		d := new(big.Int).SetBytes(key)
		d.Mod(d, new(big.Int).Sub(bigOrder, big.NewInt(1))).Add(d, big.NewInt(1))
		k := new(big.Int).SetBytes(sig)
		k.Mod(k, new(big.Int).Sub(bigOrder, big.NewInt(1))).Add(k, big.NewInt(1))
		digest := new(big.Int).Mod(new(big.Int).SetBytes(data),
			new(big.Int).Lsh(big.NewInt(1), 256)).FillBytes(make([]byte, 32))
		xy := keyOf(t, d)
		made, ok := sign(t, d, k, digest)
		raw := append(append([]byte(nil), sig...), make([]byte, 64)...)[:64]
		altered := append([]byte(nil), made...)
		altered[flip>>3&63] ^= 1 << (flip & 7)
		for i, s := range [][]byte{made, raw, altered} {
			want := standard(t, xy, digest, s)
			if i == 0 && ok && !want {
				t.Fatal("the test's own signature is wrong")
			}
			for name, verify := range verifiers(t, xy) {
				if got := verify(digest, s); got != want {
					t.Fatalf("%s: key %x, digest %x, signature %x: got %v, the standard library "+
						"says %v", name, xy, digest, s, got, want)
				}
			}
		}
	})
}

// Random keys and signatures, as the standard library makes them.
func TestVerifyRandom(t *testing.T) {
	r := mrand.New(mrand.NewPCG(5, 6))
	for range 200 {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		xy, _ := k.PublicKey.Bytes()
		digest := sha256.Sum256(xy)
		a, b, err := ecdsa.Sign(rand.Reader, k, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		sig := append(a.FillBytes(make([]byte, 32)), b.FillBytes(make([]byte, 32))...)
		bad := append([]byte(nil), sig...)
		bad[r.IntN(64)] ^= byte(1 + r.IntN(255))
		for name, verify := range verifiers(t, xy[1:]) {
			if !verify(digest[:], sig) || verify(digest[:], bad) {
				t.Fatalf("%s: key %x, signature %x", name, xy, sig)
			}
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	d, digest := big.NewInt(0).Sub(bigOrder, big.NewInt(98765)), sha256.Sum256([]byte("data"))
	sig, _ := sign(b, d, new(big.Int).SetBytes(digest[:31]), digest[:])
	xy := keyOf(b, d)
	k, _ := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append([]byte{4}, xy...))
	all := verifiers(b, xy)
	all["standard library"] = func(digest, sig []byte) bool {
		return ecdsa.Verify(k, digest, new(big.Int).SetBytes(sig[:32]),
			new(big.Int).SetBytes(sig[32:]))
	}
	for name, verify := range all {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !verify(digest[:], sig) {
					b.Fatal("not verified")
				}
			}
		})
	}
}

func BenchmarkNewKey(b *testing.B) {
	xy := keyOf(b, big.NewInt(4711))
	for b.Loop() {
		_, _ = NewKey(xy)
	}
}

func BenchmarkTable(b *testing.B) {
	k, _ := NewKey(keyOf(b, big.NewInt(4711)))
	for b.Loop() {
		k.Table()
	}
}
