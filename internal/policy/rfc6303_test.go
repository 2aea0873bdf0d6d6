package policy

import (
	"testing"

	"bailiwick/wire"
)

// The DS of a special zone belongs to its parent (RFC 4035, section 3.1.4.1): validators that ask
// us have to know that the delegation is unsigned, and the parent proves that. Questions below the
// zone are answered here. The root does not delegate localhost, test and the others.
func TestRFC6303DSOfASpecialZoneIsItsParents(t *testing.T) {
	for name, here := range map[string]bool{"10.in-addr.arpa": false, "home.arpa": false,
		"d.f.ip6.arpa": false, "1.10.in-addr.arpa": true, "x.home.arpa": true, "localhost": true,
		"test": true, "onion": true} {
		q := wire.Question{Name: wire.MustParseName(name), Type: wire.TypeDS, Class: wire.ClassIN}
		if l := Special(q, wire.Name{}, nil); (l != nil) != here {
			t.Errorf("DS of %s: answered here: %v", name, l != nil)
		}
	}
}

// Section 3: MNAME is the zone, so that dynamic updates reach no server; or the name that the
// operator configures.
func TestRFC6303PrimaryOfASpecialZone(t *testing.T) {
	q := wire.Question{Name: wire.MustParseName("1.10.in-addr.arpa"), Type: wire.TypePTR,
		Class: wire.ClassIN}
	primary := wire.MustParseName("ns.corp.example")
	for server, want := range map[wire.Name]wire.Name{
		{}: wire.MustParseName("10.in-addr.arpa"), primary: primary} {
		rdata := Special(q, server, nil).SOA.Data.First()
		if _, err := wire.ParseSOA(rdata); err != nil {
			t.Fatal(err)
		}
		if got := string(rdata[:want.Len()]); got != want.Wire() {
			t.Errorf("MNAME is %q, want %q", got, want.Wire())
		}
	}
}
