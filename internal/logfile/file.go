// Package logfile is a file that is written for years: of a bounded size, with a bounded number of
// earlier ones beside it, and opened again when something has moved it away.
package logfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"
)

// File is such a file. It is for one goroutine.
type File struct {
	path    string
	maxSize int64
	keep    int // earlier ones

	f       *os.File // nil after an error
	size    int64
	tried   time.Time // to open it
	checked time.Time // that the path is the file
}

// mode is that of a new file: whoever can read it sees what people ask.
const mode = 0o600

// ErrWaiting is the error of a file that could not be opened a moment ago.
var ErrWaiting = errors.New("it could not be opened, and is tried again")

// Open opens a file of at most so many octets, of which so many earlier ones are kept.
func Open(path string, maxSize int64, keep int) (*File, error) {
	f := &File{path: path, maxSize: maxSize, keep: keep}
	return f, f.open()
}

// open opens the file at the path. What is not a file is refused: a pipe would have the writer wait
// for a reader.
func (f *File) open() error {
	f.tried = time.Now()
	if st, err := os.Stat(f.path); err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", f.path)
	}
	file, err := os.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, mode)
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

// Reopen opens the file at the path in place of the one that is open.
func (f *File) Reopen() error {
	f.Close()
	return f.open()
}

// Close closes the file.
func (f *File) Close() {
	if f.f != nil {
		_ = f.f.Close() // all that was written is the kernel's already
		f.f = nil
	}
}

// Full reports whether so many octets more would be too many. An empty file takes any number.
func (f *File) Full(more int) bool { return f.size > 0 && f.size+int64(more) > f.maxSize }

// Empty reports whether nothing has been written to the file.
func (f *File) Empty() bool { return f.size == 0 }

// CutOff removes the last octets that were written.
func (f *File) CutOff(octets int) error {
	err := f.f.Truncate(f.size - int64(octets))
	if err == nil {
		f.size -= int64(octets)
	}
	return err
}

// AtPath reports whether the file is the one at its path.
func (f *File) AtPath() bool {
	if f.f == nil {
		return false
	}
	have, err := f.f.Stat()
	at, missing := os.Stat(f.path)
	return err == nil && missing == nil && os.SameFile(have, at)
}

// Free reports whether nothing is at the path, or a file in which nothing is.
func (f *File) Free() bool {
	st, err := os.Stat(f.path)
	return err != nil || st.Size() == 0
}

// Moved reports whether the file is not at its path any more: it may have been moved or removed. It
// looks once a second.
func (f *File) Moved() bool {
	now := time.Now()
	if f.f == nil || now.Sub(f.checked) < retryTime {
		return false
	}
	f.checked = now
	return !f.AtPath()
}

// Ready has the file open. After an error it is tried again once a second.
func (f *File) Ready() error {
	switch {
	case f.f != nil:
		return nil
	case time.Since(f.tried) < retryTime:
		return ErrWaiting
	}
	return f.open()
}

// Room has the file open with room for so many octets more, and reports whether it is a new one for
// that.
func (f *File) Room(octets int) (rotated bool, err error) {
	if err := f.Ready(); err != nil || !f.Full(octets) {
		return false, err
	}
	return true, f.Rotate()
}

// Write appends to the file, as os.File does.
func (f *File) Write(b []byte) (n int, err error) {
	n, err = f.f.Write(b)
	f.size += int64(n)
	return n, err
}

// Rotate gives the file the name of the latest of the earlier ones, and begins a new one.
func (f *File) Rotate() error {
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
		return f.Reopen()
	}
	for i := f.keep - 1; i >= 1; i-- {
		if err := absent(os.Rename(at(i), at(i+1))); err != nil {
			return err
		}
	}
	if err := absent(os.Rename(f.path, at(1))); err != nil {
		return err
	}
	return f.Reopen()
}
