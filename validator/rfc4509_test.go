package validator

import (
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// Which DS records of a set lead to keys (RFC 4035, section 5.2; RFC 4509, section 3; RFC 6840,
// section 5.11). Unbound, BIND and Knot Resolver accept every line that is secure here. In a
// regular change of provider the new key's DS is published, with the digest type that the new
// provider uses, while the old key signs: the digest of one key does not concern the other.
func TestRFC4509EachKeyHasItsOwnStrongestDigest(t *testing.T) {
	old, next := newSigner(t, 257, 3), newSigner(t, 257, 3)
	wrong := func(k *signer, digest uint8) string {
		ds := k.ToDS(digest)
		ds.Digest = strings.Repeat("5a", len(ds.Digest)/2)
		return ds.String()
	}
	ds := func(k *signer, digest uint8) string { return k.ToDS(digest).String() }
	short := next.ToDS(dns.SHA256)
	short.Digest = short.Digest[:40]
	twin := *old.ToDS(dns.SHA384) // a key of another algorithm with the same tag
	twin.Algorithm = dns.RSASHA256
	keys := signedKeys(t, old.DNSKEY, old.private)
	both := signedKeys(t, old.DNSKEY, old.private, next.DNSKEY)
	for _, c := range []struct {
		name string
		keys *wire.RRset
		ds   []string
		want cause.Cause
	}{
		{"SHA-384 of the next key beside SHA-256", keys, []string{ds(old, 2), ds(next, 4)},
			cause.None},
		{"SHA-384 of the next key before SHA-256", both, []string{ds(next, 4), ds(old, 2)},
			cause.None},
		{"SHA-256 of the next key beside SHA-1", keys, []string{ds(old, 1), ds(next, 2)},
			cause.None},
		{"SHA-256 of the same key is wrong, SHA-384 right", keys,
			[]string{wrong(old, 2), ds(old, 4)}, cause.None},
		{"SHA-384 of the same key is wrong, SHA-256 right", keys,
			[]string{wrong(old, 4), ds(old, 2)}, cause.None},
		{"SHA-1 is right, SHA-256 of the same key wrong", keys,
			[]string{ds(old, 1), wrong(old, 2)}, cause.DSMismatch},
		{"SHA-1 is right, SHA-384 of the same key wrong", keys,
			[]string{ds(old, 1), wrong(old, 4)}, cause.DSMismatch},
		{"SHA-1 is right, a better one is of another algorithm", keys,
			[]string{ds(old, 1), twin.String()}, cause.None},
		{"a digest of the wrong length", both, []string{short.String(), ds(old, 2)},
			cause.None},
		{"of a key that does not sign", both, []string{ds(next, 2)}, cause.KeySignatureMissing},
		{"of no key", keys, []string{ds(next, 2)}, cause.DSMismatch},
		{"three providers, two gone", keys, []string{ds(next, 4), wrong(next, 2), ds(old,
			2)}, cause.None},
	} {
		v := New(Config{})
		usable, why := v.UsableDS(readSets(t, c.ds)[0])
		if why != cause.None {
			t.Errorf("%s: none is usable: %v", c.name, why)
			continue
		}
		_, r := v.MatchDS(usable, c.keys, InstantOf(testNow), NewBudget())
		got := cause.None
		if r.Failure != nil {
			got = r.Failure.Cause
		}
		if got != c.want || (r.Status == wire.Secure) != (c.want == cause.None) {
			t.Errorf("%s: got %s %v, want %v", c.name, r.Status, got, c.want)
		}
	}
}

// Only a few digests may be computed without a match (KeyTrap's HashTrap), and only those of keys
// with the DS's tag and algorithm are computed.
func TestCVE202350387DigestsInVain(t *testing.T) {
	k, other := newSigner(t, 257, 3), newSigner(t, 257, 3)
	keys := signedKeys(t, k.DNSKEY, k.private, other.DNSKEY)
	var lines []string
	for i := range maxDigestMismatches + 3 {
		ds := k.ToDS(dns.SHA256)
		ds.Digest = strings.Repeat(string(rune('0'+i)), len(ds.Digest))
		lines = append(lines, ds.String())
	}
	v := New(Default())
	for n, want := range map[int]cause.Cause{maxDigestMismatches - 1: cause.None,
		maxDigestMismatches: cause.LimitDigests} {
		usable, _ := v.UsableDS(readSets(t, append(lines[:n:n], k.ToDS(dns.SHA256).String()))[0])
		_, r := v.MatchDS(usable, keys, InstantOf(testNow), NewBudget())
		if r.Failure == nil && want != cause.None || r.Failure != nil && r.Failure.Cause != want {
			t.Errorf("%d wrong digests before the right one: %v, want %v", n, r.Failure, want)
		}
	}
}
