package trustanchor

import (
	"os"
	"strings"
	"testing"

	"bailiwick/wire"
)

func tags(t *testing.T, s *Set, zone string) (tags []uint16) {
	t.Helper()
	set, ok := s.At(wire.MustParseName(zone))
	if !ok {
		return nil
	}
	for d := range set.Data.All() {
		ds, err := wire.ParseDS(d)
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, ds.KeyTag)
	}
	return tags
}

func TestBuiltin(t *testing.T) {
	if got := tags(t, Builtin(), "."); len(got) != 2 || got[0] != 20326 || got[1] != 38696 {
		t.Errorf("got %v, want KSK-2017 and KSK-2024", got)
	}
}

// Debian's dns-root-data has the same anchors, from another source.
func TestIANAAnchorsAgreeWithDebian(t *testing.T) {
	const path = "/usr/share/dns/root.ds"
	if _, err := os.Stat(path); err != nil {
		t.Skip("the package dns-root-data is not installed; .ci/run installs it")
	}
	theirs := &Set{}
	if err := theirs.AddFile(path); err != nil {
		t.Fatal(err)
	}
	ours, _ := Builtin().At(wire.Root)
	set, _ := theirs.At(wire.Root)
	for d := range set.Data.All() {
		if !ours.Data.Has(d) {
			t.Errorf("Debian trusts %x, we do not", d)
		}
	}
}

func TestAdd(t *testing.T) {
	s := &Set{}
	const key = "example. 3600 IN DNSKEY 257 3 13 " +
		"GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA=="
	if err := s.Add(key); err != nil {
		t.Fatal(err)
	}
	if err := s.Add("example. IN DS 1 13 2 " + strings.Repeat("ab", 32)); err != nil {
		t.Fatal(err)
	}
	if got := tags(t, s, "example."); len(got) != 2 || got[0] != 55648 {
		t.Errorf("got %v, want the key's tag 55648 (RFC 6605, section 6.1) and 1", got)
	}
	for bad, want := range map[string]string{
		"example. IN A 192.0.2.1":          "neither DS nor DNSKEY",
		"nonsense":                         "trust anchor",
		"":                                 "no record",
		"example. IN DNSKEY 256 4 13 AAAA": "not a zone key",
		"example. IN DNSKEY 1 3 13 AAAA":   "not a zone key",
	} {
		if err := s.Add(bad); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error that says %q", bad, err, want)
		}
	}
}

func TestZoneFile(t *testing.T) {
	s := &Set{}
	if err := s.AddZoneFile(strings.NewReader("; anchors\n. IN DS 1 13 2 "+strings.Repeat("ab",
		32)+"\nexample. IN DS 2 13 2 "+strings.Repeat("cd", 32)+"\n"), "anchors"); err != nil {
		t.Fatal(err)
	}
	if len(tags(t, s, ".")) != 1 || len(tags(t, s, "example.")) != 1 {
		t.Error("two zones, one anchor each")
	}
	for _, bad := range []string{"", "example. IN DS x\n", "example. IN NS a.example.\n"} {
		if err := s.AddZoneFile(strings.NewReader(bad), "anchors"); err == nil ||
			!strings.Contains(err.Error(), "anchors") {
			t.Errorf("%q: got %v, want an error that names the file", bad, err)
		}
	}
}
