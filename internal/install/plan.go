// What an installation consists of, and why it is refused.

package install

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	slashed "path"
	"path/filepath"
	"slices"
	"strings"
)

// System is what runs services on a machine.
type System uint8

// The systems.
const (
	Systemd System = iota // Linux
	Launchd               // macOS
	Windows               // its service control manager
)

// places are where a system has things, as paths below the root of the machine.
var places = [...]struct{ program, config, record string }{
	Systemd: {systemdProgram, systemdConfig, systemdRecord},
	Launchd: {launchdProgram, launchdConfig, launchdRecord},
	Windows: {windowsProgram, windowsConfig, windowsRecord},
}

// Config is what is to be installed.
type Config struct {
	System        System
	Root          string       // the folder that the machine's files are below: / for this machine
	Volume        string       // of Windows, such as C:
	Program       []byte       // the server
	Unit          []byte       // the unit of the service under systemd
	Configuration []byte       // written if there is none
	Addresses     []netip.Addr // of loopback, where programs are to ask, at port 53
	Files         bool         // files alone: no command is run, and nothing is waited for
	Rests         bool         // the server rests while nobody asks: no watchdog wakes it
	IPv6          bool         // the machine has ::1
	Uplinks       Uplinks
}

// Step is one step of an installation: a path that changes, a command, a wait, a service of
// Windows, or the servers that links ask.
type Step struct {
	Path    string   `json:"path,omitempty"`
	Before  Content  `json:"before"`
	After   Content  `json:"after"`
	Own     bool     `json:"own,omitempty"`  // a folder that goes with all that is in it
	Do      []string `json:"do,omitempty"`   // a command
	Undo    []string `json:"undo,omitempty"` // the command of the way back
	Wait    bool     `json:"-"`              // until the server answers
	Service *Service `json:"service,omitempty"`
	Servers *Servers `json:"servers,omitempty"`
}

// Service is a service of Windows.
type Service struct {
	Name        string   `json:"name"`
	Display     string   `json:"display"`
	Argv        []string `json:"argv"`
	Account     string   `json:"account"`
	Environment []string `json:"environment"`
}

// Plan is an installation that can be made.
type Plan struct {
	Steps []Step
	Notes []string // what is left to whoever installs it
	c     Config
}

// ErrRefused is the error of an installation that would touch what others have there. Its text
// lists all reasons.
var ErrRefused = errors.New("nothing is changed")

// maker collects the steps of a plan, and what speaks against it.
type maker struct {
	Plan
	reasons []string
}

// Make returns the plan of an installation.
func Make(c Config) (*Plan, error) {
	m := &maker{Plan: Plan{c: c}}
	m.refusals()
	switch c.System {
	case Launchd:
		m.launchd()
	case Windows:
		m.windows()
	default:
		m.systemd()
	}
	if len(m.reasons) > 0 {
		return nil, fmt.Errorf("%w:\n  %s", ErrRefused, strings.Join(m.reasons, "\n  "))
	}
	return &m.Plan, nil
}

func (m *maker) refuse(format string, args ...any) {
	m.reasons = append(m.reasons, fmt.Sprintf(format, args...))
}

// at returns a path of the machine as it is reached from here.
func (c *Config) at(path string) string { return filepath.Join(c.Root, path) }

