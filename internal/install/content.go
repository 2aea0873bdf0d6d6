// What is at a path, and how it is put there.

package install

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"bailiwick/internal/state"
)

// Content is what is at a path. Its form in JSON is that of the record of an installation.
type Content struct {
	Kind Kind        `json:"kind"`
	Mode fs.FileMode `json:"mode,omitempty"` // of a file or folder
	UID  int         `json:"uid"`
	GID  int         `json:"gid"`
	Link string      `json:"link,omitempty"` // where a link leads
	Sum  string      `json:"sum,omitempty"`  // SHA-256 of a file's octets
	Data []byte      `json:"data,omitempty"` // of a file
}

// Kind is the kind of a Content.
type Kind string

// The kinds.
const (
	Absent Kind = "absent"
	File   Kind = "file"
	Link   Kind = "link"
	Folder Kind = "folder"
	Other  Kind = "other" // a device, a socket
)

// file returns the content of a file of root's.
func file(mode fs.FileMode, data []byte) Content {
	return Content{Kind: File, Mode: mode, Data: data, Sum: sum(data)}
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// read returns what is at a path.
func read(path string) (c Content, err error) {
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Content{Kind: Absent}, nil
	} else if err != nil {
		return c, err
	}
	c.Mode = st.Mode() &^ fs.ModeType
	c.UID, c.GID = owner(st)
	switch {
	case st.Mode().IsRegular():
		c.Kind = File
		c.Data, err = os.ReadFile(path)
		c.Sum = sum(c.Data)
	case st.Mode()&fs.ModeSymlink != 0:
		c.Kind, c.Mode = Link, 0
		c.Link, err = os.Readlink(path)
	case st.IsDir():
		c.Kind = Folder
	default:
		c.Kind = Other
	}
	return c, err
}

// same reports whether two contents are equal, but for their modes and owners: what was written is
// known again after somebody has changed these.
func (c *Content) same(o *Content) bool {
	return c.Kind == o.Kind && c.Link == o.Link && c.Sum == o.Sum
}

// identical reports whether two contents are equal in everything.
func (c *Content) identical(o *Content) bool {
	return c.same(o) && (c.Kind == Absent || c.UID == o.UID && c.GID == o.GID && c.Mode == o.Mode)
}

// put puts a content at a path in place of what is there. Files and links are replaced in one step:
// at no time is there nothing, or a part.
func (c *Content) put(path string) error {
	switch c.Kind {
	case File:
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return state.Replace(path, c.Mode, func(f *os.File) error {
			if err := f.Chown(c.UID, c.GID); err != nil && os.Geteuid() == 0 {
				return err
			}
			_, err := bytes.NewReader(c.Data).WriteTo(f)
			return err
		})
	case Link:
		return c.putLink(path)
	case Folder:
		if err := os.Mkdir(path, c.Mode); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return os.Chmod(path, c.Mode)
	case Absent:
		return remove(path)
	}
	return fmt.Errorf("%s: %s cannot be put back", path, c.Kind)
}

// asideSuffix is what follows the path of a link while it is made.
const asideSuffix = ".bailiwick-new"

func (c *Content) putLink(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	aside := path + asideSuffix
	if err := os.Symlink(c.Link, aside); err != nil {
		return err
	}
	err := os.Lchown(aside, c.UID, c.GID)
	if err != nil && os.Geteuid() != 0 {
		err = nil // who may not, owns what it makes
	}
	if err == nil {
		err = os.Rename(aside, path)
	}
	if err != nil {
		_ = os.Remove(aside)
	}
	return err
}
