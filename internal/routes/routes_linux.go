package routes

import (
	"net/netip"

	"github.com/vishvananda/netlink"
)

// leads asks the kernel for the route that it would take, as it stands in the table.
func leads(a netip.Addr) bool {
	found, err := netlink.RouteGetWithOptions(a.AsSlice(), &netlink.RouteGetOptions{FIBMatch: true})
	if err != nil {
		return false // no route at all
	}
	for _, r := range found {
		if r.Dst != nil {
			if ones, _ := r.Dst.Mask.Size(); ones > 0 {
				return true
			}
		}
	}
	return false
}
