package service

import (
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notify tells the service manager the state of the process (sd_notify(3)). Without one it does
// nothing, and a manager that does not listen is no reason to stop.
func Notify(assignments ...string) {
	text := strings.Join(assignments, "\n")
	pass(text)
	_, _ = daemon.SdNotify(false, text)
}

// Ready, Stopping and Reloading are what a manager waits for.
const (
	Ready    = daemon.SdNotifyReady
	Stopping = daemon.SdNotifyStopping
)

// Reloading is the assignment of a process that reads its configuration again, with the time at
// which it began. Ready ends it.
func Reloading() string {
	return daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec()
}

// Status is a line for people; systemctl status shows it.
func Status(text string) string {
	return "STATUS=" + strings.ReplaceAll(text, "\n", "; ")
}
