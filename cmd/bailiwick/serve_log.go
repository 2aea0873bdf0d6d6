// The log of a server that nobody reads the standard error of: of macOS's launchd, which never
// begins a file anew, and of services of Windows, which have none.

package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"bailiwick/internal/logfile"
)

// The size of such a log, how many earlier ones there are, and the size up to which a crash is
// added to those before.
const (
	logSize   = 8 << 20
	logKept   = 3
	crashSize = 1 << 20
)

// boundedLog is a file that is begun anew when it is full.
type boundedLog struct{ *logfile.File }

// Write implements io.Writer.
func (l boundedLog) Write(b []byte) (int, error) {
	if _, err := l.Room(len(b)); err != nil {
		return 0, err
	}
	return l.File.Write(b)
}

// logged runs a server with its log in a file, or at standard error without one. What the server
// fails with is in the file too, and a crash in another one beside it.
func logged(path string, stderr io.Writer, run func(log io.Writer) error) error {
	if path == "" {
		return run(stderr)
	}
	f, err := logfile.Open(path, logSize, logKept)
	if err != nil {
		return err
	}
	defer f.Close()
	log := boundedLog{f}
	if err := logCrashes(path + ".crash"); err != nil {
		fmt.Fprintln(log, "bailiwick: crashes are not logged:", err)
	}
	err = run(log)
	if err != nil {
		fmt.Fprintln(log, "bailiwick:", err)
	}
	return err
}

// logCrashes has the runtime write the end of a process that panics to a file.
func logCrashes(path string) error {
	mode := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if st, err := os.Stat(path); err == nil && st.Size() > crashSize {
		mode |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, mode, 0o600)
	if err != nil {
		return err
	}
	defer f.Close() // the runtime has a duplicate
	return debug.SetCrashOutput(f, debug.CrashOptions{})
}
