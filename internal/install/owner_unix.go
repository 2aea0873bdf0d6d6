//go:build unix

package install

import (
	"io/fs"
	"os"
	"syscall"
)

// owner returns the user and the group that a file belongs to.
func owner(st fs.FileInfo) (uid, gid int) {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid), int(s.Gid)
	}
	return 0, 0
}

// remove removes a file or an empty folder.
func remove(path string) error { return os.Remove(path) }
