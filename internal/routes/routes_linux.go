package routes

import (
	"net/netip"

	"github.com/vishvananda/netlink"
)

// leads asks the kernel for the entry of its table by which it would route to an address.
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
