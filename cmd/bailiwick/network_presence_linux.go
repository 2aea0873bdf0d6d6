package main

import (
	"encoding/binary"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// presenceOf returns for how long an interface has been connected. The kernel counts how often the
// carrier of an interface has come or gone.
func presenceOf(link string) (p presence) {
	i, err := net.InterfaceByName(link)
	if err != nil {
		return presence{}
	}
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return presence{}
	}
	changes, known := carrierChanges(i.Index)
	if !known {
		return presence{}
	}
	return presence{Boot: time.Now().Unix() - up.Sec, Index: i.Index, Changes: changes}
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
