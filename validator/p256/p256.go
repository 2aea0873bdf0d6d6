// Package p256 verifies ECDSA signatures over P-256 with SHA-256 (FIPS 186-5, section 6.4.2; RFC
// 6605 for DNSSEC).
//
// A signature, its data and the key are public, so nothing here takes care to take the same time
// for all of them, which the standard library's implementation, made for signing too, has to. That,
// and tables for keys that verify often, make a check two to five times as fast. Where the
// processor lacks the instructions that the field's multiplication is written in, [Fast] is false,
// and the standard library is the better choice.
package p256

import (
	"errors"
	"sync"
)

// KeySize, signatureSize and digestSize are the octets of a public key (X, Y), of a signature (r,
// s) and of a SHA-256 digest.
const (
	KeySize       = 64
	signatureSize = 64
	digestSize    = 32
)

// wrap is p - n: an r below it may stand for the X coordinate r + n.
var wrap = scalar{0x0C46353D039CDAAE, 0x4319055358E8617B, 0, 0}

// base is the generator's comb. It takes a tenth of a millisecond to make, and is made when it is
// first needed.
var base = sync.OnceValue(func() *comb { return newComb(&generator) })

// errKey reports whether octets are not a public key.
var errKey = errors.New("no point of P-256")

// Verifier reports whether a signature of signatureSize octets over a digest of digestSize octets
// is its key's.
type Verifier interface {
	Verify(digest, sig []byte) bool
}

// Key is a public key, ready to verify. It is safe for concurrent use.
type Key struct{ halves halves }

// NewKey reads a public key of KeySize octets. The error is errKey.
func NewKey(xy []byte) (*Key, error) {
	var a affine
	if len(xy) != KeySize || !a.x.setBytes(xy[:32]) || !a.y.setBytes(xy[32:]) || !a.onCurve() {
		return nil, errKey
	}
	k := new(Key)
	k.halves.set(&a)
	return k, nil
}

// Table makes verifying with a key faster still. It takes 16 KiB, and about as long to make as
// three checks.
type Table struct{ comb *comb }

// Table returns a new table of the key.
func (k *Key) Table() *Table { return &Table{newComb(&k.halves[0][0])} }

// Verify implements Verifier.
func (k *Key) Verify(digest, sig []byte) bool {
	var c check
	return c.read(digest, sig) && c.passes(sumHalves(&c.u1, base(), &c.u2, &k.halves))
}

// Verify implements Verifier.
func (t *Table) Verify(digest, sig []byte) bool {
	var c check
	return c.read(digest, sig) && c.passes(sumComb(&c.u1, base(), &c.u2, t.comb))
}

// check is a signature that is right if the X coordinate of u1 G + u2 Q is r modulo n.
type check struct{ r, u1, u2 scalar }

// read reads a signature, and reports whether it may be one.
func (c *check) read(digest, sig []byte) bool {
	if len(digest) != digestSize || len(sig) != signatureSize {
		return false
	}
	var s scalar
	c.r.setBytes(sig[:32])
	s.setBytes(sig[32:])
	if c.r.isZero() || s.isZero() || !c.r.below(&order) || !s.below(&order) {
		return false
	}
	s.inverse(&s)
	c.u1.setBytes(digest)
	c.u1.times(&c.u1, &s)
	c.u2.times(&c.r, &s)
	return true
}

// passes reports whether p, which is u1 G + u2 Q, has the right X coordinate.
func (c *check) passes(p point) bool {
	if p.z.isZero() {
		return false
	}
	if p.hasX(&c.r) {
		return true
	}
	if !c.r.below(&wrap) {
		return false
	}
	c.r.add(&c.r, &order)
	return p.hasX(&c.r)
}

// hasX reports whether the point's X coordinate, which is X/Z^2, is x; without dividing. x is below
// the prime.
func (p *point) hasX(x *scalar) bool {
	var e, zz element
	e.set(x)
	sqr(&zz, &p.z)
	mul(&e, &e, &zz)
	return e == p.x
}
