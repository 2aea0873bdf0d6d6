package policy

import (
	"testing"

	"bailiwick/wire"
)

func TestSpecial(t *testing.T) {
	for _, c := range []struct {
		name     string
		t        wire.Type
		special  bool
		nxdomain bool
		answer   string
	}{
		{"localhost", wire.TypeA, true, false, "\x7f\x00\x00\x01"},
		{"www.localhost", wire.TypeAAAA, true, false,
			"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
		{"localhost", wire.TypeMX, true, false, ""},
		{"x.invalid", wire.TypeA, true, true, ""},
		{"x.onion", wire.TypeA, true, true, ""},
		{"1.0.0.127.in-addr.arpa", wire.TypePTR, true, false, "\x09localhost\x00"},
		{"1.2.3.10.in-addr.arpa", wire.TypePTR, true, true, ""},
		{"1.2.20.172.in-addr.arpa", wire.TypePTR, true, true, ""},
		{"10.in-addr.arpa", wire.TypeNS, true, false, "\x0210\x07in-addr\x04arpa\x00"},
		{"1.2.33.172.in-addr.arpa", wire.TypePTR, false, false, ""},
		{"8.8.8.8.in-addr.arpa", wire.TypePTR, false, false, ""},
		{"localhost.example", wire.TypeA, false, false, ""},
		{"localhost", wire.TypeDS, true, false, ""},
		{".", wire.TypeNS, false, false, ""},
	} {
		l := Special(wire.Question{Name: wire.MustParseName(c.name), Type: c.t,
			Class: wire.ClassIN}, wire.Name{})
		if (l != nil) != c.special {
			t.Errorf("%s: special %v", c.name, l != nil)
			continue
		}
		if l == nil {
			continue
		}
		got := ""
		if len(l.Answer) > 0 {
			got = string(l.Answer[0].Data.First())
		}
		if l.NXDomain != c.nxdomain || got != c.answer || (l.SOA == nil) != (c.answer != "") {
			t.Errorf("%s/%s: got %+v", c.name, c.t, l)
		}
		if l.SOA != nil {
			if _, err := wire.ParseSOA(l.SOA.Data.First()); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}
