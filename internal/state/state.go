// Package state keeps what a server has learnt in a directory, so that a restart does not forget
// it. Each file is replaced whole, carries its format and a checksum, and is one of a closed list.
// A disk that is full or read-only fails nothing but the saving: it is reported, and tried again
// with the next change.
package state

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what the operator decides about the directory.
type Config struct {
	Directory string // "" for none, or automatic
}

// automatic stands for the directory that systemd makes for a service (StateDirectory=), if any.
const automatic = "auto"

// Default returns the configuration of an operator who has decided nothing.
func Default() Config { return Config{Directory: automatic} }

// Path returns the path of the directory, "" if there is none.
func (c Config) Path() string {
	if c.Directory != automatic {
		return c.Directory
	}
	path, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	return path
}

// File is one that the directory may hold.
type File uint8

// The files of the directory.
const (
	Anchors File = iota // trust anchors as RFC 5011 follows them
	// Cache is what is known of names, zones and servers. Its version grows when the form of the
	// entries changes, or when entries that were accepted before are not good enough any more.
	Cache
	// NegativeAnchors are negative trust anchors that were added while the server ran.
	NegativeAnchors
	Zones   // copies of zones
	Fetched // the root's trust anchors as they were downloaded (RFC 9718)
	Changes // of the configuration, that were made while the server ran
	// Incidents are zones that are or were broken, and maintenance windows.
	Incidents
	Lists // block lists that were fetched
	// Catalogs are the members of catalog zones.
	Catalogs
	Watched // what is known of zones that are watched
	// Fleet are commands of a fleet: which were applied, and those that hold.
	Fleet
	ACME // the certificate from an authority with its key, and the accounts
	// Approvals are zones of networks that the user has approved.
	Approvals
	Networks // what networks have announced
	files
)

// definitions are the names of files, and the version of what is in them. A file of another version
// is of no use: it is put aside.
var definitions = [files]struct {
	name    string
	version int
}{
	Anchors:         {"anchors", 1},
	Fetched:         {"root-anchors", 1},
	NegativeAnchors: {"negative-anchors", 1},
	Zones:           {"zones", 1},
	Changes:         {"changes", 1},
	Approvals:       {"approved-zones", 1},
	Networks:        {"networks", 1},
	Lists:           {"lists", 1},
	Catalogs:        {"catalogs", 1},
	Cache:           {"cache", 2},
	Incidents:       {"incidents", 1},
	Watched:         {"watched", 1},
	Fleet:           {"fleet", 1},
	ACME:            {"acme", 1},
}

// String returns the name of the file.
func (f File) String() string { return definitions[f].name }

// All returns all files.
func All() (all []File) {
	for f := range files {
		all = append(all, f)
	}
	return all
}

// Directory is where state is kept. A nil Directory keeps nothing: the state is in memory only.
type Directory struct {
	path  string
	log   *slog.Logger
	files [files]file
}

// file is what is known of a File.
type file struct {
	mu      sync.Mutex // held while it is saved or loaded
	failing bool       // the last attempt failed; guarded by mu
	unread  bool       // the file is there and could not be read; guarded by mu

	saved  atomic.Int64 // Unix time of the last success
	counts [2]atomic.Int64
}

// The outcomes of an attempt to save a file.
const (
	succeeded = iota
	failed
)

// permissions are those of a directory that is made here: what is trusted is nobody else's to
// change, and which names were asked for nobody else's to read.
const permissions = 0o700

// Open returns the directory at a path, which it makes if it is not there; nil if the path is
// empty. [Check] has to find no fault with it. That nothing can be written is not an error.
func Open(path string, log *slog.Logger) *Directory {
	if path == "" {
		log.Info("what is learnt is kept in memory only: a restart forgets it", "hint",
			"set state.directory, or StateDirectory= in the unit file")
		return nil
	}
	d := &Directory{path: path, log: log}
	if err := os.MkdirAll(path, permissions); err != nil {
		log.Warn("the state directory cannot be made; it is tried again", "error", err.Error())
	}
	d.sweep()
	return d
}

// Reader returns the directory at a path for who only reads it, nil if the path is empty.
func Reader(path string, log *slog.Logger) *Directory {
	if path == "" {
		return nil
	}
	return &Directory{path: path, log: log}
}

// abandoned is the age of a temporary file that nobody writes any more. Two processes share the
// directory while one hands over to the other.
const abandoned = time.Hour

// sweep removes the files that a process left unfinished.
func (d *Directory) sweep() {
	for _, f := range All() {
		unfinished := Abandoned(d.at(f))
		for _, path := range unfinished {
			if st, err := os.Lstat(path); err == nil && time.Since(st.ModTime()) > abandoned {
				_ = os.Remove(path) // otherwise it stays, and does no harm
			}
		}
	}
}

// at returns the path of a file.
func (d *Directory) at(f File) string { return filepath.Join(d.path, f.String()) }

// Check returns what is wrong with a directory, and what is dangerous about it. Whoever can write
// in it decides what is trusted. One that does not exist can be made if its parent exists.
func Check(path string) (wrong, doubtful error) {
	if path == "" {
		return nil, nil
	}
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(filepath.Dir(path))
		return err, nil
	}
	switch {
	case err != nil:
		return err, nil
	case !st.IsDir():
		return fmt.Errorf("%s is not a directory", path), nil
	case st.Mode().Perm()&0o002 != 0:
		return fmt.Errorf("everybody on this machine may write to %s, and so decide what is "+
			"trusted: chmod 700", path), nil
	}
	switch owner, me := ownerOf(st), os.Geteuid(); {
	case owner >= 0 && owner != me && owner != 0 && me != 0:
		return fmt.Errorf("%s belongs to user %d, who decides what is trusted; this is user %d",
			path, owner, me), nil
	case owner > 0 && owner != me:
		return nil, fmt.Errorf("%s belongs to user %d, who decides what is trusted if this "+
			"server runs as root", path, owner)
	case st.Mode().Perm()&0o020 != 0:
		return nil, fmt.Errorf("the group of %s may write to it, and so decide what is trusted",
			path)
	}
	return nil, nil
}

// Status is how it goes with a file.
type Status struct {
	Saved           time.Time // the last time, zero if never
	Succeeded, Lost int64     // attempts to save it
}

// Status returns how it goes with a file.
func (d *Directory) Status(f File) (s Status) {
	if d == nil {
		return s
	}
	if at := d.files[f].saved.Load(); at != 0 {
		s.Saved = time.Unix(at, 0)
	}
	s.Succeeded, s.Lost = d.files[f].counts[succeeded].Load(), d.files[f].counts[failed].Load()
	return s
}
