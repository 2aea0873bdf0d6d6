package resolver

import (
	"net/netip"
	"testing"

	"bailiwick/internal/cause"
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
