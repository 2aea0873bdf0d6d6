// The usual paths of the configuration and of the control socket.

package main

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// socketName is the name of the socket in the folder of a service.
const socketName = "control.sock"

// systemSocket returns the path of the socket of a system service.
func systemSocket() string {
	switch runtime.GOOS {
	case "linux":
		return filepath.Join("/run/bailiwick", socketName)
	case "windows":
		return filepath.Join(windowsFolder(), "State", socketName)
	}
	return filepath.Join("/var/run/bailiwick", socketName)
}

// usualConfig is where packages and bailiwick install put the configuration.
var usualConfig = usualFile()

func usualFile() string {
	if runtime.GOOS == "windows" {
		return filepath.Join(windowsFolder(), "bailiwick.yaml")
	}
	return "/etc/bailiwick/bailiwick.yaml"
}

// windowsVolume returns the volume that Windows is on, and windowsFolder the folder of what
// bailiwick install puts there.
func windowsVolume() string { return cmp.Or(os.Getenv("SystemDrive"), "C:") }
func windowsFolder() string { return windowsVolume() + `\Program Files\Bailiwick` }

// usualSocket returns the path of the socket of this user's server: in the folder that systemd
// makes for a service (RuntimeDirectory=), in the system's for root, in the user's own otherwise;
// "" if there is no such folder.
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

// findSocket returns the socket that ctl connects to by default: that of this user's server, or of
// the system's.
func findSocket() (string, error) {
	var at []string
	for _, path := range []string{usualSocket(), systemSocket()} {
		if path != "" && !slices.Contains(at, path) {
			at = append(at, path)
		}
	}
	for _, path := range at {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, nil // if access to it is denied, connecting fails with the reason
		}
	}
	return "", errors.New("no control socket at " + strings.Join(at, " or ") +
		" (is the server running?); --socket says where it is, or --config which " +
		"configuration the server has")
}
