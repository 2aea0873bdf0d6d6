package validator

import (
	"crypto/elliptic"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// Only a few of a set's signatures are tried, including those that cost nothing.
func TestCVE202350387SignaturesOfASet(t *testing.T) {
	k := newSigner(t, 257, 3)
	good := k.sign(t, "www.example.", nil)
	expired := k.sign(t, "www.example.", func(s *dns.RRSIG) {
		s.Inception = uint32(testNow.Add(-3 * time.Hour).Unix())
		s.Expiration = uint32(testNow.Add(-2 * time.Hour).Unix())
	})
	for before, want := range map[int]wire.Security{MaxSignaturesPerSet - 1: wire.Secure,
		MaxSignaturesPerSet: wire.Bogus} {
		set := *good
		set.Sigs = nil
		for range before {
			set.Sigs = set.Sigs.Append(expired.Sigs.First())
		}
		set.Sigs = set.Sigs.Append(good.Sigs.First())
		if r := New(Default()).VerifySet(&set, keySet(t, k), InstantOf(testNow),
			NewBudget()); r.Status != want {
			t.Errorf("%d signatures before the good one: %s", before, r.Status)
		}
	}
}

// Only a few keys with the same tag and algorithm are tried.
func TestCVE202350387KeysOfATag(t *testing.T) {
	k := newSigner(t, 257, 3)
	set := k.sign(t, "www.example.", nil)
	for before, want := range map[int]cause.Cause{maxKeysPerTag - 1: cause.None,
		maxKeysPerTag: cause.KeyTagCollision} {
		ks := keySet(t, k)
		own := ks.all()[0]
		for range before {
			twin := keySet(t, newSigner(t, 257, 3)).all()[0]
			twin.tag = own.tag
			ks.keys = append([]*key{twin}, ks.keys...)
		}
		r := New(Default()).VerifySet(set, ks, InstantOf(testNow), NewBudget())
		if got := r.Failure; got == nil && want != cause.None || got != nil && got.Cause != want {
			t.Errorf("%d keys of the tag before the right one: %v, want %v", before, got, want)
		}
	}
}

// Many valid signatures are accepted, and few failures; costly ones count for more.
func TestCVE202350387GoodSignaturesAreNotTheAttack(t *testing.T) {
	k := newSigner(t, 257, 3)
	v, b, ks := New(Default()), NewBudget(), keySet(t, k)
	for i := range maxSignatureChecks + 1 {
		set := k.sign(t, "www.example.", func(s *dns.RRSIG) { s.OrigTtl = uint32(i) })
		r := v.VerifySet(set, ks, InstantOf(testNow), b)
		if good := i < maxSignatureChecks; (r.Status == wire.Secure) != good || !good &&
			r.Failure.Cause != cause.LimitSignatures {
			t.Fatalf("signature %d: %s %v", i+1, r.Status, r.Failure)
		}
	}
	point := func(c elliptic.Curve) []byte {
		p := c.Params()
		return append(p.Gx.Bytes(), p.Gy.Bytes()...)
	}
	rsa := func(bits uint, e *big.Int) []byte {
		return append(append([]byte{byte(len(e.Bytes()))}, e.Bytes()...),
			power(bits-1, 1).Bytes()...)
	}
	for _, c := range []struct {
		name   string
		alg    uint8
		public []byte
		want   int32
	}{
		{"P-256", algECDSAP256SHA256, point(elliptic.P256()), 1},
		{"P-384", algECDSAP384SHA384, point(elliptic.P384()), 2},
		{"Ed25519", algEd25519, make([]byte, 32), 1},
		{"Ed448", algEd448, make([]byte, 57), 2},
		{"RSA, 2,048 bits", algRSASHA256, rsa(2048, power(34, 1)), 1},
		{"RSA, 4,096 bits", algRSASHA256, rsa(4096, big.NewInt(65537)), 1},
		{"RSA, 4,096 bits, a long exponent", algRSASHA256, rsa(4096, power(34, 1)), 4},
	} {
		k, err := algorithms[c.alg].key(c.public)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := weight(k); got != c.want {
			t.Errorf("%s counts for %d, want %d", c.name, got, c.want)
		}
	}
}

// A digest whose length is wrong for its type is not computed, and costs nothing.
func TestCVE202350387DigestsOfAWrongLength(t *testing.T) {
	k := newSigner(t, 257, 3)
	keys := signedKeys(t, k.DNSKEY, k.private)
	var lines []string
	for i := range maxDigestMismatches + 1 {
		ds := k.ToDS(dns.SHA256)
		ds.Digest = strings.Repeat("ab", i+1)
		lines = append(lines, ds.String())
	}
	v := New(Default())
	usable, _ := v.UsableDS(readSets(t, append(lines, k.ToDS(dns.SHA256).String()))[0])
	if _, r := v.MatchDS(usable, keys, InstantOf(testNow), NewBudget()); r.Status != wire.Secure {
		t.Errorf("got %v", r.Failure)
	}
}
