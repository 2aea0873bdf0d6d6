// Errors of listening at an address that another process uses.

package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// busyError adds to an error of listening which process uses the address, or which right is
// missing, and what to do about it. network is tcp or udp.
func busyError(err error, network string, at netip.AddrPort) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return busy(err, procRoot, network, at)
	case errors.Is(err, syscall.EACCES) && at.Port() < 1024:
		return fmt.Errorf("%w; a port below 1024 takes root or the capability net_bind_service: "+
			"start it by the unit of the package, or as root with process.user, or take another "+
			"port", err)
	}
	return err
}

// Taken reports whether a process uses an address; false if that cannot be seen.
func Taken(network string, at netip.AddrPort) bool { return taken(procRoot, network, at) }

// taken looks for the holder of an address that cannot be opened. What can be opened has none, and
// to see that in the kernel's files costs milliseconds: it goes through all of its table of
// connections, which is as large as the machine's memory suggests.
func taken(root, network string, at netip.AddrPort) bool {
	if Openable(network, at) == nil {
		return false
	}
	_, has := holder(root, network, at)
	return has.IsValid()
}

// Openable returns why an address cannot be opened for one socket alone, nil if it can. network is
// tcp or udp.
func Openable(network string, at netip.AddrPort) error {
	var c io.Closer
	var err error
	if network == "udp" {
		c, err = net.ListenUDP(network, net.UDPAddrFromAddrPort(at))
	} else {
		c, err = net.ListenTCP(network, net.TCPAddrFromAddrPort(at))
	}
	if err != nil {
		return err
	}
	_ = c.Close() // it has nothing unsent
	return nil
}

func busy(err error, root, network string, at netip.AddrPort) error {
	process, has := holder(root, network, at)
	if process == "" {
		who := "ss -lnp shows by whom, to root"
		if has.IsValid() {
			who = fmt.Sprintf("at %v; %s", has, who)
		}
		return fmt.Errorf("%w: %s", err, who)
	}
	cure := "stop it, or listen at another address or port"
	if strings.HasPrefix(process, "systemd-resolve") { // the kernel cuts names off after 15 octets
		cure = "set DNSStubListener=no in /etc/systemd/resolved.conf and restart it, or listen at" +
			" specific addresses in place of " + at.Addr().String()
	}
	return fmt.Errorf("%w by %s, at %v; %s", err, process, has, cure)
}
