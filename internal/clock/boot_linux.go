package clock

import (
	"os"
	"strings"
)

// BootID returns a name of the time since the machine was started, "" if there is none.
func BootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
