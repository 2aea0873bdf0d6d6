package validator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// Section 2: EXTRA-TEXT has what the operator of the zone needs, which is the date of a signature
// whose time is over (zonemaster/zonemaster-cli 6, hardaker/dnssec-tools 1).
func TestRFC8914TextHasTheDates(t *testing.T) {
	k := newSigner(t, 257, 3)
	at := func(d time.Duration) uint32 { return uint32(testNow.Add(d).Unix()) }
	for _, c := range []struct {
		begins, ends time.Duration
		want         cause.Cause
		text         string
	}{
		{-48 * time.Hour, -36 * time.Hour, cause.SignatureExpired, "expired 2026-05-30T12:00Z"},
		{36 * time.Hour, 48 * time.Hour, cause.SignatureNotYetValid, "begins 2026-06-02T12:00Z"},
		{36 * time.Hour, -36 * time.Hour, cause.SignatureReversed,
			"2026-06-02T12:00Z to 2026-05-30T12:00Z"},
	} {
		set := k.sign(t, strings.Repeat("a-long-label.", 10)+"example.", func(s *dns.RRSIG) {
			s.Inception, s.Expiration = at(c.begins), at(c.ends)
		})
		r := New(Default()).VerifySet(set, keySet(t, k), InstantOf(testNow), NewBudget())
		want := fmt.Sprintf("/A key %d %s", k.KeyTag(), c.text)
		if r.Failure.Cause != c.want || !strings.HasSuffix(r.Failure.Extra(), want) {
			t.Errorf("%s: %q, want it to end with %q", r.Failure.Cause, r.Failure.Extra(), want)
		}
	}
}

// A DS mismatch has the tags that are expected, and those that are found: "no DNSKEY" alone is
// taken for a zone without any (zonemaster/zonemaster 362).
func TestRFC8914TextHasTheTagsOfADSMismatch(t *testing.T) {
	k, other := newSigner(t, 257, 3), newSigner(t, 257, 3)
	keys := signedKeys(t, k.DNSKEY, k.private)
	same := *k.ToDS(dns.SHA256)
	same.Digest = strings.Repeat("5a", len(same.Digest)/2)
	v := New(Default())
	for _, c := range []struct {
		ds   *dns.DS
		text string
	}{
		{other.ToDS(dns.SHA256), fmt.Sprintf("DS %d, DNSKEY %d", other.KeyTag(), k.KeyTag())},
		{&same, fmt.Sprintf("DS %d digest differs, DNSKEY %d", k.KeyTag(), k.KeyTag())},
	} {
		ds, _ := v.UsableDS(readSets(t, []string{c.ds.String()})[0])
		_, r := v.MatchDS(ds, keys, InstantOf(testNow), NewBudget())
		if r.Failure.Cause != cause.DSMismatch || r.Failure.Detail != c.text {
			t.Errorf("%s: %q, want %q", r.Failure.Cause, r.Failure.Detail, c.text)
		}
	}
}

// Codes 1 and 2: the numbers of what is not supported tell what to change. The digest types are
// those of the records whose algorithm is supported.
func TestRFC8914TextHasTheNumbersOfWhatIsNotSupported(t *testing.T) {
	ds := func(algorithm, digest uint8) string {
		return fmt.Sprintf("example. 60 IN DS 7 %d %d 5a5a", algorithm, digest)
	}
	v := New(Default())
	for _, c := range []struct {
		ds   []string
		why  cause.Cause
		text string
	}{
		{[]string{ds(5, 2), ds(100, 99)}, cause.AlgorithmUnsupported, "algorithm 5 100"},
		{[]string{ds(13, 99), ds(13, 3), ds(5, 2)}, cause.DigestUnsupported, "digest type 3 99"},
	} {
		set := readSets(t, c.ds)[0]
		use, why := v.UsableDS(set)
		if text := v.Unsupported(set, why); len(use) > 0 || why != c.why || text != c.text {
			t.Errorf("%v: %d usable, %s, %q, want %s, %q", c.ds, len(use), why, text, c.why, c.text)
		}
	}
}

// A long list of tags is cut, and says so: a zone cannot fill the text.
func TestMaxTagsToldBoundsTheText(t *testing.T) {
	if got := tagList([]uint16{9, 1, 5, 1, 7, 3, 8}); got != "1 3 5 7 +2" {
		t.Errorf("%q", got)
	}
}

// Code 11: none of the keys is a zone key. Their tags are others than the DS expects, as the flag
// is part of what the tag is made of.
func TestRFC8914NoZoneKeyBitSet(t *testing.T) {
	k, plain, zone := newSigner(t, 257, 3), newSigner(t, 1, 3), newSigner(t, 256, 3)
	v := New(Default())
	ds, _ := v.UsableDS(dsOf(t, k.DNSKEY))
	for _, c := range []struct {
		keys *wire.RRset
		want cause.Cause
	}{
		{signedKeys(t, plain.DNSKEY, plain.private), cause.KeyNotZone},
		{signedKeys(t, plain.DNSKEY, plain.private, zone.DNSKEY), cause.DSMismatch},
	} {
		if _, r := v.MatchDS(ds, c.keys, InstantOf(testNow), NewBudget()); r.Failure.Cause !=
			c.want {
			t.Errorf("%v, want %s", r.Failure, c.want)
		}
	}
}

// Code 10: the DNSKEY set has a signature, but none of a key that a DS names.
func TestRFC8914KeySetWithoutTheSignatureOfItsKSK(t *testing.T) {
	ksk, zsk := newSigner(t, 257, 3), newSigner(t, 256, 3)
	v := New(Default())
	ds, _ := v.UsableDS(dsOf(t, ksk.DNSKEY))
	set := signedKeys(t, zsk.DNSKEY, zsk.private, ksk.DNSKEY)
	_, r := v.MatchDS(ds, set, InstantOf(testNow), NewBudget())
	want := fmt.Sprintf("example./DNSKEY key %d", ksk.KeyTag())
	if code, _ := r.Failure.Cause.EDE(); code != 10 || r.Failure.Detail != want {
		t.Errorf("EDE %d %q, want 10 %q", code, r.Failure.Detail, want)
	}
}
