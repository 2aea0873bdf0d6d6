package cause

import "testing"

func TestTableIsComplete(t *testing.T) {
	seen := map[string]Cause{}
	for _, c := range All() {
		if c.Label() == "" || c.Text() == "" {
			t.Errorf("cause %d has no label or text", c)
		}
		if old, twice := seen[c.Label()]; twice {
			t.Errorf("causes %d and %d share the label %q", old, c, c.Label())
		}
		seen[c.Label()] = c
		if c.Kind() == KindDNSSEC || c.Kind() == KindNetwork {
			if c.Hint() == "" {
				t.Errorf("%s: an operator can do something about it, but no hint says what", c)
			}
			if _, ok := c.EDE(); !ok {
				t.Errorf("%s: SERVFAIL without an Extended DNS Error", c)
			}
		}
	}
}

func TestMostSpecificEDE(t *testing.T) {
	for c, want := range map[Cause]uint16{SignatureExpired: 7, SignatureNotYetValid: 8, DSMismatch: 9, SignatureMissing: 10,
		DenialMissing: 12, Timeout: 22, Truncated: 23, SignatureInvalid: 6, AlgorithmUnsupported: 1, DigestUnsupported: 2, NSEC3Iterations: 27} {
		if got, ok := c.EDE(); !ok || got != want {
			t.Errorf("%s: EDE %d, want %d", c, got, want)
		}
	}
}

func TestExtraIsShort(t *testing.T) {
	f := New(SignatureExpired, nil, "%0200d", 1)
	if len(f.Extra()) > maxExtra {
		t.Errorf("EXTRA-TEXT of %d octets", len(f.Extra()))
	}
}
