// A log file: of a bounded size, with a bounded number of earlier ones.

package querylog

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"bailiwick/internal/event"
)

// file is a log file.
type file struct {
	path    string
	maxSize int64
	keep    int // earlier ones

	f       *os.File // nil after an error
	size    int64
	torn    bool      // what was written last is not a whole line
	tried   time.Time // to open it
	checked time.Time // that the path is the file
}

// fileMode is that of a new file: whoever can read it sees what people ask.
const fileMode = 0o600

// openFile opens a log file.
func openFile(path string, maxSize int64, keep int) (*file, error) {
	f := &file{path: path, maxSize: maxSize, keep: keep}
	return f, f.open()
}

// open opens the file at the path. What is not a file is refused: a pipe would have the writer wait
// for a reader.
func (f *file) open() error {
	f.tried = time.Now()
	if st, err := os.Stat(f.path); err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", f.path)
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, fileMode)
	if err != nil {
		return err
	}
	st, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.f, f.size = file, st.Size()
	return nil
}

// reopen implements output.
func (f *file) reopen() error {
	f.close()
	f.torn = false
	return f.open()
}

// close implements output.
func (f *file) close() {
	if f.f != nil {
		_ = f.f.Close() // every line was written already
		f.f = nil
	}
}

// append implements output.
func (f *file) append(b []byte, e *event.Event, c *Config) []byte {
	return append(c.appendLine(b, e), '\n')
}

// write implements output.
func (f *file) write(lines [][]byte) (n int, err error) {
	if err := f.ready(); err != nil {
		return 0, err
	}
	text := bytes.Join(lines, nil)
	if f.size > 0 && f.size+int64(len(text)) > f.maxSize {
		if err := f.rotate(); err != nil {
			return 0, err
		}
	}
	if f.torn { // the rest of a line that a full disk has cut
		text = append([]byte{'\n'}, text...)
	}
	done, err := f.f.Write(text)
	f.size += int64(done)
	if err == nil {
		f.torn = false
		return len(lines), nil
	}
	if done > 0 {
		f.torn = text[done-1] != '\n'
	}
	return bytes.Count(bytes.TrimPrefix(text[:done], []byte{'\n'}), []byte{'\n'}), err
}

// ready has the file open, and the one at the path: it may have been moved or removed.
func (f *file) ready() error {
	now := time.Now()
	if f.f != nil && now.Sub(f.checked) >= retryTime {
		f.checked = now
		have, err := f.f.Stat()
		at, missing := os.Stat(f.path)
		if err == nil && missing == nil && os.SameFile(have, at) {
			return nil
		}
		return f.reopen()
	}
	if f.f == nil {
		if now.Sub(f.tried) < retryTime {
			return errWaiting
		}
		return f.open()
	}
	return nil
}

// errWaiting is the error of a file that could not be opened a moment ago.
var errWaiting = errors.New("it could not be opened, and is tried again")

// rotate gives the file the name of the latest of the earlier ones, and begins a new one.
func (f *file) rotate() error {
	at := func(i int) string { return f.path + "." + strconv.Itoa(i) }
	absent := func(err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if f.keep == 0 {
		if err := absent(os.Remove(f.path)); err != nil {
			return err
		}
		return f.reopen()
	}
	for i := f.keep - 1; i >= 1; i-- {
		if err := absent(os.Rename(at(i), at(i+1))); err != nil {
			return err
		}
	}
	if err := absent(os.Rename(f.path, at(1))); err != nil {
		return err
	}
	return f.reopen()
}
