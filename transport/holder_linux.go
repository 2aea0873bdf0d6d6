package transport

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"bailiwick/internal/procnet"
)

// procRoot is where the kernel shows sockets and processes.
const procRoot = "/proc"

// holder returns the process that uses a port of an address, and the address of its socket; "" if
// that cannot be seen.
func holder(root, network string, at netip.AddrPort) (process string, has netip.AddrPort) {
	for _, table := range []string{network, network + "6"} {
		for _, s := range procnet.Sockets(root, table) {
			if !procnet.Conflict(at, s.At) {
				continue
			}
			if process = owner(root, s.Inode); process != "" {
				return process, s.At
			}
			has = s.At
		}
	}
	return "", has
}

// owner returns the process that has a socket open.
func owner(root, inode string) (text string) {
	procnet.Owners(root, func(socket, process string) bool {
		if socket != inode {
			return true
		}
		name, err := os.ReadFile(filepath.Join(process, "comm"))
		if err == nil {
			text = fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)),
				filepath.Base(process))
		}
		return err != nil
	})
	return text
}
