package transport

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// "address already in use" names the process, and what to do about it.
func TestBusyAddressNamesItsHolder(t *testing.T) {
	root := t.TempDir()
	write := func(file, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const head = "  sl  local_address rem_address st tx_queue rx_queue tr tm->when retrnsmt uid " +
		"timeout inode\n"
	line := func(addr, state, inode string) string {
		return "   0: " + addr + " 00000000:0000 " + state +
			" 00000000:00000000 00:00000000 00000000 0 0 " + inode + "\n"
	}
	write("net/tcp", head+line("0100007F:0035", "01", "9")+line("3500007F:0035", "0A", "77"))
	write("net/udp", head+line("3500007F:0035", "07", "78"))
	// 2001:db8::1, port 901.
	write("net/udp6", head+line("B80D0120000000000000000001000000:0385", "07", "79"))
	for inode, p := range map[string][2]string{"77": {"612", "systemd-resolve"},
		"78": {"612", "systemd-resolve"}, "79": {"700", "named"}} {
		write(p[0]+"/comm", p[1]+"\n")
		if err := os.MkdirAll(filepath.Join(root, p[0], "fd"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("socket:["+inode+"]", filepath.Join(root, p[0], "fd",
			inode)); err != nil {
			t.Fatal(err)
		}
	}
	inUse := &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	for _, c := range []struct{ network, at, want string }{
		{"tcp", "0.0.0.0:53",
			"by systemd-resolve (process 612), at 127.0.0.53:53; set DNSStubListener=no"},
		{"udp", "[::]:53", "by systemd-resolve (process 612), at 127.0.0.53:53; set " +
			"DNSStubListener=no"},
		{"udp", "[2001:db8::1]:901", "by named (process 700), at [2001:db8::1]:901; stop it, or " +
			"listen"},
		{"udp", "192.0.2.1:53", "in use: ss -lnp shows by whom"},
		{"udp", "[2001:db8::2]:901", "in use: ss -lnp shows by whom"},
	} {
		if err := busy(inUse, root, c.network,
			netip.MustParseAddrPort(c.at)); !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %q", c.network, c.at, err, c.want)
		}
	}
	// On this machine it is this very process.
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr).AddrPort()
	_, err = Listen(TCP, Spec{Addr: at, Gate: NewGate(Default().Gate)})
	if err == nil || !strings.Contains(err.Error(), "process "+strconv.Itoa(os.Getpid())) {
		t.Errorf("%v does not name process %d", err, os.Getpid())
	}
}

// A port below 1024 that may not be opened has which right is missing. Other errors stay as they
// are.
func TestPortThatMayNotBeOpenedSaysWhatItTakes(t *testing.T) {
	refused := &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EACCES)}
	const want = "net_bind_service"
	err := busyError(refused, "udp", netip.MustParseAddrPort("192.0.2.1:53"))
	if !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), want) {
		t.Error(err)
	}
	if err := busyError(refused, "udp", netip.MustParseAddrPort("192.0.2.1:5300")); err != refused {
		t.Error(err)
	}
	if err := busyError(nil, "udp", netip.MustParseAddrPort("192.0.2.1:53")); err != nil {
		t.Error(err)
	}
}

// Whether an address is taken is asked of the kernel by opening it. Its list of sockets, which
// takes a walk through all connections of the machine, is read only for one that cannot be opened.
func TestFreeAddressIsNotLookedFor(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "net"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"udp", "tcp"} {
		var held, free netip.AddrPort
		var has io.Closer
		if network == "udp" {
			c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			has, held = c, c.LocalAddr().(*net.UDPAddr).AddrPort()
		} else {
			c, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				t.Fatal(err)
			}
			has, held = c, c.Addr().(*net.TCPAddr).AddrPort()
		}
		defer has.Close()
		held = netip.AddrPortFrom(held.Addr().Unmap(), held.Port())
		free = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), held.Port())
		// A list that says of every address that some socket has it.
		state := map[string]string{"udp": "07", "tcp": "0A"}[network]
		line := fmt.Sprintf("   0: 00000000:%04X 00000000:0000 %s 00000000:00000000 "+
			"00:00000000 00000000 0 0 1\n", held.Port(), state)
		if err := os.WriteFile(filepath.Join(root, "net", network), []byte(line),
			0o600); err != nil {
			t.Fatal(err)
		}
		if taken(root, network, free) {
			t.Errorf("%s: the list was read for %v, which is free", network, free)
		}
		if !taken(root, network, held) || !Taken(network, held) {
			t.Errorf("%s: %v is not taken", network, held)
		}
		everywhere := netip.AddrPortFrom(netip.IPv4Unspecified(), held.Port())
		if !Taken(network, everywhere) {
			t.Errorf("%s: %v is not taken, though %v is", network, everywhere, held)
		}
	}
}
