// Signature algorithms: which are supported, and the check of one signature.

package validator

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	_ "crypto/sha1" // for crypto.SHA1
	"crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"math/big"
	"math/bits"

	"filippo.io/bigmod"
	"github.com/cloudflare/circl/sign/ed448"

	"bailiwick/validator/p256"
)

// Algorithm numbers (IANA, "DNS Security Algorithm Numbers").
const (
	algRSASHA1         = 5
	algRSASHA1NSEC3    = 7
	algRSASHA256       = 8
	algRSASHA512       = 10
	algECDSAP256SHA256 = 13
	algECDSAP384SHA384 = 14
	algEd25519         = 15
	algEd448           = 16
)

// algorithm has the properties of an algorithm, and the parser of its keys.
type algorithm struct {
	sha1 bool // uses SHA-1: RFC 9905 leaves it to the operator
	key  func(public []byte) (checker, error)
}

// checker verifies a signature over data with a parsed public key.
type checker interface {
	check(data, sig []byte) bool
}

// weight returns how much a check with a key counts in maxSignatureChecks. More than 1 is for
// checks that take at least four times as long as one with P-256 or Ed25519. P-384 would deserve
// ten, but then a zone signed with it would have a smaller budget than others.
func weight(c checker) int32 {
	switch k := c.(type) {
	case *rsaPublic:
		if k.modulus.BitLen() > 2048 && k.e.BitLen() > 17 {
			return 4
		}
	case *ecdsaPublic:
		if k.size > 32 {
			return 2
		}
	case ed448Public:
		return 2
	}
	return 1
}

var algorithms = map[uint8]algorithm{
	algRSASHA1:         {true, rsaKey(crypto.SHA1)},                       // RFC 3110
	algRSASHA1NSEC3:    {true, rsaKey(crypto.SHA1)},                       // RFC 5155, section 2
	algRSASHA256:       {false, rsaKey(crypto.SHA256)},                    // RFC 5702
	algRSASHA512:       {false, rsaKey(crypto.SHA512)},                    // RFC 5702
	algECDSAP256SHA256: {false, ecdsaKey(elliptic.P256(), crypto.SHA256)}, // RFC 6605
	algECDSAP384SHA384: {false, ecdsaKey(elliptic.P384(), crypto.SHA384)}, // RFC 6605
	algEd25519:         {false, ed25519Key},                               // RFC 8080
	algEd448:           {false, ed448Key},                                 // RFC 8080
}

func digestOf(h crypto.Hash, data []byte) []byte {
	d := h.New()
	d.Write(data)
	return d.Sum(nil)
}

var (
	errKeySize  = errors.New("size of the key")
	errExponent = errors.New("exponent of the key")

	// errRefused reports that a key is well-formed and permitted, but would cost too much or
	// protect too little to be used.
	errRefused = errors.New("key outside the limits")
)

// rsaPublic is a key of RFC 3110, section 2.
type rsaPublic struct {
	hash    crypto.Hash
	e       *big.Int
	modulus *bigmod.Modulus // with values that are computed from it once
}

func rsaKey(h crypto.Hash) func([]byte) (checker, error) {
	return func(b []byte) (checker, error) {
		if len(b) < 3 {
			return nil, errKeySize
		}
		elen, b := int(b[0]), b[1:]
		if elen == 0 {
			elen, b = int(b[0])<<8|int(b[1]), b[2:]
		}
		if elen == 0 || elen >= len(b) {
			return nil, errKeySize
		}
		e, n := new(big.Int).SetBytes(b[:elen]), new(big.Int).SetBytes(b[elen:])
		switch {
		case n.Bit(0) == 0:
			return nil, errKeySize
		case e.BitLen() < 2 || e.Bit(0) == 0:
			return nil, errExponent
		case n.BitLen() < minRSABits || n.BitLen() > maxRSABits || e.BitLen() > maxRSAExponentBits:
			return nil, errRefused
		}
		m, err := bigmod.NewModulus(n.Bytes())
		if err != nil {
			return nil, err
		}
		return &rsaPublic{h, e, m}, nil
	}
}

