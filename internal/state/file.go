// How a file is written, and read back.

package state

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// errDamaged is the error of a file that is not as it was written.
var errDamaged = errors.New("it is damaged")

// versionError is the error of a file that another version of the program has written, by the
// version of what is in it.
type versionError struct{ has, knows int }

// Error implements error.
func (e *versionError) Error() string {
	whose := "an older"
	if e.has > e.knows {
		whose = "a newer"
	}
	return fmt.Sprintf("%s program has written it: it is of version %d, and this one knows "+
		"version %d", whose, e.has, e.knows)
}

// temporary is what follows a file's name while it is written.
const temporary = ".new-*"

// heading returns the first line of a file: what it is, its length and the checksum of what
// follows. It has the same length whatever these are.
func heading(f File, length int64, sum []byte) string {
	return fmt.Sprintf("bailiwick %s %d, %020d octets, sha256 %x\n", f, definitions[f].version,
		length, sum)
}

// counted is a writer that knows the length and the checksum of what went through it.
type counted struct {
	io.Writer
	sum    hash.Hash
	length int64
}

// Write implements io.Writer.
func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.sum.Write(b[:n])
	c.length += int64(n)
	return n, err
}

// Save replaces a file by what write writes: whole, or not at all. A failure is counted, and logged
// when it is the first of several.
func (d *Directory) Save(f File, write func(io.Writer) error) error {
	if d == nil {
		return nil
	}
	s := &d.files[f]
	s.mu.Lock()
	defer s.mu.Unlock()
	back := func() {}
	if s.unread {
		back = d.putAside(f)
	}
	if err := d.replace(f, write); err != nil {
		back()
		s.counts[failed].Add(1)
		if !s.failing {
			d.log.Error("state is not saved: a restart would forget it; it is tried again",
				"file", d.at(f), "error", err.Error())
		}
		s.failing = true
		return err
	}
	s.unread = false
	if s.failing {
		d.log.Info("state is saved again", "file", d.at(f))
	}
	s.failing = false
	s.counts[succeeded].Add(1)
	s.saved.Store(time.Now().Unix())
	return nil
}

// replace makes the directory if it has to, and replaces a file of it.
func (d *Directory) replace(f File, write func(io.Writer) error) error {
	if err := os.MkdirAll(d.path, permissions); err != nil {
		return err
	}
	return Replace(d.at(f), 0o600, func(t *os.File) error { return fill(t, f, write) })
}

// Replace gives a file new content: whole, or not at all. fill writes a temporary file beside it,
// which gets its name when it is on the disk.
func Replace(path string, mode fs.FileMode, fill func(*os.File) error) error {
	t, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+temporary)
	if err != nil {
		return err
	}
	replaced := false
	defer func() { // fill may panic
		if !replaced {
			_ = t.Close()
			_ = os.Remove(t.Name()) // sweep finds what stays
		}
	}()
	if err = fill(t); err == nil {
		err = errors.Join(t.Chmod(mode), t.Sync(), t.Close())
	}
	if err == nil {
		err = os.Rename(t.Name(), path)
	}
	if err != nil {
		return err
	}
	replaced = true
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer folder.Close()
	// The new name has to be on the disk too. Not every file system can be told so.
	_ = folder.Sync()
	return nil
}

// Abandoned returns the temporary files of a path that Replace has left behind, as it does when the
// process ends meanwhile.
func Abandoned(path string) []string {
	unfinished, _ := filepath.Glob(path + temporary) // an error is one of the pattern
	return unfinished
}

// fill writes the heading and what write writes.
func fill(t *os.File, f File, write func(io.Writer) error) error {
	var none [sha256.Size]byte
	w := bufio.NewWriterSize(t, 1<<16)
	if _, err := w.WriteString(heading(f, 0, none[:])); err != nil {
		return err
	}
	c := &counted{Writer: w, sum: sha256.New()}
	if err := write(c); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := t.WriteAt([]byte(heading(f, c.length, c.sum.Sum(nil))), 0)
	return err
}

// putAside keeps a file that could not be read under another name: what is saved next knows nothing
// of what is in it, and would be all that there is. back gives it its name again.
func (d *Directory) putAside(f File) (back func()) {
	aside := d.at(f) + ".unread"
	if err := os.Rename(d.at(f), aside); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			d.log.Error("state that could not be read is replaced", "file", d.at(f), "rename",
				err.Error())
		}
		return func() {}
	}
	d.log.Error("state that could not be read is kept", "file", d.at(f), "kept", aside, "hint",
		"stop the server and give the file its name again")
	return func() { _ = os.Rename(aside, d.at(f)) }
}

// Load gives read the content of a file, if it is as it was written. The error of one that is not
// there is fs.ErrNotExist. One that is damaged, that read refuses, or that another version of the
// program has written is kept aside under another name, and reported; it will not be found again.
// So is one that cannot be read, when another takes its place; until then it is found by who may
// read it.
func (d *Directory) Load(f File, read func(io.Reader) error) error {
	if d == nil {
		return fs.ErrNotExist
	}
	s := &d.files[f]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unread = false
	file, err := os.Open(d.at(f))
	if err != nil {
		if s.unread = !errors.Is(err, fs.ErrNotExist); s.unread {
			d.log.Error("state cannot be read", "file", d.at(f), "error", err.Error())
		}
		return err
	}
	defer file.Close()
	if err = verify(file, f); err == nil {
		if err = read(bufio.NewReaderSize(file, 1<<16)); err != nil {
			err = fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	var other *versionError
	if errors.As(err, &other) || errors.Is(err, errDamaged) {
		aside := d.at(f) + ".damaged"
		if other != nil {
			aside = fmt.Sprintf("%s.version-%d", d.at(f), other.has)
		}
		said := []any{"file", d.at(f), "kept", aside, "error", err.Error()}
		if moved := os.Rename(d.at(f), aside); moved != nil {
			said = append(said, "rename", moved.Error())
		}
		d.log.Error("state is not used", said...)
	}
	return err
}

// Loading returns Load of one file, for whoever keeps nothing else.
func (d *Directory) Loading(f File) func(read func(io.Reader) error) error {
	return func(read func(io.Reader) error) error { return d.Load(f, read) }
}

// Saving returns Save of one file, for whoever keeps nothing else.
func (d *Directory) Saving(f File) func(write func(io.Writer) error) error {
	return func(write func(io.Writer) error) error { return d.Save(f, write) }
}

// versionOf returns the version that a heading tells, 0 if it is none of such a file.
func versionOf(f File, heading []byte) (version int) {
	form := "bailiwick " + f.String() + " %d, "
	if _, err := fmt.Sscanf(string(heading), form, &version); err != nil {
		return 0
	}
	return version
}

// verify reads a file to its end, and has its content read next.
func verify(file *os.File, f File) error {
	var none [sha256.Size]byte
	have := make([]byte, len(heading(f, 0, none[:])))
	if _, err := io.ReadFull(file, have); err != nil {
		return fmt.Errorf("%w: it has no heading", errDamaged)
	}
	sum := sha256.New()
	n, err := io.Copy(sum, file)
	if err != nil {
		return err
	}
	if has := versionOf(f, have); has != 0 && has != definitions[f].version {
		return &versionError{has, definitions[f].version}
	}
	if want := heading(f, n, sum.Sum(nil)); string(have) != want {
		return fmt.Errorf("%w: it begins with %.200q, and what follows demands %q", errDamaged,
			have, want)
	}
	_, err = file.Seek(int64(len(have)), io.SeekStart)
	return err
}
