// What an interface is like, as the kernel tells.

package xdp

import (
	"fmt"
	"net"
	"os"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// device is an interface.
type device struct {
	name   string
	index  int
	mac    [6]byte
	mtu    int
	queues int  // of receiving
	hides  bool // VLAN tags, from the program
}

// ethtoolChannels is struct ethtool_channels of linux/ethtool.h.
type ethtoolChannels struct {
	command, maxRx, maxTx, maxOther, maxCombined uint32
	rx, tx, other, combined                      uint32
}

// ethtoolValue is struct ethtool_value.
type ethtoolValue struct{ command, data uint32 }

// flagRxVLAN is ETH_FLAG_RXVLAN: the device takes VLAN tags off what it receives.
const flagRxVLAN = 1 << 8

// findDevice finds an interface by its name.
func findDevice(name string) (d device, err error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return d, fmt.Errorf("interface %s: %w", name, err)
	}
	d = device{name: name, index: i.Index, mtu: i.MTU, queues: 1}
	if len(i.HardwareAddr) != len(d.mac) && i.Flags&net.FlagLoopback == 0 {
		return d, fmt.Errorf("interface %s is not Ethernet", name)
	}
	copy(d.mac[:], i.HardwareAddr)
	channels := ethtoolChannels{command: unix.ETHTOOL_GCHANNELS}
	if ethtool(name, unsafe.Pointer(&channels)) == nil {
		d.queues = max(1, int(channels.rx+channels.combined))
	} // else the driver has one, or none that could be set
	flags := ethtoolValue{command: unix.ETHTOOL_GFLAGS}
	if ethtool(name, unsafe.Pointer(&flags)) == nil {
		d.hides = flags.data&flagRxVLAN != 0
	}
	if d.queues > maxQueues {
		return d, fmt.Errorf("interface %s has %d receive queues; %d can be served "+
			"(`ethtool -L %s combined %d` sets that)", name, d.queues, maxQueues, name, maxQueues)
	}
	return d, nil
}

// ethtool makes a request of ethtool(8); what holds the command and its result.
func ethtool(name string, what unsafe.Pointer) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	var r struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte // the rest of struct ifreq
	}
	copy(r.name[:unix.IFNAMSIZ-1], name)
	r.data = what
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL,
		uintptr(unsafe.Pointer(&r))); e != 0 {
		return os.NewSyscallError("ioctl(SIOCETHTOOL)", e)
	}
	return nil
}

// attached returns the ID of the program that an interface has already, 0 for none.
func attached(name string) uint32 {
	l, err := netlink.LinkByName(name)
	if err != nil || l.Attrs().Xdp == nil || !l.Attrs().Xdp.Attached {
		return 0
	}
	return l.Attrs().Xdp.ProgId
}
