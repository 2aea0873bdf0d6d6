// What keeps a file from being replaced.

package install

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// immutable reports whether a file has the attribute that chattr +i sets: not even root can replace
// it (ugzv/ublockdnsclient 24).
func immutable(path string) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, 0, &st)
	return err == nil && st.Attributes&unix.STATX_ATTR_IMMUTABLE != 0
}

// mounted reports whether something is mounted at a path, as container engines do with the file of
// their network: it can be written to, but not replaced.
func mounted(path string) bool {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(real, filepath.Base(path))
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == path {
			return true
		}
	}
	return false
}
