package validator

import (
	"crypto/ecdsa"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// signer is a key pair of example.
type signer struct {
	*dns.DNSKEY
	private *ecdsa.PrivateKey
}

func newSigner(t testing.TB, flags uint16, protocol uint8) *signer {
	t.Helper()
	k := &dns.DNSKEY{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeDNSKEY,
		Class: dns.ClassINET, Ttl: 300}, Flags: flags, Protocol: protocol,
		Algorithm: dns.ECDSAP256SHA256}
	p, err := k.Generate(256)
	if err != nil {
		t.Fatal(err)
	}
	return &signer{k, p.(*ecdsa.PrivateKey)}
}

var testNow = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// sign returns a set of A records at owner with a signature; change may alter the RRSIG before it
// is made.
func (s *signer) sign(t testing.TB, owner string, change func(*dns.RRSIG)) *wire.RRset {
	t.Helper()
	a := &dns.A{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300},
		A: []byte{192, 0, 2, 1}}
	sig := &dns.RRSIG{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET,
		Ttl: 300}, Algorithm: s.Algorithm, KeyTag: s.KeyTag(), SignerName: "example.",
		Inception:  uint32(testNow.Add(-time.Hour).Unix()),
		Expiration: uint32(testNow.Add(time.Hour).Unix())}
	if change != nil {
		change(sig)
	}
	if err := sig.Sign(s.private, []dns.RR{a}); err != nil {
		t.Fatal(err)
	}
	return readSets(t, []string{a.String(), sig.String()})[0]
}

func keySet(t testing.TB, keys ...*signer) *KeySet {
	var lines []string
	for _, k := range keys {
		lines = append(lines, k.String())
	}
	return NewKeySet(readSets(t, lines)[0])
}

// Every cause for which a signature does not count.
func TestVerifySetCauses(t *testing.T) {
	good, other := newSigner(t, 257, 3), newSigner(t, 257, 3)
	at := func(d time.Duration) uint32 { return uint32(testNow.Add(d).Unix()) }
	for _, c := range []struct {
		name   string
		set    *wire.RRset
		keys   *KeySet
		policy Config
		want   cause.Cause // None: secure
	}{
		{"good", good.sign(t, "www.example.", nil), keySet(t, good), Config{}, cause.None},
		{"among other keys", good.sign(t, "www.example.", nil), keySet(t, other, good), Config{},
			cause.None},
		{"expired", good.sign(t, "www.example.", func(s *dns.RRSIG) {
			s.Inception,
				s.Expiration = at(-2*time.Hour), at(-time.Hour)
		}), keySet(t, good), Config{}, cause.SignatureExpired},
		{"expired within the skew", good.sign(t, "www.example.",
			func(s *dns.RRSIG) { s.Expiration = at(-time.Minute) }), keySet(t, good),
			Config{Skew: 2 * time.Minute}, cause.None},
		{"not yet valid", good.sign(t, "www.example.", func(s *dns.RRSIG) {
			s.Inception,
				s.Expiration = at(time.Hour), at(2*time.Hour)
		}), keySet(t, good), Config{}, cause.SignatureNotYetValid},
		{"not yet valid within the skew", good.sign(t, "www.example.",
			func(s *dns.RRSIG) { s.Inception = at(time.Minute) }), keySet(t, good),
			Config{Skew: 2 * time.Minute}, cause.None},
		{"expires before it begins", good.sign(t, "www.example.",
			func(s *dns.RRSIG) {
				s.Inception, s.Expiration = at(time.Minute),
					at(-time.Minute)
			}), keySet(t, good), Config{Skew: time.Hour},
			cause.SignatureReversed},
		{"times ignored", good.sign(t, "www.example.", func(s *dns.RRSIG) {
			s.Inception,
				s.Expiration = 1, 2
		}), keySet(t, good), Config{IgnoreTimes: true}, cause.None},
		{"unknown key", good.sign(t, "www.example.", nil), keySet(t, other), Config{},
			cause.KeyNotFound},
		{"signer of another zone", good.sign(t, "www.example.",
			func(s *dns.RRSIG) { s.SignerName = "test." }), keySet(t, good),
			Config{}, cause.SignerMismatch},
		{"signer below the owner", good.sign(t, "example.",
			func(s *dns.RRSIG) { s.SignerName = "www.example." }), keySet(t, good),
			Config{}, cause.SignerMismatch},
		{"disabled algorithm", good.sign(t, "www.example.", nil), keySet(t, good),
			Config{DisabledAlgorithms: []uint8{13}}, cause.KeyNotFound},
		{"no signature", &wire.RRset{Name: wire.MustParseName("www.example"), Type: wire.TypeA,
			Class: wire.ClassIN}, keySet(t, good), Config{}, cause.SignatureMissing},
	} {
		r := New(c.policy).VerifySet(c.set, c.keys, InstantOf(testNow), NewBudget())
		got := cause.None
		if r.Failure != nil {
			got = r.Failure.Cause
		}
		if got != c.want || (r.Status == wire.Secure) != (c.want == cause.None) {
			t.Errorf("%s: got %v %v, want %v", c.name, r.Status, got, c.want)
		}
	}
}

