// Package procnet reads which sockets there are, and which processes have them open, from the files
// that the kernel of Linux shows in /proc.
package procnet

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Socket is one that waits for packets or connections.
type Socket struct {
	At    netip.AddrPort
	UID   int // of the user who has opened it
	Inode string
}

// States of sockets.
const (
	stateListen = "0A" // TCP_LISTEN
	stateUDP    = "07" // TCP_CLOSE: not connected
)

// Sockets returns those of udp, udp6, tcp or tcp6 by the files of a /proc; none if they cannot be
// read.
func Sockets(proc, table string) (all []Socket) {
	text, err := os.ReadFile(filepath.Join(proc, "net", table))
	if err != nil {
		return nil
	}
	state := stateUDP
	if strings.HasPrefix(table, "tcp") {
		state = stateListen
	}
	for line := range strings.Lines(string(text)) {
		if s, ok := parse(line, state); ok {
			all = append(all, s)
		}
	}
	return all
}

// parse reads a line of a table. It is false for the heading, and for sockets in other states.
func parse(line, state string) (s Socket, ok bool) {
	// sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != state {
		return s, false
	}
	host, port, ok := strings.Cut(f[1], ":")
	p, err := strconv.ParseUint(port, 16, 16)
	raw, err2 := hex.DecodeString(host)
	if !ok || err != nil || err2 != nil || len(raw)%4 != 0 {
		return s, false
	}
	// The kernel prints words of 32 bits in the order of the machine.
	for w := raw; len(w) > 0; w = w[4:] {
		binary.NativeEndian.PutUint32(w, binary.BigEndian.Uint32(w))
	}
	a, ok := netip.AddrFromSlice(raw)
	if !ok {
		return s, false
	}
	s.At, s.Inode = netip.AddrPortFrom(a.Unmap(), uint16(p)), f[9]
	s.UID, err = strconv.Atoi(f[7])
	return s, err == nil
}

// Conflict reports whether a socket at one address keeps one from being opened at another. That at
// the unspecified address holds all addresses of its family; at [::] it is taken to hold IPv4 as
// well, which it does by default (RFC 3493, section 5.3).
func Conflict(want, has netip.AddrPort) bool {
	if want.Port() != has.Port() {
		return false
	}
	w, h := want.Addr().Unmap().WithZone(""), has.Addr().Unmap()
	switch {
	case w == h:
		return true
	case w.Is4() == h.Is4():
		return w.IsUnspecified() || h.IsUnspecified()
	}
	return h.Is6() && h.IsUnspecified() || w.Is6() && w.IsUnspecified()
}

// Owners calls found with the inode of each socket that a process has open, and with the folder of
// the process in /proc, as far as they can be seen, until found returns false.
func Owners(proc string, found func(inode, process string) bool) {
	links, _ := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd", "[0-9]*")) // the form is right
	for _, link := range links {
		to, _ := os.Readlink(link) // "" if it is closed by now, or of another user
		inode, ok := strings.CutPrefix(to, "socket:[")
		if ok && !found(strings.TrimSuffix(inode, "]"), filepath.Dir(filepath.Dir(link))) {
			return
		}
	}
}
