package main

import (
	"encoding/binary"
	"net"
	"syscall"

	"golang.org/x/sys/unix"

	"bailiwick/internal/clock"
)

// presenceOf returns for how long an interface has been connected. The kernel counts how often the
// carrier of an interface has come or gone. Starts of the machine are told apart by their names: by
// the time of day two are the same on a machine without a clock that goes on while it is off.
func presenceOf(link string) (p presence) {
	i, err := net.InterfaceByName(link)
	if err != nil {
		return presence{}
	}
	changes, known := carrierChanges(i.Index)
	if !known {
		return presence{}
	}
	return presence{Boot: clock.BootID(), Index: i.Index, Changes: changes}
}

// carrierChanges returns how often the carrier of an interface has come or gone, by rtnetlink(7).
func carrierChanges(index int) (changes uint32, known bool) {
	table, err := syscall.NetlinkRIB(syscall.RTM_GETLINK, syscall.AF_UNSPEC)
	if err != nil {
		return 0, false
	}
	messages, err := syscall.ParseNetlinkMessage(table)
	if err != nil {
		return 0, false
	}
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != syscall.RTM_NEWLINK || len(m.Data) < syscall.SizeofIfInfomsg ||
			int(int32(binary.NativeEndian.Uint32(m.Data[4:]))) != index {
			continue
		}
		attrs, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			return 0, false
		}
		for _, a := range attrs {
			if a.Attr.Type == unix.IFLA_CARRIER_CHANGES && len(a.Value) >= 4 {
				return binary.NativeEndian.Uint32(a.Value), true
			}
		}
	}
	return 0, false
}
