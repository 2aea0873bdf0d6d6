//go:build unix

package state

import (
	"io/fs"
	"syscall"
)

// ownerOf returns the number of the user that a file belongs to, -1 if the system has none.
func ownerOf(st fs.FileInfo) int {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}
