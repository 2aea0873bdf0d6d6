package validator

import (
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// oddRSA is a key that crypto/rsa refuses; it signs by RFC 8017, section 8.2.1.
type oddRSA struct {
	*dns.DNSKEY
	n, d *big.Int
}

func (k oddRSA) Public() crypto.PublicKey { return nil }

func (k oddRSA) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	size := (k.n.BitLen() + 7) / 8
	em := append([]byte{0,
		1}, []byte(strings.Repeat("\xff", size-3-len(digestInfo[crypto.SHA256])-32))...)
	em = append(append(append(em, 0), digestInfo[crypto.SHA256]...), digest...)
	return new(big.Int).Exp(new(big.Int).SetBytes(em), k.d, k.n).FillBytes(make([]byte, size)), nil
}

// newOddRSA returns a key of example. with a modulus of this many bits and this exponent.
func newOddRSA(t *testing.T, bits int, e *big.Int) oddRSA {
	t.Helper()
	one := big.NewInt(1)
	for {
		p, err := rand.Prime(rand.Reader, bits/2)
		q, err2 := rand.Prime(rand.Reader, bits-bits/2)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		n := new(big.Int).Mul(p, q)
		phi := new(big.Int).Mul(p.Sub(p, one), q.Sub(q, one))
		if d := new(big.Int).ModInverse(e, phi); d != nil && n.BitLen() == bits {
			return oddRSA{rsaRecord(n, e), n, d}
		}
	}
}

func rsaRecord(n, e *big.Int) *dns.DNSKEY {
	pub := append(append([]byte{byte(len(e.Bytes()))}, e.Bytes()...), n.Bytes()...)
	return &dns.DNSKEY{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeDNSKEY,
		Class: dns.ClassINET, Ttl: 300},
		Flags: 257, Protocol: 3, Algorithm: dns.RSASHA256,
		PublicKey: base64.StdEncoding.EncodeToString(pub)}
}

// signedKeys returns the DNSKEY set of example., signed by one of the keys.
func signedKeys(t testing.TB, k *dns.DNSKEY, private crypto.Signer,
	others ...*dns.DNSKEY) *wire.RRset {
	t.Helper()
	sig := &dns.RRSIG{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeRRSIG,
		Class: dns.ClassINET, Ttl: 300},
		Algorithm: k.Algorithm, KeyTag: k.KeyTag(), SignerName: "example.",
		Inception:  uint32(testNow.Add(-time.Hour).Unix()),
		Expiration: uint32(testNow.Add(time.Hour).Unix())}
	set, lines := []dns.RR{k}, []string{k.String()}
	for _, o := range others {
		set, lines = append(set, o), append(lines, o.String())
	}
	if err := sig.Sign(private, set); err != nil {
		t.Fatal(err)
	}
	return readSets(t, append(lines, sig.String()))[0]
}

// dsOf returns a DS set with the SHA-256 digests of keys.
func dsOf(t testing.TB, keys ...*dns.DNSKEY) *wire.RRset {
	var lines []string
	for _, k := range keys {
		lines = append(lines, k.ToDS(dns.SHA256).String())
	}
	return readSets(t, lines)[0]
}

func power(bits uint, plus int64) *big.Int {
	e := new(big.Int).Lsh(big.NewInt(1), bits)
	return e.Add(e, big.NewInt(plus))
}

// Exponents up to 35 bits are accepted, as in BIND: a top level zone had 2^32+1.
func TestRFC3110ExponentOf33Bits(t *testing.T) {
	for _, e := range []*big.Int{big.NewInt(3), big.NewInt(65537), power(31, 1), power(32, 1),
		power(35, -1)} {
		k := newOddRSA(t, 1024, e)
		set := signedKeys(t, k.DNSKEY, k)
		v := New(Default())
		ds, _ := v.UsableDS(dsOf(t, k.DNSKEY))
		if _, r := v.MatchDS(ds, set, InstantOf(testNow), NewBudget()); r.Status != wire.Secure {
			t.Errorf("exponent %v: %s %v", e, r.Status, r.Failure)
		}
	}
}

