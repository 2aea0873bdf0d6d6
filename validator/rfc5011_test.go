package validator

import (
	"bytes"
	"testing"
	"time"

	"bailiwick/wire"
)

// RFC 5011, sections 2.1 and 3: a key that may be an anchor has the SEP bit; one with the REVOKE
// bit is revoked if it has signed the set itself, and is the same key without the bit.
func TestRFC5011RevocationIsVerified(t *testing.T) {
	entry, zone := newSigner(t, 257, 3), newSigner(t, 256, 3)
	revoked, other := newSigner(t, 257, 3), newSigner(t, 257, 7)
	plain := rdataOf(t, revoked)
	revoked.Flags |= wire.KeyFlagRevoke
	v := New(Default())
	set := signedKeys(t, revoked.DNSKEY, revoked.private, entry.DNSKEY, zone.DNSKEY, other.DNSKEY)
	at := InstantOf(testNow)
	keys, gone := v.EntryPoints(set, at, NewBudget())
	if len(keys) != 1 || !bytes.Equal(keys[0], rdataOf(t, entry)) {
		t.Errorf("%d keys may be anchors, want the one with the SEP bit and protocol 3", len(keys))
	}
	if len(gone) != 1 || !bytes.Equal(gone[0], plain) {
		t.Errorf("%d keys are revoked: %x, want %x", len(gone), gone, plain)
	}
	late := InstantOf(testNow.Add(1000 * 24 * time.Hour))
	if _, gone = v.EntryPoints(set, late, NewBudget()); len(gone) > 0 {
		t.Error("revoked by a signature that has expired")
	}
	sig := set.Sigs.First()
	sig[len(sig)-1] ^= 1
	if _, gone = v.EntryPoints(set, at, NewBudget()); len(gone) > 0 {
		t.Error("revoked by a signature that is wrong")
	}
	set = signedKeys(t, entry.DNSKEY, entry.private, revoked.DNSKEY)
	if _, gone = v.EntryPoints(set, at, NewBudget()); len(gone) > 0 {
		t.Error("revoked by the signature of another key")
	}
}

// rdataOf is the RDATA of a key.
func rdataOf(t *testing.T, s *signer) []byte {
	t.Helper()
	return keySet(t, s).Set().Data.First()
}
