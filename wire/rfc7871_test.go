package wire

import (
	"bytes"
	"net/netip"
	"testing"
)

// TestRFC7871Option reads values of the option: what section 6 allows, and what it forbids.
func TestRFC7871Option(t *testing.T) {
	for _, c := range []struct {
		name    string
		value   string
		network string // "" for family 0
		scope   uint8
		ok      bool
	}{
		{"IPv4 /24", "\x00\x01\x18\x00\xc6\x33\x64", "198.51.100.0/24", 0, true},
		{"IPv4 /24 with a scope", "\x00\x01\x18\x10\xc6\x33\x64", "198.51.100.0/24", 16, true},
		{"a scope longer than the source", "\x00\x01\x18\x20\xc6\x33\x64", "198.51.100.0/24", 32,
			true},
		{"IPv4 /20: the last octet in part", "\x00\x01\x14\x00\xc6\x33\x60", "198.51.96.0/20", 0,
			true},
		{"IPv4 /32", "\x00\x01\x20\x00\xc6\x33\x64\x07", "198.51.100.7/32", 0, true},
		{"IPv4 /0", "\x00\x01\x00\x00", "0.0.0.0/0", 0, true},
		{"IPv6 /56", "\x00\x02\x38\x00\x20\x01\x0d\xb8\x00\x01\x02", "2001:db8:1:200::/56", 0,
			true},
		{"IPv6 /0", "\x00\x02\x00\x00", "::/0", 0, true},
		{"family 0, as dig +subnet=0 has it", "\x00\x00\x00\x00", "", 0, true},

		{"nothing", "", "", 0, false},
		{"too short", "\x00\x01\x00", "", 0, false},
		{"family 3", "\x00\x03\x18\x00\xc6\x33\x64", "", 0, false},
		{"family 0 with an address", "\x00\x00\x08\x00\x0a", "", 0, false},
		{"family 0 with a scope", "\x00\x00\x00\x08", "", 0, false},
		{"IPv4 /33", "\x00\x01\x21\x00\xc6\x33\x64\x07\x80", "", 0, false},
		{"IPv6 /129", "\x00\x02\x81\x00" + string(make([]byte, 17)), "", 0, false},
		{"IPv4 scope 33", "\x00\x01\x18\x21\xc6\x33\x64", "", 0, false},
		{"IPv6 scope 129", "\x00\x02\x08\x81\x20", "", 0, false},
		{"an octet too few", "\x00\x01\x18\x00\xc6\x33", "", 0, false},
		{"an octet too many", "\x00\x01\x18\x00\xc6\x33\x64\x00", "", 0, false},
		{"a bit beyond the prefix", "\x00\x01\x17\x00\xc6\x33\x65", "", 0, false},
		{"octets for a prefix of 0", "\x00\x01\x00\x00\x00", "", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, ok := ParseSubnet([]byte(c.value))
			if ok != c.ok {
				t.Fatalf("ok is %v", ok)
			}
			if !ok {
				return
			}
			var want netip.Prefix
			if c.network != "" {
				want = netip.MustParsePrefix(c.network)
			}
			if s.Network != want || s.Scope != c.scope {
				t.Errorf("got %v, scope %d", s.Network, s.Scope)
			}
			if b := s.AppendTo(nil); string(b) != c.value || s.Len() != len(c.value) {
				t.Errorf("written again it is %x", b)
			}
		})
	}
}

// FuzzSubnet holds the parser of the option to this: what it accepts is written again as it was.
func FuzzSubnet(f *testing.F) {
	f.Add([]byte("\x00\x01\x18\x00\xc6\x33\x64"))
	f.Add([]byte("\x00\x02\x38\x30\x20\x01\x0d\xb8\x00\x01\x02"))
	f.Add([]byte("\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, v []byte) {
		s, ok := ParseSubnet(v)
		if ok && !bytes.Equal(s.AppendTo(nil), v) {
			t.Errorf("%x is read as %v, scope %d", v, s.Network, s.Scope)
		}
	})
}

// TestSubnetAllocations reads and writes the option without allocation.
func TestSubnetAllocations(t *testing.T) {
	v, room := []byte("\x00\x01\x18\x00\xc6\x33\x64"), make([]byte, 0, 32)
	n := testing.AllocsPerRun(100, func() {
		s, _ := ParseSubnet(v)
		room = s.AppendTo(room[:0])
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}
