package confine

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	kernel "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// rights are the kernel's, by access: for what is a file, and for what is below a directory.
var rights = [...]struct{ file, below landlock.AccessFSSet }{
	Read: {kernel.AccessFSReadFile, kernel.AccessFSReadDir},
	Write: {kernel.AccessFSReadFile | kernel.AccessFSWriteFile | kernel.AccessFSTruncate,
		kernel.AccessFSReadDir | kernel.AccessFSRemoveFile | kernel.AccessFSMakeReg},
	Device: {file: kernel.AccessFSReadFile | kernel.AccessFSWriteFile},
	Socket: {below: kernel.AccessFSMakeSock | kernel.AccessFSRemoveFile},
	Run:    {kernel.AccessFSReadFile | kernel.AccessFSExecute, kernel.AccessFSReadDir},
}

// errNoLandlock is why files are not confined on many a kernel.
var errNoLandlock = errors.New("the kernel has none (it needs Linux 5.13 and lsm=landlock), or " +
	"what supervises this process has it forbidden")

// ruled is the newest version of landlock whose rights are asked for: later ones restrict what is
// no file, such as connecting to sockets of the journal.
const ruled = 8

// restrict has this thread, and what it executes, use nothing of the file system but the paths. It
// returns the version of landlock, and the paths that there are.
func restrict(paths []Path) (version int, has []Path, err error) {
	if version, err = kernel.LandlockGetABIVersion(); err != nil || version == 0 {
		return 0, nil, errNoLandlock
	}
	var rules []landlock.Rule
	for _, p := range paths {
		about, err := os.Stat(p.Path)
		if err != nil {
			continue // what is not there needs no rule
		}
		r := rights[p.Access]
		set := r.file
		if about.IsDir() {
			set |= r.below
		}
		if set == 0 {
			continue
		}
		rules = append(rules, landlock.PathAccess(set, p.Path).IgnoreIfMissing())
		has = append(has, p)
	}
	all := landlock.Config{HandledAccessFS: landlock.V8.HandledAccessFS}
	fd, flags, err := all.BestEffort().NewRulesetFD(rules...)
	if err != nil {
		return 0, nil, err
	}
	if fd < 0 {
		return 0, nil, errNoLandlock
	}
	defer unix.Close(fd)
	return min(version, ruled), has, kernel.LandlockRestrictSelf(fd, flags)
}

// Around returns the rules for a path: its directory, so that a file may be replaced by another of
// its name, and the directory of what it is a link to. What stands in the root directory is there
// alone, as a rule for that would be one for everything; and where the path has a pattern, all that
// may match is below.
func Around(p Path) (rules []Path) {
	path := p.Path
	if i := strings.IndexAny(path, "*?["); i >= 0 {
		path = path[:strings.LastIndex(path[:i], "/")+1] + "x"
	}
	for _, at := range resolved(path) {
		if dir := filepath.Dir(at); dir != "/" {
			at = dir
		}
		if !slices.ContainsFunc(rules, func(o Path) bool { return o.Path == at }) {
			rules = append(rules, Path{at, p.Access, p.For})
		}
	}
	return rules
}

// resolved returns a path and what it is a link to.
func resolved(path string) []string {
	if to, err := filepath.EvalSymlinks(path); err == nil && to != path {
		return []string{path, to}
	}
	return []string{path}
}
