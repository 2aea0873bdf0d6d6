// How the server takes from itself what it does not need, and what it says about that.

package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"bailiwick/internal/config"
	"bailiwick/internal/confine"
	"bailiwick/internal/console"
	"bailiwick/internal/service"
	"bailiwick/transport"
)

// confinement is how the process is confined, or will be.
type confinement struct {
	report confine.Report
	later  *confine.Plan // nil: none
}

// confineItself executes this process again with less than it has, unless that was done. Where an
// address of the configuration is taken it is postponed: the start is going to fail, and it takes
// the sight of all processes to say who has the address.
func confineItself(file string) (c confinement, err error) {
	if !isProgram {
		return c, nil
	}
	var done bool
	if c.report, done = confine.Inherited(); done {
		return c, nil
	}
	cfg, found := readConfig(file)
	program, err := service.Self()
	if err != nil || len(found.Errors()) > 0 {
		return c, err // serve reads it again, and reports the errors
	}
	if cfg.Confine.User != "" && cfg.Console.Socket == console.AutoSocket {
		if socket := usualSocket(); socket != "" { // it is root's, and ctl looks for it there
			_ = os.Setenv("RUNTIME_DIRECTORY", filepath.Dir(socket))
		}
	}
	plan := planOf(cfg, program.Path())
	switch {
	case !plan.Wanted():
		return c, nil
	case os.Getenv("LISTEN_FDS") == "" && taken(cfg):
		c.later = &plan
		return c, nil
	}
	return c, confine.Enter(plan, program.Again)
}

// postponed executes this process again if that was postponed. Another process uses an address as
// well, and this one could have it all the same.
func (c *confinement) postponed() error {
	if c.later == nil {
		return nil
	}
	program, err := service.Self()
	if err != nil {
		return err
	}
	return confine.Enter(*c.later, program.Again)
}

// filter has the system calls of this process filtered, if that is wanted.
func (c *confinement) filter(cfg confine.Config) {
	if isProgram && c.later == nil && cfg.Seccomp == confine.Auto {
		c.report.Filter()
	}
}

// taken reports whether some process uses an address that the configuration listens at.
func taken(cfg *config.Config) bool {
	for _, p := range transport.Protocols() {
		for _, l := range cfg.Listen[p] {
			if transport.Taken(p.Network(), l.Addr) {
				return true
			}
		}
	}
	return false
}

// planOf returns what a configuration has the process confined to.
func planOf(cfg *config.Config, program string) confine.Plan {
	p := confine.Plan{Config: cfg.Confine, XDP: len(cfg.XDP) > 0}
	own := func(dir string, access confine.Access, key string) {
		p.Own = append(p.Own, confine.Path{Path: dir, Access: access, For: key})
	}
	if dir := cfg.State.Path(); dir != "" {
		own(dir, confine.Write, "state.directory")
	}
	switch socket := cfg.Console.Socket; socket {
	case "":
	case console.AutoSocket:
		if usual := usualSocket(); usual != "" {
			own(filepath.Dir(usual), confine.Socket, "control.socket")
		}
	default:
		p.Paths = append(p.Paths, confine.Around(confine.Path{Path: socket,
			Access: confine.Socket, For: "control.socket"})...)
	}
	p.Paths = append(p.Paths, p.Own...)
	for _, path := range cfg.Paths() {
		if abs, err := filepath.Abs(path.Path); err == nil {
			path.Path = abs
		}
		p.Paths = append(p.Paths, confine.Around(path)...)
	}
	p.Paths = append(p.Paths, confine.System(program)...)
	seen := map[confine.Path]bool{}
	p.Paths = slices.DeleteFunc(p.Paths, func(path confine.Path) bool {
		path.For = ""
		again := seen[path]
		seen[path] = true
		return again
	})
	return p
}

// confinedText tells by what the process is confined, in a line.
func (s *stack) confinedText() string {
	text := s.confined.String()
	if has := confine.Capabilities(); has != "" {
		text += "; capabilities: " + has
	}
	return text
}

// logConfined logs by what the process is confined, and what of that is missing.
func (r *running) logConfined() {
	c := &r.confined
	r.metrics.Confined("landlock", c.Landlock > 0)
	r.metrics.Confined("seccomp", c.Seccomp)
	r.metrics.Confined("user", os.Geteuid() != 0)
	r.log.Info("confined", "by", r.confinedText(), "paths", len(c.Rules))
	for _, what := range slices.Sorted(maps.Keys(c.Missing)) {
		r.log.Warn("not confined as process."+what+" has it", "reason", c.Missing[what])
	}
	if os.Geteuid() == 0 {
		r.log.Warn("the server runs as root: whoever takes it over has the machine", "hint",
			"set process.user, or start it as a user with the capability net_bind_service")
	}
}

// confinementState tells by what the process is confined, and to which paths.
func (r *running) confinementState(console.Request) (console.Result, error) {
	c := &r.confined
	landlock := "no"
	if c.Landlock > 0 {
		landlock = strconv.Itoa(c.Landlock)
	}
	user := c.User
	if user == "" {
		user = strconv.Itoa(os.Geteuid())
	}
	f := map[string]any{"landlock": landlock, "seccomp": yesNo(c.Seccomp), "user": user,
		"capabilities": confine.Capabilities()}
	if len(c.Missing) > 0 {
		text := ""
		for _, what := range slices.Sorted(maps.Keys(c.Missing)) {
			text += what + ": " + c.Missing[what] + "; "
		}
		f["missing"] = text[:len(text)-2]
	}
	res := console.Result{Fields: f, Columns: []string{"path", "may", "for"}, Rows: [][]any{}}
	for _, p := range c.Rules {
		res.Rows = append(res.Rows, []any{p.Path, p.Access.String(), p.For})
	}
	return res, nil
}

// yesNo is whether something is, in a word.
func yesNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}
