package cause

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

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
		if c.Hint() == "" || c.By().String() == "" || c.Shows() == "" {
			t.Errorf("%s: no hint, nobody who has to act, or no command that shows it", c)
		}
		if again, ok := Parse(c.Label()); !ok || again != c {
			t.Errorf("%s is read as %s", c, again)
		}
		if c.Kind() == KindDNSSEC || c.Kind() == KindNetwork {
			if _, ok := c.EDE(); !ok {
				t.Errorf("%s: SERVFAIL without an Extended DNS Error", c)
			}
		}
	}
}

// Records that outlive the process hold numbers of causes: those in testdata/numbers stay as they
// are, and that file only grows.
func TestNumbersNeverChange(t *testing.T) {
	kept, err := os.ReadFile("testdata/numbers")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(kept)), "\n")
	for _, line := range lines {
		var n Cause
		var label string
		if _, err := fmt.Sscan(line, &n, &label); err != nil {
			t.Fatal(err)
		}
		if !n.Known() || n.Label() != label {
			t.Errorf("%d is not %s any more", n, label)
		}
	}
	if len(lines) != len(All()) {
		t.Errorf("%d causes, and %d in testdata/numbers", len(All()), len(lines))
	}
}

// If several servers or signatures failed, the client gets the most precise cause.
func TestRank(t *testing.T) {
	for _, c := range []struct{ more, less Cause }{
		{SignatureInvalid, SignatureExpired}, {SignatureExpired, SignatureNotYetValid},
		{LimitSignatures, KeyTagCollision}, {KeyRevoked, KeyNotFound},
		{ServerRefused, Timeout}, {Timeout, Unreachable}, {LocalResources, ServerIdentity},
		{ServerFailed, Malformed}, {Spoofed, Timeout},
	} {
		if c.more.Rank() <= c.less.Rank() || c.less.Rank() == 0 {
			t.Errorf("%s has rank %d, %s has %d", c.more, c.more.Rank(), c.less, c.less.Rank())
		}
	}
}

func TestMostSpecificEDE(t *testing.T) {
	for c, want := range map[Cause]uint16{SignatureExpired: 7, SignatureNotYetValid: 8,
		DSMismatch: 9, SignatureMissing: 10, KeySignatureMissing: 10,
		DenialMissing: 12, Timeout: 22, Truncated: 23, SignatureInvalid: 6, AlgorithmUnsupported: 1,
		DigestUnsupported: 2, NSEC3Iterations: 27} {
		if got, ok := c.EDE(); !ok || got != want {
			t.Errorf("%s: EDE %d, want %d", c, got, want)
		}
	}
}

// named is a zone as New takes it.
type named string

func (n named) String() string { return string(n) }

// EXTRA-TEXT is short (RFC 8914, section 2). If it has to be shortened, names are: the operator of
// the zone needs the key tag and the type.
func TestExtraShortensNamesNotFacts(t *testing.T) {
	long := strings.Repeat("a-label-of-this-length.", 10) + "example."
	for _, c := range []struct {
		name string
		f    *Failure
		want string // "" if only the facts matter
		has  []string
	}{
		{"all fits", New(SignatureExpired, named("example."), "%s/%s key %d",
			"www.example.", "A", 4711).At(named("192.0.2.1:53")),
			"example. 192.0.2.1:53 www.example./A key 4711", nil},
		{"nothing is known", &Failure{Cause: LimitTime}, LimitTime.Text(), nil},
		{"a long owner", New(SignatureExpired, named("example."), "%s/%s key %d",
			long, "DNSKEY", 65535), "",
			[]string{"example. a-label-of-t", "h.example./DNSKEY key 65535"}},
		{"all is long", New(SignatureExpired, named(long), "%s/%s key %d",
			long, "DNSKEY", 65535).At(named("[2001:db8:1111:2222:3333:4444:5555:6666]:53")), "",
			[]string{"[2001:db8:1111:2222:3333:4444:5555:6666]:53", "/DNSKEY key 65535",
				"a-lab...ample. "}},
		{"a question", New(Timeout, named(long), "%s %s", long, "DNSKEY").At(named("192.0.2.1:53")),
			"",
			[]string{"192.0.2.1:53", " DNSKEY"}},
		{"a slash in a name",
			New(SignatureExpired, named("example."), "%s/%s key %d", "0/25."+long, "PTR", 1), "",
			[]string{"./PTR key 1"}},
		{"the root", New(DSMismatch, named("."), "DS %d", 20326), ". DS 20326", nil},
		{"no name at all", New(SignatureExpired, nil, "%0200d", 1), "", nil},
	} {
		got := c.f.Extra()
		if c.want != "" && got != c.want || len(got) > maxExtra {
			t.Errorf("%s: %d octets: %s", c.name, len(got), got)
		}
		for _, h := range c.has {
			if !strings.Contains(got, h) {
				t.Errorf("%s: %q is not in %q", c.name, h, got)
			}
		}
	}
}

// A failing server inside the operator's network is in the log and not in EXTRA-TEXT.
func TestExtraLeavesInsideServersOut(t *testing.T) {
	f := New(Timeout, named("corp."), "%s", "www.corp. A").At(named("10.0.0.53:53")).Inside()
	if got := f.Extra(); got != "corp. www.corp. A" {
		t.Errorf("clients hear %q", got)
	}
	if !strings.Contains(f.Error(), "10.0.0.53:53") || f.Server == "" {
		t.Errorf("the log has %q", f.Error())
	}
}
