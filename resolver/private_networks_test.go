package resolver

import (
	"net/netip"
	"testing"
)

// Each network ends as in the registries, also if its length is not a multiple of an octet.
func TestPrivateNetworksOfTheSpecialPurposeRegistries(t *testing.T) {
	for _, c := range []struct{ before, first, last, after string }{
		{"", "0.0.0.0", "0.255.255.255", "1.0.0.0"},
		{"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
		{"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
		{"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
		{"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
		{"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
		{"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
		{"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
		{"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
		{"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
		{"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
		{"239.255.255.255", "240.0.0.0", "255.255.255.255", ""},
		{"64:ff9b::ffff", "64:ff9b:1::", "64:ff9b:1:ffff::", "64:ff9b:2::"},
		{"ff:ffff::", "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::"},
		{"2001:1:ffff::", "2001:2::", "2001:2:0:ffff::", "2001:2:1::"},
		{"2001:db7:ffff::", "2001:db8::", "2001:db8:ffff::", "2001:db9::"},
		{"3ffe:ffff::", "3fff::", "3fff:fff::", "3fff:1000::"},
		{"5eff:ffff::", "5f00::", "5f00:ffff::", "5f01::"},
		{"fbff:ffff::", "fc00::", "fdff:ffff::", "fe00::"},
		{"fe7f:ffff::", "fe80::", "febf:ffff::", ""},
		{"", "fec0::", "feff:ffff::", "ff00::"},
	} {
		for a, want := range map[string]bool{c.before: false, c.first: true, c.last: true,
			c.after: false} {
			if a != "" && isPrivate(netip.MustParseAddr(a)) != want {
				t.Errorf("%s is private: %v, want %v", a, !want, want)
			}
		}
	}
}
