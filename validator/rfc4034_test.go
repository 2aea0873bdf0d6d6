// The form of signatures and keys: what is required before anything is computed.

package validator

import (
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// changed returns a set in which octets of the first RRSIG's RDATA are overwritten.
func changed(set *wire.RRset, at int, octets ...byte) *wire.RRset {
	c := *set
	c.Sigs = append(wire.RDataList(nil), set.Sigs...)
	copy(c.Sigs[2+at:], octets)
	return &c
}

// RFC 4035, section 5.3.1: a malformed signature is ignored and costs no check: it does not count
// as one of the query's few failures.
func TestRFC4034FormOfASignature(t *testing.T) {
	k := newSigner(t, 257, 3)
	www, wild := k.sign(t, "www.example.", nil), k.sign(t, "*.example.", nil)
	above := *www
	above.Name = wire.MustParseName("test")
	for _, c := range []struct {
		name string
		set  *wire.RRset
		want cause.Cause
	}{
		{"covers another type", changed(www, 0, 0, byte(wire.TypeMX)), cause.SignerMismatch},
		{"of an owner that is not in the zone", &above, cause.SignerMismatch},
		{"more labels than the owner", changed(www, 3, 3), cause.SignatureLabels},
		{"counts the asterisk as a label", changed(wild, 3, 2), cause.SignatureLabels},
		{"fewer labels than its zone", changed(www, 3, 0), cause.SignatureLabels},
		{"of an algorithm that is not supported", changed(www, 2, 100), cause.KeyNotFound},
		{"of another key", changed(www, 16, 0, 1), cause.KeyNotFound},
	} {
		b := NewBudget()
		r := New(Default()).VerifySet(c.set, keySet(t, k), InstantOf(testNow), b)
		if r.Status != wire.Bogus || r.Failure.Cause != c.want {
			t.Errorf("%s: %v, want %v", c.name, r.Failure, c.want)
		}
		if b.signatures.Load() != maxSignatureChecks || b.failures.Load() != maxSignatureFailures {
			t.Errorf("%s: it has cost something", c.name)
		}
	}
}

// Section 3.1.5: a signature is valid from its inception to its expiration, in serial arithmetic
// (RFC 1982): also across the second at which 32 bits end, on 7 February 2106.
func TestRFC4034TimesOfASignature(t *testing.T) {
	k := newSigner(t, 257, 3)
	for _, now := range []time.Time{testNow, time.Unix(1<<32-30, 0), time.Unix(1<<32+30, 0)} {
		for _, c := range []struct {
			name     string
			from, to time.Duration
			skew     time.Duration
			want     cause.Cause
		}{
			{"good", -time.Hour, time.Hour, 0, cause.None},
			{"to the last second", -time.Hour, 0, 0, cause.None},
			{"expired", -time.Hour, -time.Second, 0, cause.SignatureExpired},
			{"expired, within the skew", -time.Hour, -time.Second, time.Second, cause.None},
			{"from the first second", 0, time.Hour, 0, cause.None},
			{"not yet valid", time.Second, time.Hour, 0, cause.SignatureNotYetValid},
			{"not yet, within the skew", time.Second, time.Hour, time.Second, cause.None},
			{"expires before it begins", time.Minute, -time.Minute, time.Hour,
				cause.SignatureReversed},
			{"expires before it begins, long ago", -time.Hour, -2 * time.Hour, 0,
				cause.SignatureReversed},
			{"expires before it begins, later", 2 * time.Hour, time.Hour, 0,
				cause.SignatureReversed},
		} {
			set := k.sign(t, "www.example.", func(s *dns.RRSIG) {
				s.Inception = uint32(now.Add(c.from).Unix())
				s.Expiration = uint32(now.Add(c.to).Unix())
			})
			v := New(Config{Skew: c.skew})
			r := v.VerifySet(set, keySet(t, k), InstantOf(now), NewBudget())
			got := cause.None
			if r.Failure != nil {
				got = r.Failure.Cause
			}
			if got != c.want {
				t.Errorf("%s at %v: %v, want %v", c.name, now, got, c.want)
			}
		}
	}
}

// Sections 2.1.1 and 2.1.2: a DNSKEY without the zone key flag, or with another protocol, verifies
// nothing, whether a signature or a DS names it.
func TestRFC4034KeyThatIsNoZoneKey(t *testing.T) {
	keyMayNotSign(t, newSigner(t, 1, 3), cause.KeyNotZone)
	keyMayNotSign(t, newSigner(t, 257, 4), cause.KeyUnusable)
}

// RFC 5011, section 2.1: a revoked key is trusted only for its own revocation.
func TestRFC5011RevokedKeyVerifiesNothing(t *testing.T) {
	keyMayNotSign(t, newSigner(t, 257|wire.KeyFlagRevoke, 3), cause.KeyRevoked)
}

// keyMayNotSign fails the test if a key is accepted for a signature, or below its DS.
func keyMayNotSign(t *testing.T, k *signer, want cause.Cause) {
	t.Helper()
	v := New(Default())
	r := v.VerifySet(k.sign(t, "www.example.", nil), keySet(t, k), InstantOf(testNow), NewBudget())
	if r.Status != wire.Bogus || r.Failure.Cause != want {
		t.Errorf("a signature: %v, want %v", r.Failure, want)
	}
	ds, _ := v.UsableDS(dsOf(t, k.DNSKEY))
	keys := signedKeys(t, k.DNSKEY, k.private)
	if _, r := v.MatchDS(ds, keys, InstantOf(testNow), NewBudget()); r.Status != wire.Bogus ||
		r.Failure.Cause != want {
		t.Errorf("a DS: %v, want %v", r.Failure, want)
	}
}
