// Package confine takes from this process what it does not need: capabilities, the files that it
// has no business with (landlock), system calls that no resolver makes (seccomp), and root.
//
// All but seccomp happens before the process reads anything from the network or opens a listener:
// on one thread, which then executes the same program again. So all threads have it without a way
// to put it on threads that run already, what the server needs is needed at its start and not at
// the first reload, and a successor ([service.Successor]) has it by inheritance.
package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
)

// Mode is whether something is done.
type Mode uint8

// The modes.
const (
	Auto Mode = iota // as far as the kernel has it
	Off
)

// Config is what the operator decides.
type Config struct {
	Landlock, Seccomp, Capabilities Mode
	User                            string // as [ParseUser] reads it; "": the one that starts it
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config { return Config{} }

// Access is what a process may do with what is below a path.
type Access uint8

// The kinds of access. Each but Socket includes reading.
const (
	Read   Access = iota
	Write         // and make, rename and remove files
	Device        // and write to it, without making anything
	Socket        // make and remove sockets, and nothing else
	Run           // and execute programs
)

// String returns what a person reads.
func (a Access) String() string {
	return [...]string{"read", "read and write", "read and write", "make sockets",
		"read and run"}[a]
}

// Path is a path that a process uses.
type Path struct {
	Path   string
	Access Access
	For    string // why, such as a key of the configuration
}

// Plan is what a process is to be confined to.
type Plan struct {
	Config
	Paths []Path
	// Own are directories of the server itself, which are made if they are not there.
	Own []Path
	// XDP has the process keep, until [Shed], what it takes to have an interface's packets.
	XDP bool
}

// Report is how a process is confined.
type Report struct {
	// Landlock is the version of the kernel's interface that is in use; 0: files are not confined.
	Landlock int
	Seccomp  bool
	User     string // that the process has become; "": it is the one that started it
	Rules    []Path // what of the file system the process has; none without Landlock
	// Missing is why something that was wanted is not there, by its name.
	Missing map[string]string `json:",omitempty"`
}

// variable holds the report of a process that was executed again, and of its successors: they
// inherit what it is about, and nothing can take that off.
const variable = "BAILIWICK_CONFINED"

// Inherited returns how this process is confined since before it began; false if it is not.
func Inherited() (r Report, ok bool) {
	text := os.Getenv(variable)
	return r, text != "" && json.Unmarshal([]byte(text), &r) == nil
}

// save hands the report to the next program in this process, and to successors.
func (r *Report) save() error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return os.Setenv(variable, string(text))
}

// miss records that something is not there.
func (r *Report) miss(what string, err error) {
	if r.Missing == nil {
		r.Missing = map[string]string{}
	}
	r.Missing[what] = err.Error()
}

// Outside returns what is to be said of an error that a path outside of the rules may be the reason
// of; nil if it cannot be.
func (r Report) Outside(err error) error {
	if err == nil || r.Landlock == 0 || !errors.Is(err, fs.ErrPermission) &&
		!strings.Contains(err.Error(), fs.ErrPermission.Error()) { // findings are texts
		return nil
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "listen" && op.Net != "unix" {
		return nil // an address is no path
	}
	text := "the server may use only the directories that its configuration named when it was " +
		"started (`bailiwick ctl confinement` lists them): for a path in another one it has to " +
		"be restarted, not reloaded or upgraded"
	if r.User != "" {
		text += "; and user " + r.User + " has to have access to it"
	}
	return errors.New(text)
}

// String returns a line for people, such as "landlock 7, seccomp, user bailiwick".
func (r Report) String() string {
	var has []string
	if r.Landlock > 0 {
		has = append(has, fmt.Sprintf("landlock %d", r.Landlock))
	}
	if r.Seccomp {
		has = append(has, "seccomp")
	}
	if r.User != "" {
		has = append(has, "user "+r.User)
	}
	if has == nil {
		return "no"
	}
	return strings.Join(has, ", ")
}
