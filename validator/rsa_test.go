package validator

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"testing"
)

// testRSA returns a private key of 1024 bits, for these tests alone.
func testRSA() *rsa.PrivateKey {
	number := func(s string) *big.Int { n, _ := new(big.Int).SetString(s, 16); return n }
	p := number("e746b712ce23a9048a27c4c6e2ac52bdeb9a95aef289be04c73f97d0c38029e436ee0210af6347db" +
		"63013165e9837cba01728cd6add76645c14c35e67433d3c1")
	q := number("cccdeffcc966f738c00b7a7328d2880e71666a861818c3020484c982e6285513f9d8b1ee6a7ef692" +
		"77ec0f1d40acbf3c2b1a12b2ff18bb8811f3df542803f5d5")
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: 65537},
		Primes: []*big.Int{p, q}}
	k.D = new(big.Int).ModInverse(big.NewInt(65537), phi)
	return k
}

// raw applies the private key to an encoded message of any form.
func raw(k *rsa.PrivateKey, em []byte) []byte {
	m := new(big.Int).Mod(new(big.Int).SetBytes(em), k.N)
	return m.Exp(m, k.D, k.N).FillBytes(make([]byte, k.Size()))
}

func rsaChecker(t testing.TB, k *rsa.PrivateKey) checker {
	c, err := algorithms[algRSASHA256].key(append([]byte{3, 1, 0, 1}, k.N.Bytes()...))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// agree fails the test if our verdict on a signature differs from the standard library's, and
// returns the verdict.
func agree(t *testing.T, c checker, k *rsa.PrivateKey, data, sig []byte) bool {
	t.Helper()
	digest := sha256.Sum256(data)
	want := rsa.VerifyPKCS1v15(&k.PublicKey, crypto.SHA256, digest[:], sig) == nil
	if got := c.check(data, sig); got != want {
		t.Fatalf("data %x, signature %x: got %v, the standard library says %v", data, sig, got,
			want)
	}
	return want
}

// Encoded messages that are almost right: each has once been accepted by some implementation
// (CVE-2006-4339 and similar).
func TestRFC8017Padding(t *testing.T) {
	k, data := testRSA(), []byte("data")
	c, digest := rsaChecker(t, k), sha256.Sum256(data)
	info := digestInfo[crypto.SHA256]
	size := k.Size()
	encode := func(head []byte, pad int, fill byte, tail ...[]byte) []byte {
		return append(append(append([]byte(nil), head...), bytes.Repeat([]byte{fill}, pad)...),
			bytes.Join(tail, nil)...)
	}
	full := size - 3 - len(info) - len(digest)
	noNull := append([]byte{0x30, 0x2f, 0x30, 0x0b}, append(append([]byte(nil), info[4:15]...),
		0x04, 0x20)...)
	good := encode([]byte{0, 1}, full, 0xFF, []byte{0}, info, digest[:])
	if !agree(t, c, k, data, raw(k, good)) {
		t.Fatal("the right message is refused")
	}
	for name, em := range map[string][]byte{
		"block type 2":     encode([]byte{0, 2}, full, 0xFF, []byte{0}, info, digest[:]),
		"block type 0":     encode([]byte{0, 0}, full, 0xFF, []byte{0}, info, digest[:]),
		"padding of zeros": encode([]byte{0, 1}, full, 0, []byte{0}, info, digest[:]),
		"no separator":     encode([]byte{0, 1}, full+1, 0xFF, info, digest[:]),
		"garbage behind": encode([]byte{0, 1}, 8, 0xFF, []byte{0}, info, digest[:],
			make([]byte, full-8)),
		"garbage before": encode([]byte{0, 1}, 8, 0xFF, []byte{0}, make([]byte, full-8), info,
			digest[:]),
		"without parameters": encode([]byte{0, 1}, full+2, 0xFF, []byte{0}, noNull, digest[:]),
		"another hash": encode([]byte{0, 1}, full, 0xFF, []byte{0}, info[:14], []byte{2},
			info[15:], digest[:]),
		"digest alone":   encode([]byte{0, 1}, size-3-len(digest), 0xFF, []byte{0}, digest[:]),
		"another digest": encode([]byte{0, 1}, full, 0xFF, []byte{0}, info, make([]byte, 32)),
		"nothing":        make([]byte, size),
	} {
		if agree(t, c, k, data, raw(k, em)) {
			t.Errorf("%s: taken", name)
		}
	}
	sig := raw(k, good)
	for name, s := range map[string][]byte{
		"short": sig[1:], "long": append([]byte{0}, sig...), "empty": nil,
		"the modulus":      k.N.Bytes(),
		"plus the modulus": new(big.Int).Add(new(big.Int).SetBytes(sig), k.N).Bytes(),
		"ones":             bytes.Repeat([]byte{0xFF}, size),
	} {
		if agree(t, c, k, data, s) {
			t.Errorf("%s: taken", name)
		}
	}
}

// A public exponent of 32 bits, which crypto/rsa refuses.
func TestRSAWideExponent(t *testing.T) {
	k := testRSA()
	e := big.NewInt(1<<32 - 5)
	one := big.NewInt(1)
	phi := new(big.Int).Mul(new(big.Int).Sub(k.Primes[0], one), new(big.Int).Sub(k.Primes[1], one))
	if k.D = new(big.Int).ModInverse(e, phi); k.D == nil {
		t.Fatal("the exponent does not fit the key")
	}
	c, err := algorithms[algRSASHA256].key(append(append([]byte{4}, e.Bytes()...), k.N.Bytes()...))
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("data")
	digest, info := sha256.Sum256(data), digestInfo[crypto.SHA256]
	em := append([]byte{0, 1}, bytes.Repeat([]byte{0xFF}, k.Size()-3-len(info)-len(digest))...)
	sig := raw(k, append(append(append(em, 0), info...), digest[:]...))
	if !c.check(data, sig) {
		t.Error("a good signature is refused")
	}
	sig[5] ^= 1
	if c.check(data, sig) {
		t.Error("a bad one is taken")
	}
}

// FuzzRSA compares with the standard library: the input as a signature, as an encoded message, and
// as a change of a valid one.
func FuzzRSA(f *testing.F) {
	k := testRSA()
	c := rsaChecker(f, k)
	f.Add([]byte("data"), []byte{}, uint16(3))
	f.Add([]byte{}, bytes.Repeat([]byte{0xFF}, 128), uint16(1023))
	f.Fuzz(func(t *testing.T, data, input []byte, flip uint16) {
		agree(t, c, k, data, input)
		agree(t, c, k, data, raw(k, input))
		digest, info := sha256.Sum256(data), digestInfo[crypto.SHA256]
		em := append([]byte{0, 1}, bytes.Repeat([]byte{0xFF}, k.Size()-3-len(info)-len(digest))...)
		em = append(append(append(em, 0), info...), digest[:]...)
		if !agree(t, c, k, data, raw(k, em)) {
			t.Fatal("a good signature is refused")
		}
		em[int(flip>>3)%len(em)] ^= 1 << (flip & 7)
		agree(t, c, k, data, raw(k, em))
	})
}