// native returns a path as the machine's own programs call it.
func (c *Config) native(path string) string {
	if c.System == Windows {
		return c.Volume + strings.ReplaceAll(path, "/", `\`)
	}
	return path
}

// record returns the path of the record of an installation.
func (c *Config) record() string { return places[c.System].record }

// has reports whether something is at one of the paths.
func (c *Config) has(paths ...string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		_, err := os.Lstat(c.at(p))
		return err == nil
	})
}

// refusals looks for what speaks against any installation.
func (m *maker) refusals() {
	c := &m.c
	if c.has(c.record()) {
		m.refuse("it is installed already, or an installation has ended halfway (%s): run "+
			"bailiwick uninstall first", c.native(c.record()))
	}
}

// needs refuses a machine without folders that every one has.
func (m *maker) needs(folders ...string) {
	for _, p := range folders {
		if !m.c.has(p) {
			m.refuse("%s is not there: %s is no machine", m.c.at(p), m.c.Root)
		}
	}
}

// program adds the program, and the configuration if there is none.
func (m *maker) program() {
	at := places[m.c.System]
	m.write(at.program, file(0o755, m.c.Program), true)
	if !m.c.has(at.config) {
		m.write(at.config, file(0o644, m.c.Configuration), false)
	}
}

// write adds a file or link, and the folders above it that are missing. Nothing may be there,
// unless it is the same and may be.
func (m *maker) write(path string, after Content, mayBe bool) {
	before, err := read(m.c.at(path))
	switch {
	case err != nil:
		m.refuse("%v", err)
		return
	case before.Kind != Absent && mayBe && before.same(&after):
		m.safe(path, &before)
		return
	case before.Kind != Absent:
		m.refuse("%s is there, and not ours", m.c.native(path))
		return
	}
	m.folders(slashed.Dir(path))
	m.Steps = append(m.Steps, Step{Path: path, Before: before, After: after})
}

// safe refuses a program that is there already, and that others than root can change: the system
// would run what they put there. Windows has no such modes, and its folder is for administrators.
func (m *maker) safe(path string, c *Content) {
	if m.c.System == Windows || m.c.Files {
		return
	}
	if c.UID != 0 && c.UID != os.Geteuid() || c.Mode&0o022 != 0 {
		m.refuse("%s is the same program, but others than root can change it (user %d, mode "+
			"%04o): remove it, or chown root:root and chmod 755", m.c.native(path), c.UID, c.Mode)
	}
}

// folders adds folders that are missing, the uppermost first.
func (m *maker) folders(path string) {
	planned := slices.ContainsFunc(m.Steps, func(s Step) bool { return s.Path == path })
	if planned || path == "/" || m.c.has(path) {
		return
	}
	m.folders(slashed.Dir(path))
	m.Steps = append(m.Steps, Step{Path: path, Before: Content{Kind: Absent},
		After: Content{Kind: Folder, Mode: 0o755}})
}

// command adds a command and that of the way back, unless files alone are wanted.
func (m *maker) command(do, undo []string) {
	if !m.c.Files {
		m.Steps = append(m.Steps, Step{Do: do, Undo: undo})
	}
}

// own adds a folder of the server alone, which goes with all that is in it.
func (m *maker) own(path string) {
	if m.c.has(path) {
		m.refuse("%s is there, and not ours", m.c.native(path))
		return
	}
	m.folders(path)
	m.Steps[len(m.Steps)-1].Own = true
}

// wait adds that the server has to answer.
func (m *maker) wait() {
	if !m.c.Files {
		m.Steps = append(m.Steps, Step{Wait: true})
	}
}

// WriteTo prints what would be done: each file with its text, and each command.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	for _, s := range p.Steps {
		switch {
		case s.Wait:
			fmt.Fprintf(&b, "wait until %s answers\n", netip.AddrPortFrom(p.c.Addresses[0], 53))
		case s.Service != nil:
			s.Service.print(&b)
		case s.Servers != nil:
			s.Servers.print(&b)
		case len(s.Do) > 0:
			fmt.Fprintf(&b, "run %s\n", quoted(s.Do))
		case s.Path != "":
			s.print(&b, &p.c)
		}
	}
	for _, note := range p.Notes {
		fmt.Fprintln(&b, note)
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// quoted prints the words of a command; those with spaces in double quotes.
func quoted(argv []string) string {
	words := slices.Clone(argv)
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\"") {
			words[i] = `"` + w + `"`
		}
	}
	return strings.Join(words, " ")
}

func (s *Service) print(b *strings.Builder) {
	fmt.Fprintf(b, "service %s (%s), started with the machine, as %s: %s\n", s.Name, s.Display,
		s.Account, quoted(s.Argv))
	for _, v := range s.Environment {
		fmt.Fprintf(b, "    %s\n", v)
	}
}

// print prints a change of a path.
func (s *Step) print(b *strings.Builder, c *Config) {
	fmt.Fprintf(b, "%s %s", s.After.Kind, c.native(s.Path))
	if s.After.Kind == Link {
		fmt.Fprintf(b, " to %s", s.After.Link)
	} else if c.System != Windows {
		fmt.Fprintf(b, ", mode %04o", s.After.Mode)
	}
	program := s.Path == places[c.System].program
	if program {
		b.WriteString(": this program")
	}
	switch s.Before.Kind {
	case File:
		fmt.Fprintf(b, ", in place of a file of %d octets", len(s.Before.Data))
	case Link:
		fmt.Fprintf(b, ", in place of a link to %s", s.Before.Link)
	}
	b.WriteByte('\n')
	if s.After.Kind == File && !program {
		for line := range strings.Lines(string(s.After.Data)) {
			fmt.Fprintf(b, "    %s", line)
		}
	}
}
