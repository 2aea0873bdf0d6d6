// A log file, line by line.

package querylog

import (
	"bytes"

	"bailiwick/internal/event"
	"bailiwick/internal/logfile"
)

// file is a log file.
type file struct {
	*logfile.File
	torn bool // what was written last is not a whole line
}

// openFile opens a log file.
func openFile(path string, maxSize int64, keep int) (*file, error) {
	f, err := logfile.Open(path, maxSize, keep)
	return &file{File: f}, err
}

// reopen implements output.
func (f *file) reopen() error {
	f.torn = false
	return f.Reopen()
}

// close implements output.
func (f *file) close() { f.Close() }

// append implements output.
func (f *file) append(b []byte, e *event.Event, c *Config) []byte {
	return append(c.appendLine(b, e), '\n')
}

// write implements output.
func (f *file) write(lines [][]byte) (n int, err error) {
	if f.Moved() {
		if err := f.reopen(); err != nil {
			return 0, err
		}
	}
	text := bytes.Join(lines, nil)
	rotated, err := f.Room(len(text))
	if rotated {
		f.torn = false
	}
	if err != nil {
		return 0, err
	}
	if f.torn { // the rest of a line that a full disk has cut
		text = append([]byte{'\n'}, text...)
	}
	done, err := f.Write(text)
	if err == nil {
		f.torn = false
		return len(lines), nil
	}
	if done > 0 {
		f.torn = text[done-1] != '\n'
	}
	return bytes.Count(bytes.TrimPrefix(text[:done], []byte{'\n'}), []byte{'\n'}), err
}
