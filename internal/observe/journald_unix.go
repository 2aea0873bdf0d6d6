//go:build unix

package observe

import (
	"os"
	"strconv"
	"syscall"
)

// inJournal reports whether a file is connected to the journal of systemd, which names it by device
// and inode (JOURNAL_STREAM in systemd.exec(5)): a service that has its output redirected has the
// variable all the same.
func inJournal(f *os.File, stream string) bool {
	st, err := f.Stat()
	if err != nil {
		return false
	}
	s, ok := st.Sys().(*syscall.Stat_t)
	return ok && stream == strconv.FormatUint(uint64(s.Dev), 10)+":"+
		strconv.FormatUint(uint64(s.Ino), 10)
}
