package nat64

import (
	"net/netip"
	"strings"
	"testing"
)

// RFC 6052, section 2.4, table 1 has an address for every length of a prefix, and table 2 has the
// well-known one.
func TestRFC6052AddressesOfEveryLength(t *testing.T) {
	v4 := netip.MustParseAddr("192.0.2.33")
	for prefix, want := range map[string]string{
		"2001:db8::/32":           "2001:db8:c000:221::",
		"2001:db8:100::/40":       "2001:db8:1c0:2:21::",
		"2001:db8:122::/48":       "2001:db8:122:c000:2:2100::",
		"2001:db8:122:300::/56":   "2001:db8:122:3c0:0:221::",
		"2001:db8:122:344::/64":   "2001:db8:122:344:c0:2:2100::",
		"2001:db8:122:344::/96":   "2001:db8:122:344::192.0.2.33",
		"64:ff9b::/96":            "64:ff9b::192.0.2.33",
		"64:ff9b:1:fffe::/96":     "64:ff9b:1:fffe::192.0.2.33", // RFC 8215
		"2001:db8:122:344:5::/96": "2001:db8:122:344:5::192.0.2.33",
	} {
		p, err := ParsePrefix(prefix)
		if err != nil {
			t.Errorf("%s: %v", prefix, err)
			continue
		}
		a := p.Embed(v4)
		if a != netip.MustParseAddr(want) {
			t.Errorf("%s: %s, want %s", prefix, a, want)
		}
		if back, ok := p.Exact(a); !ok || back != v4 {
			t.Errorf("%s: back from %s: %s %v", prefix, a, back, ok)
		}
		if p.String() != prefix {
			t.Errorf("%s is printed as %s", prefix, p)
		}
	}
}

// RFC 6052, section 2.2: a prefix has one of six lengths, and bits 64 to 71 are zero.
func TestRFC6052PrefixesThatAreNone(t *testing.T) {
	for s, why := range map[string]string{
		"2001:db8::/33":               "length",
		"2001:db8::/95":               "length",
		"2001:db8::/128":              "length",
		"::/0":                        "length",
		"2001:db8:0:0:100::/96":       "bits 64 to 71",
		"2001:db8::1/96":              "behind its length",
		"192.0.2.0/24":                "not an IPv6 network",
		"::ffff:0:0/96":               "not an IPv6 network",
		"64:ff9b::":                   "not an IPv6 network",
		"2001:db8:0:0:1:0:0:1/64":     "behind its length",
		"2001:db8:0:0:ff00::/64":      "bits 64 to 71",
		"":                            "not an IPv6 network",
		"2001:db8:1:2:3:4:5:6:7:8/96": "not an IPv6 network",
	} {
		if p, err := ParsePrefix(s); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, %v; want %q", s, p, err, why)
		}
	}
}

// RFC 6052, section 2.3: what a translator makes of an address does not depend on the octets that
// should be zero; but only an address without them is one that was made here.
func TestRFC6052OctetsThatShouldBeZero(t *testing.T) {
	p, _ := ParsePrefix("2001:db8:122::/48")
	want := netip.MustParseAddr("192.0.2.33")
	for a, exact := range map[string]bool{"2001:db8:122:c000:2:2100::": true,
		"2001:db8:122:c000:ff02:2100::": false, "2001:db8:122:c000:2:2100::1": false} {
		v4, ok := p.Extract(netip.MustParseAddr(a))
		if !ok || v4 != want {
			t.Errorf("%s: %s %v", a, v4, ok)
		}
		if _, is := p.Exact(netip.MustParseAddr(a)); is != exact {
			t.Errorf("%s: exact %v", a, is)
		}
	}
	if _, ok := p.Extract(netip.MustParseAddr("2001:db8:123::")); ok {
		t.Error("an address without the prefix has an IPv4 address")
	}
	if _, ok := (Prefix{}).Extract(want); ok || !(Prefix{}).IsZero() {
		t.Error("no prefix has addresses")
	}
}

// RFC 6052, section 3.1: the well-known prefix stands for global addresses alone, others for all.
func TestRFC6052WellKnownPrefixIsForGlobalAddresses(t *testing.T) {
	own, _ := ParsePrefix("2001:db8:64::/96")
	for a, global := range map[string]bool{"10.0.0.1": false, "192.168.1.1": false,
		"172.31.0.1": false, "172.32.0.1": true, "127.0.0.1": false, "192.0.0.170": false,
		"100.64.0.1": false, "8.8.8.8": true, "224.0.0.1": false, "255.255.255.255": false} {
		v4 := netip.MustParseAddr(a)
		if WellKnown.MayEmbed(v4) != global || !own.MayEmbed(v4) {
			t.Errorf("%s: well-known %v, own %v", a, WellKnown.MayEmbed(v4), own.MayEmbed(v4))
		}
	}
}
