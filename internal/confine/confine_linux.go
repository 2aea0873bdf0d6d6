package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Enter confines this process to a plan and calls again, which has to execute the program anew. It
// returns only if that fails, or if the plan cannot be had: then the process must end. What the
// kernel lacks is left out and reported; that another user cannot be had is an error.
func Enter(p Plan, again func() error) error {
	runtime.LockOSThread() // for ever: the thread is confined
	var r Report
	caps := kept(p)
	made := p.provide()
	if p.User != "" && os.Geteuid() != 0 {
		a, err := findUser(p.User)
		if err != nil || a.uid != os.Geteuid() {
			return fmt.Errorf("process.user: only root can become %s; this is user %d", p.User,
				os.Geteuid())
		}
	} else if p.User != "" {
		if err := become(p, caps, made); err != nil {
			return fmt.Errorf("process.user: %w", err)
		}
		r.User = p.User
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if p.Capabilities == Auto || r.User != "" {
		if err := keepOnly(caps); err != nil {
			r.miss("capabilities", err)
		}
	}
	if p.Landlock == Auto {
		var err error
		if r.Landlock, r.Rules, err = restrict(p.Paths); err != nil {
			r.Landlock, r.Rules = 0, nil
			r.miss("landlock", err)
		}
	}
	if err := r.save(); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGHUP) // until the program catches it again
	return errors.Join(errors.New("the program cannot be executed again"), again())
}

// Wanted reports whether a plan has anything that [Enter] would do.
func (p Plan) Wanted() bool {
	return p.Landlock == Auto || p.User != "" ||
		p.Capabilities == Auto && surplus(kept(p))
}

// provide makes the directories of the server that are not there, and returns those that are the
// server's: that of sockets, too, where an earlier server of root has made it. The part of the
// server that needs a directory reports the error if it could not be made. Other users may pass
// through that of a socket, which has permissions of its own.
func (p Plan) provide() (made []string) {
	for _, own := range p.Own {
		mode := os.FileMode(0o700)
		if own.Access == Socket {
			mode = 0o755
		}
		_, err := os.Stat(own.Path)
		if errors.Is(err, fs.ErrNotExist) && os.MkdirAll(own.Path, mode) == nil ||
			err == nil && own.Access == Socket {
			made = append(made, own.Path)
		}
	}
	return made
}

// become gives the thread another user, which keeps capabilities. Directories that were made just
// now belong to it; those that were there are the operator's.
func become(p Plan, caps capabilities, made []string) error {
	a, err := findUser(p.User)
	if err != nil {
		return err
	}
	for _, path := range made {
		if err := os.Chown(path, a.uid, a.gid); err != nil {
			return err
		}
	}
	if err := caps.bound(); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return err
	}
	return a.enter()
}
