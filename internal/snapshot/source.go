// Where questions leave from, as far as this machine has it.

package snapshot

import (
	"net"
	"net/netip"
	"slices"

	"bailiwick/internal/config"
	"bailiwick/transport"
)

// fewPorts is from how many ports on it is hard enough to guess one.
const fewPorts = 16384

// aboutSource finds what questions cannot leave from now. Addresses and interfaces come and go, so
// that is a warning.
func aboutSource(cfg *config.Config) (found config.Findings) {
	s := cfg.Transport.Source
	here := localAddrs()
	if cfg.Transport.Absent && !transport.AbsentAddresses {
		found = append(found, cfg.Error("listen.absent", "wait needs Linux: this system cannot "+
			"listen at an address that is not there"))
	}
	for i, a := range s.Addrs {
		key := config.Item("resolver.source_addresses", i)
		switch {
		case a.IsUnspecified() || a.IsMulticast() || a.IsLinkLocalUnicast() && a.Is6():
			found = append(found, cfg.Error(key, "servers cannot be asked from %v", a))
		case len(here) > 0 && !slices.Contains(here, a.Unmap().WithZone("")):
			found = append(found, cfg.Warning(key, "%v is not an address of this machine: while "+
				"it is not, no question can leave from it", a))
		}
	}
	if s.Interface != "" {
		const key = "resolver.source_interface"
		if !transport.Interfaces {
			found = append(found, cfg.Error(key, "questions cannot be bound to an interface on "+
				"this system: that needs Linux"))
		} else if _, err := net.InterfaceByName(s.Interface); err != nil {
			found = append(found, cfg.Warning(key, "there is no interface %q: while it is not "+
				"there, no server can be asked", s.Interface))
		}
	}
	if n := s.Ports.Count(); n > 0 && n < fewPorts {
		found = append(found, cfg.Warning("resolver.source_ports",
			"%d ports are few: whoever forges replies has to guess less", n))
	}
	return found
}

// localAddrs returns the addresses of this machine; none where they cannot be found.
func localAddrs() (list []netip.Addr) {
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				list = append(list, addr.Unmap())
			}
		}
	}
	return list
}
