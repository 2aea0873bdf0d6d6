// Who holds an address: the sockets of /proc and the processes that have them open.

package doctor

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"bailiwick/internal/procnet"
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

// Holders returns who keeps sockets from being opened, by the files of a /proc.
func Holders(proc string, wanted []Socket) (found []Holder) {
	inodes := map[string][]int{} // of sockets, with the places in found
	for _, table := range []struct {
		file string
		tcp  bool
	}{{"udp", false}, {"udp6", false}, {"tcp", true}, {"tcp6", true}} {
		for _, s := range procnet.Sockets(proc, table.file) {
			for _, w := range wanted {
				if w.TCP == table.tcp && procnet.Conflict(w.Addr, s.At) {
					inodes[s.Inode] = append(inodes[s.Inode], len(found))
					found = append(found, Holder{Wanted: w, UID: s.UID,
						Has: Socket{Addr: s.At, TCP: table.tcp}})
				}
			}
		}
	}
	if len(found) > 0 {
		name(proc, found, inodes)
	}
	return found
}

// name fills in the processes that have sockets open, as far as they can be seen.
func name(proc string, found []Holder, inodes map[string][]int) {
	procnet.Owners(proc, func(inode, process string) bool {
		for _, i := range inodes[inode] {
			pid, _ := strconv.Atoi(filepath.Base(process)) // it is a number
			// The service manager keeps the sockets of its units open beside the service itself.
			if h := &found[i]; h.PID <= 1 {
				h.PID, h.Program = pid, program(process)
			}
		}
		return true
	})
}

// program returns the name of a process, by its folder in /proc.
func program(process string) string {
	if to, err := os.Readlink(filepath.Join(process, "exe")); err == nil {
		return filepath.Base(strings.TrimSuffix(to, " (deleted)"))
	}
	comm, _ := os.ReadFile(filepath.Join(process, "comm")) // empty if the process has gone
	return string(bytes.TrimSpace(comm))
}
