package resolver

import (
	"net/netip"
	"testing"

	"bailiwick/internal/cause"
	"bailiwick/internal/nat64"
)

// routesOf are routes over some families of addresses.
type routesOf families

func (r routesOf) Families() (ipv4, ipv6 bool) { return r.v4, r.v6 }
func (routesOf) Lead(netip.Addr) bool          { return true }

// A family that is set to auto is used while there is a route, and IPv4 if there is none for
// either, as the machine may not know its routes. The operator's setting holds whatever the routes
// are. Servers that he names himself may be near, and need no such route.
func TestFamiliesFollowTheRoutesUnlessDecided(t *testing.T) {
	v4, v6 := netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("2620:fe::fe")
	for _, c := range []struct {
		ipv4, ipv6 Family
		routes     families
		want       families
		near       families // of servers that the operator names
	}{
		{FamilyAuto, FamilyAuto, families{true, true}, families{true, true}, families{true, true}},
		{FamilyAuto, FamilyAuto, families{true, false}, families{true, false},
			families{true, true}},
		{FamilyAuto, FamilyAuto, families{false, true}, families{false, true},
			families{true, true}},
		{FamilyAuto, FamilyAuto, families{}, families{true, false}, families{true, true}},
		{FamilyOn, FamilyOn, families{}, families{true, true}, families{true, true}},
		{FamilyOff, FamilyOn, families{true, false}, families{false, true},
			families{false, true}},
		{FamilyAuto, FamilyOff, families{false, true}, families{}, families{true, false}},
	} {
		r := &Resolver{cfg: Config{IPv4: c.ipv4, IPv6: c.ipv6}, routes: routesOf(c.routes)}
		if got := r.families(); got != c.want {
			t.Errorf("%+v: %+v", c, got)
		}
		for own, want := range map[bool]families{false: c.want, true: c.near} {
			got := families{r.mayAsk(v4, own, r.families()) == cause.None,
				r.mayAsk(v6, own, r.families()) == cause.None}
			if got != want {
				t.Errorf("%+v, named by the operator %v: %+v are asked", c, own, got)
			}
		}
	}
}

// An address behind our translator is that of an IPv4 server: the public tree cannot have the
// translator reach what it may not have us reach, and what is said of IPv6 networks is not about
// it. Without a translator it is an address as any other.
func TestNAT64MayNotReachWhatWeMayNot(t *testing.T) {
	prefix, err := nat64.ParsePrefix("2001:db8:64::/96")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		addr string
		own  bool
		want cause.Cause
	}{
		{"2001:db8:64::9.9.9.9", false, cause.None},
		{"2001:db8:64::127.0.0.1", false, cause.NoServers},
		{"2001:db8:64::10.0.0.1", false, cause.PrivateServers},
		{"2001:db8:64::10.0.0.1", true, cause.None},
		{"2001:db8:64::8.8.8.8", true, cause.NoServers}, // do_not_query
		{"8.8.8.8", false, cause.NoServers},
		{"9.9.9.9", false, cause.None},
		{"2620:fe::fe", true, cause.NoServers},
	} {
		r := &Resolver{cfg: Config{NAT64: prefix, DoNotQueryLocalhost: true,
			PrivateServers: PrivateRefuse, DoNotQuery: []netip.Prefix{
				netip.MustParsePrefix("8.8.8.8/32"), netip.MustParsePrefix("::/0")}},
			routes: routesOf{false, true}}
		if got := r.mayAsk(netip.MustParseAddr(c.addr), c.own, r.families()); got != c.want {
			t.Errorf("%s, own %v: %v, want %v", c.addr, c.own, got, c.want)
		}
	}
}
