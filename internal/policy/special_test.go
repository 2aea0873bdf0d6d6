package policy

import (
	"slices"
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
		{"printer.local", wire.TypeA, true, true, ""},
		{"x.alt", wire.TypeA, true, true, ""},
		{"x.internal", wire.TypeA, true, true, ""},
		{"x.default.service.arpa", wire.TypePTR, true, true, ""},
		{"localhost.example", wire.TypeA, false, false, ""},
		{"localhost", wire.TypeDS, true, false, ""},
		{"0.0.127.in-addr.arpa", wire.TypePTR, true, false, ""}, // there is a name below it
		{"127.in-addr.arpa", wire.TypePTR, true, false, ""},
		{"0.1.0.127.in-addr.arpa", wire.TypePTR, true, true, ""},
		{"2.0.0.127.in-addr.arpa", wire.TypePTR, true, true, ""},
		{".", wire.TypeNS, false, false, ""},
	} {
		l := Special(wire.Question{Name: wire.MustParseName(c.name), Type: c.t,
			Class: wire.ClassIN}, wire.Name{}, nil)
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

// RFC 1035, section 3.2.3: a question for ANY is for all records that the name has.
func TestRFC1035AnyOfASpecialName(t *testing.T) {
	for name, want := range map[string][]wire.Type{
		"localhost":                {wire.TypeA, wire.TypeAAAA, wire.TypeSOA, wire.TypeNS},
		"www.localhost":            {wire.TypeA, wire.TypeAAAA},
		"1.0.0.127.in-addr.arpa":   {wire.TypePTR},
		"0.0.127.in-addr.arpa":     nil,
		"10.in-addr.arpa":          {wire.TypeSOA, wire.TypeNS},
		"ipv4only.arpa":            {wire.TypeA, wire.TypeSOA, wire.TypeNS},
		"170.0.0.192.in-addr.arpa": {wire.TypePTR, wire.TypeSOA, wire.TypeNS},
	} {
		l := Special(wire.Question{Name: wire.MustParseName(name), Type: wire.TypeANY,
			Class: wire.ClassIN}, wire.Name{}, nil)
		var got []wire.Type
		for _, s := range l.Answer {
			got = append(got, s.Type)
		}
		if !slices.Equal(got, want) || l.NXDomain || (l.SOA == nil) != (want != nil) {
			t.Errorf("%s: %v, %+v", name, got, l)
		}
	}
}

// RFC 8880, section 7.1: the addresses of ipv4only.arpa and their reverse names are known, and it
// has no others where nothing is translated.
func TestRFC8880IPv4Only(t *testing.T) {
	for _, c := range []struct {
		name   string
		t      wire.Type
		answer string // the first record, "" for a denial of the type
	}{
		{"ipv4only.arpa", wire.TypeA, "\xc0\x00\x00\xaa"},
		{"ipv4only.arpa", wire.TypeAAAA, ""},
		{"170.0.0.192.in-addr.arpa", wire.TypePTR, "\x08ipv4only\x04arpa\x00"},
		{"171.0.0.192.in-addr.arpa", wire.TypePTR, "\x08ipv4only\x04arpa\x00"},
	} {
		l := Special(wire.Question{Name: wire.MustParseName(c.name), Type: c.t,
			Class: wire.ClassIN}, wire.Name{}, nil)
		if l == nil || l.NXDomain || (len(l.Answer) > 0) != (c.answer != "") {
			t.Errorf("%s %s: %+v", c.name, c.t, l)
			continue
		}
		if c.answer != "" && string(l.Answer[0].Data.First()) != c.answer {
			t.Errorf("%s %s: %q", c.name, c.t, l.Answer[0].Data.First())
		}
	}
	l := Special(wire.Question{Name: ipv4only, Type: wire.TypeA, Class: wire.ClassIN}, wire.Name{},
		nil)
	if l.Answer[0].Len() != 2 {
		t.Errorf("%d addresses", l.Answer[0].Len())
	}
}

// Each special zone can be made ordinary, and the others stay special.
func TestOrdinaryZones(t *testing.T) {
	ordinary := []wire.Name{wire.MustParseName("local"), wire.MustParseName("10.in-addr.arpa")}
	for name, special := range map[string]bool{"x.local": false, "local": false,
		"1.2.3.10.in-addr.arpa": false, "x.onion": true, "1.168.192.in-addr.arpa": true} {
		l := Special(wire.Question{Name: wire.MustParseName(name), Type: wire.TypeA,
			Class: wire.ClassIN}, wire.Name{}, ordinary)
		if (l != nil) != special {
			t.Errorf("%s: special %v", name, l != nil)
		}
	}
	if !IsSpecial(ordinary[0]) || IsSpecial(wire.MustParseName("x.local")) {
		t.Error("which names can be made ordinary")
	}
}

// A name that the root denies has no SOA set here either, and does not exist: nss-mdns, Avahi and
// systemd-resolved ask for the SOA of local, and none of their neighbours if there is one.
func TestRFC6762LocalIsNoZoneOfTheNetwork(t *testing.T) {
	for _, name := range []string{"local", "test", "invalid", "onion", "alt", "internal"} {
		for _, typ := range []wire.Type{wire.TypeSOA, wire.TypeNS, wire.TypeA, wire.TypeDS,
			wire.TypeANY} {
			l := Special(wire.Question{Name: wire.MustParseName(name), Type: typ,
				Class: wire.ClassIN}, wire.Name{}, nil)
			if !l.NXDomain || len(l.Answer) > 0 || l.SOA == nil || l.Denied.String() != name+"." {
				t.Errorf("%s %s: %+v", name, typ, l)
			}
		}
	}
}