// RFC 4035, section 5.3.3, and the wildcard of section 5.3.4.
func TestVerifiedTTLAndWildcard(t *testing.T) {
	k := newSigner(t, 257, 3)
	v := New(Default())
	set := k.sign(t, "www.example.",
		func(s *dns.RRSIG) { s.Expiration = uint32(testNow.Add(10 * time.Second).Unix()) })
	if r := v.VerifySet(set, keySet(t, k), InstantOf(testNow), NewBudget()); r.TTL != 10 {
		t.Errorf("TTL %d, want the 10 s that the signature has left", r.TTL)
	}
	set = k.sign(t, "www.example.", nil)
	set.TTL = 86400
	if r := v.VerifySet(set, keySet(t, k), InstantOf(testNow), NewBudget()); r.TTL != 300 {
		t.Errorf("TTL %d, want the original 300", r.TTL)
	}
	set = k.sign(t, "*.example.", nil)
	if r := v.VerifySet(set, keySet(t, k), InstantOf(testNow),
		NewBudget()); r.Status != wire.Secure || !r.Encloser.IsZero() {
		t.Errorf("the wildcard itself: %v, encloser %v", r.Failure, r.Encloser)
	}
	set.Name = wire.MustParseName("a.b.example")
	if r := v.VerifySet(set, keySet(t, k), InstantOf(testNow),
		NewBudget()); r.Status != wire.Secure || r.Encloser != wire.MustParseName("example") {
		t.Errorf("expanded: %v, encloser %v", r.Failure, r.Encloser)
	}
}

// CVE-2026-44690: a "wildcard" above the zone that signed it.
func TestCVE202644690LabelsBelowTheSigner(t *testing.T) {
	k := newSigner(t, 257, 3)
	set := k.sign(t, "www.example.", nil)
	set.Sigs[2+3] = 0 // the labels of the first RRSIG
	r := New(Default()).VerifySet(set, keySet(t, k), InstantOf(testNow), NewBudget())
	if r.Status != wire.Bogus || r.Failure.Cause != cause.SignatureLabels {
		t.Errorf("got %v", r.Failure)
	}
}

// KeyTrap (CVE-2023-50387): many signatures times many keys of one tag cost no more than the
// budget.
func TestCVE202350387FailuresAreBounded(t *testing.T) {
	k := newSigner(t, 257, 3)
	ks := keySet(t, k)
	for range 50 { // keys with one tag
		twin := newSigner(t, 257, 3)
		x := keySet(t, twin).all()[0]
		x.tag = ks.all()[0].tag
		ks.keys = append([]*key{x}, ks.keys...)
	}
	v, b := New(Default()), NewBudget()
	for i := range 20 {
		set := k.sign(t, "www.example.", func(s *dns.RRSIG) { s.OrigTtl = uint32(i) })
		for range 30 {
			set.Sigs = set.Sigs.Append(set.Sigs.First())
		}
		if r := v.VerifySet(set, ks, InstantOf(testNow), b); r.Status != wire.Bogus {
			t.Fatalf("got %v", r.Status)
		}
	}
	if _, computed := v.CacheStats(); computed > maxSignatureFailures {
		t.Errorf("%d signatures computed, want at most %d failures", computed, maxSignatureFailures)
	}
}

// An equal set costs no second verification; another does.
func TestSignatureCache(t *testing.T) {
	k := newSigner(t, 257, 3)
	v := New(Default())
	ks := keySet(t, k)
	set := k.sign(t, "www.example.", nil)
	for range 3 {
		v.VerifySet(set, ks, InstantOf(testNow), NewBudget())
	}
	if hits, misses := v.CacheStats(); hits != 2 || misses != 1 {
		t.Errorf("%d hits, %d misses", hits, misses)
	}
	bad := *set
	bad.Data = append(wire.RDataList(nil), set.Data...)
	bad.Data[len(bad.Data)-1] ^= 1
	if r := v.VerifySet(&bad, ks, InstantOf(testNow), NewBudget()); r.Status == wire.Secure {
		t.Error("the result of one set stands for another")
	}
}

