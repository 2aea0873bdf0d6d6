// Who holds an address: the sockets of /proc and the processes that have them open.

package doctor

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Socket is an address with the transport that is served at it.
type Socket struct {
	Addr netip.AddrPort
	TCP  bool
}

// String returns the address with its transport.
func (s Socket) String() string {
	if s.TCP {
		return s.Addr.String() + "/tcp"
	}
	return s.Addr.String() + "/udp"
}

// Holder is who has a socket that keeps another from being opened.
type Holder struct {
	Wanted, Has Socket
	// PID and Program are those of the process; 0 and "" if it cannot be seen, as a process of
	// another user cannot be without privileges. UID is the socket's user all the same.
	PID     int
	Program string
	UID     int
}

// String names the process as far as it is known.
func (h Holder) String() string {
	if h.PID == 0 {
		return fmt.Sprintf("%s is held by a process of user %d (run this as root to see which)",
			h.Has, h.UID)
	}
	return fmt.Sprintf("%s is held by %s (pid %d)", h.Has, h.Program, h.PID)
}

// Holders returns who keeps sockets from being opened, by the files of a /proc. A socket at the
// unspecified address holds all addresses of its family; at [::] it is taken to hold IPv4 as well,
// which it does by default (RFC 3493, section 5.3).
func Holders(proc string, wanted []Socket) (found []Holder) {
	inodes := map[string][]int{} // of sockets, with the places in found
	for _, table := range []struct {
		file string
		tcp  bool
	}{{"udp", false}, {"udp6", false}, {"tcp", true}, {"tcp6", true}} {
		text, err := os.ReadFile(filepath.Join(proc, "net", table.file))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			e, ok := parseEntry(line, table.tcp)
			if !ok {
				continue
			}
			for _, w := range wanted {
				if w.TCP == table.tcp && conflict(w.Addr, e.at) {
					inodes[e.inode] = append(inodes[e.inode], len(found))
					found = append(found, Holder{Wanted: w, UID: e.uid,
						Has: Socket{Addr: e.at, TCP: table.tcp}})
				}
			}
		}
	}
	if len(found) > 0 {
		name(proc, found, inodes)
	}
	return found
}

// conflict reports whether a socket at one address keeps one from being opened at another.
func conflict(want, has netip.AddrPort) bool {
	if want.Port() != has.Port() {
		return false
	}
	w, h := want.Addr().WithZone(""), has.Addr()
	switch {
	case w == h:
		return true
	case w.Is4() == h.Is4():
		return w.IsUnspecified() || h.IsUnspecified()
	}
	return h.Is6() && h.IsUnspecified() || w.Is6() && w.IsUnspecified()
}

// entry is a line of /proc/net/udp or tcp: a socket that waits for packets or connections.
type entry struct {
	at    netip.AddrPort
	uid   int
	inode string
}

// States of sockets in /proc/net.
const (
	stateListen = "0A"
	stateUDP    = "07" // not connected
)

// parseEntry reads a line of /proc/net. It is false for the heading, and for connections.
func parseEntry(line string, tcp bool) (e entry, ok bool) {
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != stateListen && tcp || f[3] != stateUDP && !tcp {
		return e, false
	}
	host, port, ok := strings.Cut(f[1], ":")
	p, err := strconv.ParseUint(port, 16, 16)
	raw, err2 := hex.DecodeString(host)
	if !ok || err != nil || err2 != nil || len(raw)%4 != 0 {
		return e, false
	}
	// The kernel prints words of 32 bits in the order of the machine.
	for w := raw; len(w) > 0; w = w[4:] {
		binary.NativeEndian.PutUint32(w, binary.BigEndian.Uint32(w))
	}
	a, ok := netip.AddrFromSlice(raw)
	if !ok {
		return e, false
	}
	e.at, e.inode = netip.AddrPortFrom(a.Unmap(), uint16(p)), f[9]
	e.uid, err = strconv.Atoi(f[7])
	return e, err == nil
}

// name fills in the processes that have sockets open, as far as they can be seen.
func name(proc string, found []Holder, inodes map[string][]int) {
	links, _ := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd", "[0-9]*")) // the form is right
	for _, link := range links {
		to, _ := os.Readlink(link) // "" if it is closed by now, or of another user
		inode, ok := strings.CutPrefix(to, "socket:[")
		if !ok {
			continue
		}
		for _, i := range inodes[strings.TrimSuffix(inode, "]")] {
			process := filepath.Dir(filepath.Dir(link))
			pid, _ := strconv.Atoi(filepath.Base(process)) // as the pattern has it
			// The service manager keeps the sockets of its units open beside the service itself.
			if h := &found[i]; h.PID <= 1 {
				h.PID, h.Program = pid, program(process)
			}
		}
	}
}

// program returns the name of a process, by its folder in /proc.
func program(process string) string {
	if to, err := os.Readlink(filepath.Join(process, "exe")); err == nil {
		return filepath.Base(strings.TrimSuffix(to, " (deleted)"))
	}
	comm, _ := os.ReadFile(filepath.Join(process, "comm")) // empty if the process has gone
	return string(bytes.TrimSpace(comm))
}