// digestInfo is the DER prefix of a hash in PKCS #1 v1.5 (RFC 8017, section 9.2, note 1).
var digestInfo = map[crypto.Hash][]byte{
	crypto.SHA1: {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00,
		0x04, 0x14},
	crypto.SHA256: {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
		0x02, 0x01, 0x05, 0x00, 0x04, 0x20},
	crypto.SHA512: {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
		0x02, 0x03, 0x05, 0x00, 0x04, 0x40},
}

// check is RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2.2): the encoded message that a valid signature
// has is made and compared, never parsed. crypto/rsa does the same, but prepares the modulus anew
// for each check, which is a third of the work, and refuses exponents of more than 31 bits.
func (k *rsaPublic) check(data, sig []byte) bool {
	size := k.modulus.Size()
	digest, info := digestOf(k.hash, data), digestInfo[k.hash]
	pad := size - 3 - len(info) - len(digest)
	if len(sig) != size || pad < 8 {
		return false
	}
	s, err := bigmod.NewNat().SetBytes(sig, k.modulus)
	if err != nil { // the signature is not below the modulus
		return false
	}
	var got *bigmod.Nat
	if k.e.BitLen() <= bits.UintSize {
		got = bigmod.NewNat().ExpShortVarTime(s, uint(k.e.Uint64()), k.modulus)
	} else {
		got = bigmod.NewNat().Exp(s, k.e.Bytes(), k.modulus)
	}
	var room [maxRSABits / 8]byte
	want := append(room[:0], 0, 1)
	for range pad {
		want = append(want, 0xFF)
	}
	want = append(append(append(want, 0), info...), digest...)
	return bytes.Equal(got.Bytes(k.modulus), want)
}

// ecdsaPublic is a key of RFC 6605, section 4.
type ecdsaPublic struct {
	hash crypto.Hash
	key  *ecdsa.PublicKey
	size int // octets of a coordinate
}

func ecdsaKey(curve elliptic.Curve, h crypto.Hash) func([]byte) (checker, error) {
	size := curve.Params().BitSize / 8
	return func(b []byte) (checker, error) {
		if len(b) != 2*size {
			return nil, errKeySize
		}
		if curve == elliptic.P256() && p256.Fast {
			k, err := p256.NewKey(b)
			return p256Checker{k}, err
		}
		return standardECDSA(curve, h, b)
	}
}

// standardECDSA reads a key for the standard library.
func standardECDSA(curve elliptic.Curve, h crypto.Hash, b []byte) (checker, error) {
	key, err := ecdsa.ParseUncompressedPublicKey(curve, append([]byte{4}, b...))
	if err != nil {
		return nil, err
	}
	return &ecdsaPublic{h, key, len(b) / 2}, nil
}

func (k *ecdsaPublic) check(data, sig []byte) bool {
	if len(sig) != 2*k.size {
		return false
	}
	r, s := new(big.Int).SetBytes(sig[:k.size]), new(big.Int).SetBytes(sig[k.size:])
	return ecdsa.Verify(k.key, digestOf(k.hash, data), r, s)
}

// p256Checker is a key, or a table, of our own implementation.
type p256Checker struct{ p256.Verifier }

func (k p256Checker) check(data, sig []byte) bool {
	d := sha256.Sum256(data)
	return k.Verify(d[:], sig)
}

type ed25519Public ed25519.PublicKey

func ed25519Key(b []byte) (checker, error) {
	if len(b) != ed25519.PublicKeySize {
		return nil, errKeySize
	}
	return ed25519Public(b), nil
}

func (k ed25519Public) check(data, sig []byte) bool {
	return len(sig) == ed25519.SignatureSize && ed25519.Verify(ed25519.PublicKey(k), data, sig)
}

type ed448Public ed448.PublicKey

func ed448Key(b []byte) (checker, error) {
	if len(b) != ed448.PublicKeySize {
		return nil, errKeySize
	}
	return ed448Public(b), nil
}

func (k ed448Public) check(data, sig []byte) bool {
	return len(sig) == ed448.SignatureSize && ed448.Verify(ed448.PublicKey(k), data, sig, "")
}
