// The key of interfaces whose packets are taken before the kernel's network stack has them.

package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"bailiwick/internal/xdp"
)

// maxInterfaceName is the longest name of an interface (linux/if.h: IFNAMSIZ).
const maxInterfaceName = 15

// xdpPort is the port of an address without one.
const xdpPort = 53

// maxVLAN is the largest ID of a VLAN (IEEE 802.1Q: 0xfff is reserved).
const maxVLAN = 0xffe

// zeroCopy are the values of zero_copy.
var zeroCopy = map[string]bool{"": false, "auto": false, "off": true}

var xdpKeys = []key{
	{key: "listen.xdp", kind: kindRecords,
		fields: []string{"interface", "address[]", "vlan[]", "zero_copy"},
		help: "interfaces whose UDP packets for an address are taken before the kernel's network " +
			"stack has them (AF_XDP; Linux 5.11 with CAP_NET_ADMIN, CAP_BPF, CAP_NET_RAW and " +
			"CAP_IPC_LOCK at the start): address are some of listen.udp, vlan the IDs of VLANs, " +
			"0 for packets without a tag, 0 alone by default; zero_copy is auto, or off where a " +
			"driver fails at it; firewalls, routes and captures do not see these packets; what " +
			"cannot be had is answered by sockets, with a warning",
		binding: binding{
			set: func(c *Config, v value) error {
				list, err := xdpSpecs(v)
				c.XDP = list
				return err
			},
		}},
}

// xdpSpecs reads the interfaces.
func xdpSpecs(v value) (out []xdp.Spec, err error) {
	err = v.each(func(_ int, r record) error {
		s := xdp.Spec{Interface: r.text("interface")}
		var errs []error
		say := func(field, format string, args ...any) {
			errs = append(errs, inField(field, fmt.Errorf(format, args...)))
		}
		switch {
		case s.Interface == "" || len(s.Interface) > maxInterfaceName ||
			strings.ContainsAny(s.Interface, "/ "):
			say("interface", "%q is not the name of an interface, such as eth0", s.Interface)
		case slices.ContainsFunc(out, func(o xdp.Spec) bool {
			return o.Interface == s.Interface
		}):
			say("interface", "%s stands here twice", s.Interface)
		}
		var err error
		s.Addresses, err = xdpAddresses(r["address"])
		errs = append(errs, inField("address", err))
		s.VLANs, err = vlans(r["vlan"])
		errs = append(errs, inField("vlan", err))
		if n := len(s.Addresses) * len(s.VLANs); n > xdp.MaxAddresses {
			say("address", "%d addresses in %d VLANs are more than %d", len(s.Addresses),
				len(s.VLANs), xdp.MaxAddresses)
		}
		known := false
		word := strings.ToLower(r.text("zero_copy"))
		if s.Copied, known = zeroCopy[word]; !known {
			say("zero_copy", "%q is not auto or off", word)
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
		out = append(out, s)
		return nil
	})
	return out, err
}

// xdpAddresses reads the addresses of an interface.
func xdpAddresses(list []string) (out []netip.AddrPort, err error) {
	if len(list) == 0 {
		return nil, errors.New("an interface wants the addresses that packets are taken for")
	}
	var errs []error
	for i, text := range list {
		a, err := address(text, xdpPort)
		switch {
		case err != nil:
		case a.Addr().IsUnspecified():
			err = fmt.Errorf("%v is no address of packets: name those of this machine", a.Addr())
		case a.Addr().IsMulticast() || a.Addr().Zone() != "" || a.Addr().Is4In6() ||
			a.Addr().IsLinkLocalUnicast() || a.Port() == 0:
			err = fmt.Errorf("%v: packets can be taken for a port of an address of one machine "+
				"that is not link-local", a)
		case slices.Contains(out, a):
			err = fmt.Errorf("%v stands here twice", a)
		default:
			out = append(out, a)
		}
		errs = append(errs, inItem(i, err))
	}
	return out, errors.Join(errs...)
}

// vlans reads IDs of VLANs; without any there are packets without a tag alone.
func vlans(list []string) (out []uint16, err error) {
	var errs []error
	for i, text := range list {
		id, err := strconv.ParseUint(text, 10, 16)
		if err != nil || id > maxVLAN || slices.Contains(out, uint16(id)) {
			errs = append(errs, inItem(i, fmt.Errorf("%q is not the ID of another VLAN, 0 to %d",
				text, maxVLAN)))
			continue
		}
		out = append(out, uint16(id))
	}
	if len(list) == 0 {
		out = []uint16{0}
	}
	return out, errors.Join(errs...)
}

// xdpContradictions finds addresses that no socket serves: what is not taken would stay unanswered.
func (c *Config) xdpContradictions(all []bound, say reporter) {
	for i, s := range c.XDP {
		for j, a := range s.Addresses {
			if slices.ContainsFunc(all, func(l bound) bool {
				return l.via.Framed() && (l.Addr == a || covers(l.Addr, a))
			}) {
				continue
			}
			say(Item(Item("listen.xdp", i)+".address", j), "%v is not among listen.udp: its "+
				"socket answers what does not come by AF_XDP, and all if that cannot be had", a)
		}
	}
}
