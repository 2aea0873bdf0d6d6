package transport

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// procRoot is where the kernel shows sockets and processes.
const procRoot = "/proc"

// holder returns the process that uses a port of an address, and the address of its socket; "" if
// that cannot be seen.
func holder(root, network string, at netip.AddrPort) (process string, has netip.AddrPort) {
	for _, table := range []string{network, network + "6"} {
		for inode, a := range sockets(filepath.Join(root, "net", table)) {
			if a.Port() != at.Port() || !overlap(a.Addr(), at.Addr()) {
				continue
			}
			if process = owner(root, inode); process != "" {
				return process, a
			}
			has = a
		}
	}
	return "", has
}

// overlap reports whether sockets at two addresses conflict.
func overlap(a, b netip.Addr) bool {
	a, b = a.Unmap(), b.Unmap()
	return a == b || a.IsUnspecified() && (a.Is6() || b.Is4()) ||
		b.IsUnspecified() && (b.Is6() || a.Is4())
}

// sockets reads a table of sockets, by inode: listening ones of TCP, and unconnected ones of UDP.
func sockets(file string) map[string]netip.AddrPort {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer f.Close()
	found := map[string]netip.AddrPort{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
		v := strings.Fields(lines.Text())
		if len(v) < 10 || v[3] != "0A" && v[3] != "07" { // TCP_LISTEN; TCP_CLOSE is UDP
			continue
		}
		if a, ok := procAddr(v[1]); ok {
			found[v[9]] = a
		}
	}
	return found
}

// procAddr parses an address and a port: hexadecimal, the address as 32-bit words in the machine's
// byte order.
func procAddr(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(host)
	p, perr := strconv.ParseUint(port, 16, 16)
	if err != nil || perr != nil || len(b) != 4 && len(b) != 16 {
		return netip.AddrPort{}, false
	}
	for w := b; len(w) > 0; w = w[4:] {
		binary.BigEndian.PutUint32(w, binary.NativeEndian.Uint32(w))
	}
	a, _ := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(a.Unmap(), uint16(p)), true
}

// owner returns the process that has a socket open.
func owner(root, inode string) string {
	fds, _ := filepath.Glob(filepath.Join(root, "[0-9]*", "fd", "*"))
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err != nil || to != "socket:["+inode+"]" {
			continue
		}
		dir := filepath.Dir(filepath.Dir(fd))
		name, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err != nil {
			continue
		}
		return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), filepath.Base(dir))
	}
	return ""
}