func TestMatchDS(t *testing.T) {
	k := newSigner(t, 257, 3)
	sig := &dns.RRSIG{Hdr: dns.RR_Header{Name: "example.", Rrtype: dns.TypeRRSIG,
		Class: dns.ClassINET, Ttl: 300}, Algorithm: k.Algorithm, KeyTag: k.KeyTag(),
		SignerName: "example.",
		Inception:  uint32(testNow.Add(-time.Hour).Unix()),
		Expiration: uint32(testNow.Add(time.Hour).Unix())}
	if err := sig.Sign(k.private, []dns.RR{k.DNSKEY}); err != nil {
		t.Fatal(err)
	}
	set := readSets(t, []string{k.String(), sig.String()})[0]
	usable := func(v *Validator, lines ...string) ([]wire.DS,
		cause.Cause) {
		return v.UsableDS(readSets(t, lines)[0])
	}
	sha1, sha256 := k.ToDS(dns.SHA1), k.ToDS(dns.SHA256)
	wrong := *sha256
	wrong.Digest = strings.Repeat("5a", len(wrong.Digest)/2)
	unknownAlgorithm, unknownDigest := *sha256, *sha256
	unknownAlgorithm.Algorithm, unknownDigest.DigestType = 100, 100
	for _, c := range []struct {
		name   string
		policy Config
		ds     []string
		usable cause.Cause // why no DS can be used; None: go on
		match  cause.Cause
	}{
		{"SHA-256", Config{}, []string{sha256.String()}, cause.None, cause.None},
		{"SHA-1", Config{}, []string{sha1.String()}, cause.None, cause.None},
		{"wrong digest", Config{}, []string{wrong.String()}, cause.None, cause.DSMismatch},
		{"SHA-1 beside a better one of the key", Config{},
			[]string{sha1.String(), wrong.String()}, cause.None, cause.DSMismatch},
		{"one of two matches", Config{}, []string{wrong.String(), sha256.String()}, cause.None,
			cause.None},
		{"unknown algorithm", Config{}, []string{unknownAlgorithm.String()},
			cause.AlgorithmUnsupported, 0},
		{"unknown digest", Config{}, []string{unknownDigest.String()}, cause.DigestUnsupported, 0},
		{"unknown beside known", Config{}, []string{unknownAlgorithm.String(), sha256.String()},
			cause.None, cause.None},
	} {
		v := New(c.policy)
		ds, why := usable(v, c.ds...)
		if why != c.usable {
			t.Errorf("%s: usable: got %v, want %v", c.name, why, c.usable)
			continue
		}
		if len(ds) == 0 {
			continue
		}
		_, r := v.MatchDS(ds, set, InstantOf(testNow), NewBudget())
		got := cause.None
		if r.Failure != nil {
			got = r.Failure.Cause
		}
		if got != c.match {
			t.Errorf("%s: match: got %v, want %v", c.name, got, c.match)
		}
	}
}

// RSA keys of unusual sizes: costly ones are refused, and some that the standard library refuses
// are valid.
func TestRFC3110KeysOfOddSizes(t *testing.T) {
	public := func(e *big.Int, n *big.Int) []byte {
		eb := e.Bytes()
		return append(append([]byte{byte(len(eb))}, eb...), n.Bytes()...)
	}
	odd := func(bits int) *big.Int {
		n := new(big.Int).Lsh(big.NewInt(1),
			uint(bits-1))
		return n.SetBit(n, 0, 1)
	}
	for name, c := range map[string]struct {
		key  []byte
		good bool
	}{
		"512 bits":              {public(big.NewInt(3), odd(512)), true},
		"511 bits":              {public(big.NewInt(3), odd(511)), false},
		"4096 bits":             {public(big.NewInt(65537), odd(4096)), true},
		"4097 bits":             {public(big.NewInt(65537), odd(4097)), false},
		"exponent 35 bits":      {public(odd(35), odd(1024)), true},
		"exponent 36 bits":      {public(odd(36), odd(1024)), false},
		"even exponent":         {public(big.NewInt(4), odd(1024)), false},
		"exponent 1":            {public(big.NewInt(1), odd(1024)), false},
		"no modulus":            {[]byte{1, 3}, false},
		"empty":                 {nil, false},
		"long exponent length":  {append([]byte{0, 0, 1, 3}, odd(512).Bytes()...), true},
		"exponent past the end": {[]byte{0, 255, 255, 1}, false},
	} {
		_, err := algorithms[algRSASHA256].key(c.key)
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, block := range readFile(b, "testdata/rfc-signatures.txt")[1:] {
		sets := readSets(b, block)
		key, set := wire.FindType(sets, wire.TypeDNSKEY), sets[len(sets)-1]
		ks, at := NewKeySet(key), within(b, set)
		b.Run(set.Name.String()+set.Type.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				New(Config{SHA1: true, SignatureCache: 1}).VerifySet(set, ks, at, NewBudget())
			}
		})
	}
}

func BenchmarkVerifyCached(b *testing.B) {
	k := newSigner(b, 257, 3)
	v, ks, set := New(Default()), keySet(b, k), k.sign(b, "www.example.", nil)
	b.ReportAllocs()
	for b.Loop() {
		v.VerifySet(set, ks, InstantOf(testNow), NewBudget())
	}
}
