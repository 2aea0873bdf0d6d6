// Where the control socket is, if nobody says where.

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// autoSocket is the value of control.socket that stands for the usual place.
const autoSocket = "auto"

// socketName is the socket's in the folder of a service.
const socketName = "control.sock"

// systemSocket is where the server of a machine has it.
func systemSocket() string {
	if runtime.GOOS == "linux" {
		return filepath.Join("/run/bailiwick", socketName)
	}
	return filepath.Join("/var/run/bailiwick", socketName)
}

// usualSocket is where a server of this user has it: in the folder that systemd gives a service
// (RuntimeDirectory=), in that of the machine for root, in the user's own otherwise; "" if there is
// no such folder.
func usualSocket() string {
	if folder, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":"); folder != "" {
		return filepath.Join(folder, socketName)
	}
	if os.Geteuid() == 0 {
		return systemSocket()
	}
	if folder := os.Getenv("XDG_RUNTIME_DIR"); folder != "" {
		return filepath.Join(folder, "bailiwick", socketName)
	}
	return ""
}

// findSocket is the socket that ctl talks to if nobody says which: this user's server, or the
// machine's.
func findSocket() (string, error) {
	var at []string
	for _, path := range []string{usualSocket(), systemSocket()} {
		if path != "" && !slices.Contains(at, path) {
			at = append(at, path)
		}
	}
	for _, path := range at {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, nil // if it may not be looked at, calling it says so
		}
	}
	return "", errors.New("no control socket at " + strings.Join(at, " or ") +
		" (is the server running?); --socket says where it is, or --config which configuration " +
		"the server has")
}