// A zone is insecure because of its keys if every usable DS names a key, by its digest, that is
// outside the limits. A key that a forger adds or removes changes nothing, and a bogus result has
// its cause.
func TestRFC3110RefusedKeys(t *testing.T) {
	large := rsaRecord(power(4096, 1), big.NewInt(65537))
	small := rsaRecord(power(510, 1), big.NewInt(65537))
	exponent := rsaRecord(power(1023, 1), power(35, 1))
	unreadable := rsaRecord(power(1023, 0), big.NewInt(65537)) // an even modulus
	revoked := rsaRecord(power(4097, 1), big.NewInt(65537))
	revoked.Flags |= wire.KeyFlagRevoke
	good, absent := newSigner(t, 257, 3), newSigner(t, 257, 3)
	other := *large.ToDS(dns.SHA256)
	other.Algorithm = dns.RSASHA512
	unsupported := *large.ToDS(dns.SHA256)
	unsupported.Algorithm = 100
	lines := func(keys ...*dns.DNSKEY) (l []string) {
		for _, k := range keys {
			l = append(l, k.ToDS(dns.SHA256).String())
		}
		return l
	}
	signed := signedKeys(t, good.DNSKEY, good.private, large, small, exponent, unreadable, revoked)
	for _, c := range []struct {
		name   string
		ds     []string
		status wire.Security
		cause  cause.Cause
	}{
		{"modulus too large", lines(large), wire.Insecure, cause.KeysRefused},
		{"modulus too small", lines(small), wire.Insecure, cause.KeysRefused},
		{"exponent too large", lines(exponent), wire.Insecure, cause.KeysRefused},
		{"all of them", lines(large, small, exponent), wire.Insecure, cause.KeysRefused},
		{"and one of an unknown algorithm", append(lines(large), unsupported.String()),
			wire.Insecure, cause.KeysRefused},
		{"beside a good one", lines(large, good.DNSKEY), wire.Secure, cause.None},
		{"a good one before", lines(good.DNSKEY, large), wire.Secure, cause.None},
		{"a DS of no key beside", lines(large, absent.DNSKEY), wire.Bogus, cause.KeyRefused},
		{"a DS of no key before", lines(absent.DNSKEY, large), wire.Bogus, cause.KeyRefused},
		{"of another algorithm", []string{other.String()}, wire.Bogus, cause.DSMismatch},
		{"unreadable", lines(unreadable), wire.Bogus, cause.KeyUnusable},
		{"unreadable beside", lines(large, unreadable), wire.Bogus, cause.KeyUnusable},
		{"revoked", lines(revoked), wire.Bogus, cause.KeyRevoked},
	} {
		v := New(Default())
		ds, _ := v.UsableDS(readSets(t, c.ds)[0])
		_, r := v.MatchDS(ds, signed, InstantOf(testNow), NewBudget())
		got := cause.None
		if r.Failure != nil {
			got = r.Failure.Cause
		}
		if r.Status != c.status || got != c.cause {
			t.Errorf("%s: got %s %s (%v), want %s %s", c.name, r.Status, got, r.Failure, c.status,
				c.cause)
		}
	}
}

// A set with a signature of a refused key and a valid one verifies, any number of times: checks
// that cost nothing do not count as failures. With the first signature alone it is bogus, with that
// cause.
func TestRFC3110SignatureOfARefusedKey(t *testing.T) {
	k, good := newOddRSA(t, 1024, power(35, 3)), newSigner(t, 257, 3)
	both := NewKeySet(readSets(t, []string{k.String(), good.String()})[0])
	v, b := New(Default()), NewBudget()
	for i := range 2 * maxSignatureFailures {
		owner := string(rune('a'+i)) + ".example."
		set := good.sign(t, owner, nil)
		a := &dns.A{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeA, Class: dns.ClassINET,
			Ttl: 300}, A: []byte{192, 0, 2, 1}}
		sig := &dns.RRSIG{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeRRSIG,
			Class: dns.ClassINET, Ttl: 300},
			Algorithm: k.Algorithm, KeyTag: k.KeyTag(), SignerName: "example.",
			Inception:  uint32(testNow.Add(-time.Hour).Unix()),
			Expiration: uint32(testNow.Add(time.Hour).Unix())}
		if err := sig.Sign(k, []dns.RR{a}); err != nil {
			t.Fatal(err)
		}
		refused := readSets(t, []string{a.String(), sig.String()})[0].Sigs
		set.Sigs = append(append(wire.RDataList(nil), refused...), set.Sigs...)
		if r := v.VerifySet(set, both, InstantOf(testNow), b); r.Status != wire.Secure {
			t.Fatalf("set %d: %v", i, r.Failure)
		}
		set.Sigs = refused
		if r := v.VerifySet(set, both, InstantOf(testNow), b); r.Status != wire.Bogus ||
			r.Failure.Cause != cause.KeyRefused {
			t.Fatalf("the refused key's alone: %v", r.Failure)
		}
	}
}

// CVE-2025-8677: keys that cannot be read count as failures, in signatures and below a DS.
func TestCVE20258677UnreadableKeysCount(t *testing.T) {
	k := newOddRSA(t, 1024, big.NewInt(65537))
	even := rsaRecord(new(big.Int).Add(k.n, big.NewInt(1)), big.NewInt(65537))
	set := signedKeys(t, k.DNSKEY, k)
	for name, judge := range map[string]func(*Validator, *Budget) Result{
		"signature": func(v *Validator, b *Budget) Result {
			ks := NewKeySet(readSets(t, []string{even.String()})[0])
			sig := append(wire.RDataList(nil), set.Sigs...)
			sig[2+16], sig[2+17] = byte(even.KeyTag()>>8), byte(even.KeyTag())
			s := *set
			s.Sigs = sig
			return v.VerifySet(&s, ks, InstantOf(testNow), b)
		},
		"DS": func(v *Validator, b *Budget) Result {
			ds, _ := v.UsableDS(dsOf(t, even))
			_, r := v.MatchDS(ds, readSets(t, []string{even.String()})[0], InstantOf(testNow), b)
			return r
		},
	} {
		v, b := New(Default()), NewBudget()
		if r := judge(v, b); r.Status != wire.Bogus || r.Failure.Cause != cause.KeyUnusable {
			t.Errorf("%s: %v", name, r.Failure)
		}
		if left := b.failures.Load(); left != maxSignatureFailures-1 {
			t.Errorf("%s: %d failures left", name, left)
		}
	}
}
