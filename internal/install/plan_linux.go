// What an installation consists of, and why it is refused.

package install

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Config is what is to be installed.
type Config struct {
	Root          string     // the folder that the machine's files are below: / for this machine
	Program       []byte     // the server
	Unit          []byte     // the unit of the service, which runs the server at programPath
	Configuration []byte     // written if there is none
	Address       netip.Addr // where programs are to ask, at port 53
	Files         bool       // files alone: no command is run, and nothing is waited for
	Rests         bool       // the server rests while nobody asks: no watchdog wakes it
}

// Paths of what is installed. The unit has the first two in it.
const (
	programPath  = "/usr/local/bin/bailiwick"
	configPath   = "/etc/bailiwick/bailiwick.yaml"
	unitPath     = "/etc/systemd/system/bailiwick.service"
	restPath     = "/etc/systemd/system/bailiwick.service.d/rest.conf"
	wantsPath    = "/etc/systemd/system/multi-user.target.wants/bailiwick.service"
	resolvedPath = "/etc/systemd/resolved.conf.d/bailiwick.conf"
	managerPath  = "/etc/NetworkManager/conf.d/90-bailiwick.conf"
	dhclientPath = "/etc/dhcp/dhclient-enter-hooks.d/bailiwick"
	resolvPath   = "/etc/resolv.conf"
	recordPath   = "/var/lib/bailiwick.installed"
)

// Step is one step of an installation: a path that changes, a command, or a wait.
type Step struct {
	Path   string   `json:"path,omitempty"`
	Before Content  `json:"before"`
	After  Content  `json:"after"`
	Do     []string `json:"do,omitempty"`   // a command
	Undo   []string `json:"undo,omitempty"` // the command of the way back
	Wait   bool     `json:"-"`              // until the server answers
}

// Plan is an installation that can be made.
type Plan struct {
	Steps []Step
	// Address is where programs are to ask.
	Address netip.Addr
	c       Config
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
	m := &maker{Plan: Plan{Address: c.Address, c: c}}
	m.refusals()
	m.service()
	m.pointers()
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
	for _, p := range []string{"/etc", filepath.Dir(recordPath)} {
		if !c.has(p) {
			m.refuse("%s is not there: %s is no machine", c.at(p), c.Root)
		}
	}
	if c.has(recordPath) {
		m.refuse("it is installed already, or an installation has ended halfway (%s): run "+
			"bailiwick uninstall first", recordPath)
		return
	}
	for _, p := range []string{"/usr/lib/systemd/system/bailiwick.service",
		"/lib/systemd/system/bailiwick.service"} {
		if c.has(p) {
			m.refuse("a package has installed it (%s)", p)
			break
		}
	}
	if !c.Files && !c.has("/run/systemd/system") {
		m.refuse("systemd does not run here: sd_booted(3)")
	}
}

// service adds the server and its service.
func (m *maker) service() {
	m.write(programPath, file(0o755, m.c.Program), true)
	if !m.c.has(configPath) {
		m.write(configPath, file(0o644, m.c.Configuration), false)
	}
	m.command(nil, []string{"systemctl", "daemon-reload"})
	m.write(unitPath, file(0o644, m.c.Unit), false)
	if m.c.Rests {
		m.write(restPath, file(0o644, []byte(written+"[Service]\nWatchdogSec=0\n")), false)
	}
	m.write(wantsPath, Content{Kind: Link, Link: unitPath}, false)
	m.command([]string{"systemctl", "daemon-reload"}, nil)
	m.command(nil, []string{"systemctl", "clean", "--what=state", "--what=logs", "--what=runtime",
		"bailiwick.service"})
	m.command([]string{"systemctl", "start", "bailiwick.service"},
		[]string{"systemctl", "stop", "bailiwick.service"})
	if !m.c.Files {
		m.Steps = append(m.Steps, Step{Wait: true})
	}
}

// pointers adds what has programs ask the server: each program that writes resolv.conf is told not
// to, and the file names the server.
func (m *maker) pointers() {
	c := &m.c
	resolved := c.has("/run/systemd/resolve",
		"/etc/systemd/system/dbus-org.freedesktop.resolve1.service",
		"/etc/systemd/system/sysinit.target.wants/systemd-resolved.service",
		"/etc/systemd/system/multi-user.target.wants/systemd-resolved.service")
	manager := c.has("/usr/sbin/NetworkManager", "/usr/bin/NetworkManager")
	restart := []string{"systemctl", "try-restart", "systemd-resolved.service"}
	reload := []string{"systemctl", "try-reload-or-restart", "NetworkManager.service"}
	if manager {
		m.command(nil, reload)
	}
	if resolved {
		m.command(nil, restart)
	}
	if manager {
		// NetworkManager writes over a resolv.conf that is no link (tailscale/tailscale 3742).
		m.write(managerPath, file(0o644, []byte(written+"[main]\ndns=none\n")), false)
	}
	if resolved {
		// Domains=~. has every name asked for at this server, and none at those of a network.
		m.write(resolvedPath, file(0o644, fmt.Appendf([]byte(written),
			"[Resolve]\nDNS=%s\nDomains=~.\nDNSStubListener=no\n", c.Address)), false)
	}
	if c.has(filepath.Dir(dhclientPath)) {
		m.write(dhclientPath, file(0o644, []byte(written+"make_resolv_conf() { :; }\n")), false)
	}
	m.hooks()
	m.resolvConf()
	if resolved {
		m.command(restart, nil)
	}
	if manager {
		m.command(reload, nil)
	}
}

// written begins each file that is in a folder of another program.
const written = "# Written by bailiwick install; bailiwick uninstall removes it.\n"

// resolvConf replaces /etc/resolv.conf, unless somebody else insists on it.
func (m *maker) resolvConf() {
	path := m.c.at(resolvPath)
	before, err := read(path)
	switch {
	case err != nil:
		m.refuse("%v", err)
	case before.Kind == Folder || before.Kind == Other:
		m.refuse("%s is neither a file nor a link", resolvPath)
	case before.Kind == File && immutable(path):
		m.refuse("%s is immutable: chattr -i %[1]s makes it changeable", resolvPath)
	case mounted(path):
		m.refuse("%s is mounted from elsewhere, as in a container: set the server there",
			resolvPath)
	}
	for _, other := range []string{"tailscale", "dnssec-trigger"} {
		if before.Kind == File && strings.Contains(string(before.Data), other) {
			m.refuse("%s is of %s, which would write it again: have it leave DNS alone first",
				resolvPath, other)
		}
	}
	m.Steps = append(m.Steps, Step{Path: resolvPath, Before: before,
		After: file(0o644, fmt.Appendf(nil, "# Written by bailiwick install; bailiwick uninstall "+
			"puts back what was here.\nnameserver %s\noptions edns0 trust-ad\n", m.c.Address))})
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
		return
	case before.Kind != Absent:
		m.refuse("%s is there, and not ours", path)
		return
	}
	m.folders(filepath.Dir(path))
	m.Steps = append(m.Steps, Step{Path: path, Before: before, After: after})
}

// folders adds folders that are missing, the uppermost first.
func (m *maker) folders(path string) {
	planned := slices.ContainsFunc(m.Steps, func(s Step) bool { return s.Path == path })
	if planned || path == "/" || m.c.has(path) {
		return
	}
	m.folders(filepath.Dir(path))
	m.Steps = append(m.Steps, Step{Path: path, Before: Content{Kind: Absent},
		After: Content{Kind: Folder, Mode: 0o755}})
}

// command adds a command and that of the way back, unless files alone are wanted.
func (m *maker) command(do, undo []string) {
	if !m.c.Files {
		m.Steps = append(m.Steps, Step{Do: do, Undo: undo})
	}
}

// immutable reports whether a file has the attribute that chattr +i sets: not even root can replace
// it (ugzv/ublockdnsclient 24).
func immutable(path string) bool {
	var st unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, 0, &st)
	return err == nil && st.Attributes&unix.STATX_ATTR_IMMUTABLE != 0
}

// mounted reports whether something is mounted at a path, as container engines do with the file of
// their network: it can be written to, but not replaced.
func mounted(path string) bool {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	if real, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(real, filepath.Base(path))
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == path {
			return true
		}
	}
	return false
}

// WriteTo prints what would be done: each file with its text, and each command.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	for _, s := range p.Steps {
		switch {
		case s.Wait:
			fmt.Fprintf(&b, "wait until %s answers\n", netip.AddrPortFrom(p.Address, 53))
		case len(s.Do) > 0:
			fmt.Fprintf(&b, "run %s\n", strings.Join(s.Do, " "))
		case s.Path != "":
			s.print(&b)
		}
	}
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

// print prints a change of a path.
func (s *Step) print(b *strings.Builder) {
	fmt.Fprintf(b, "%s %s", s.After.Kind, s.Path)
	if s.After.Kind == Link {
		fmt.Fprintf(b, " to %s", s.After.Link)
	} else {
		fmt.Fprintf(b, ", mode %04o", s.After.Mode)
	}
	if s.Path == programPath {
		b.WriteString(": this program")
	}
	switch s.Before.Kind {
	case File:
		fmt.Fprintf(b, ", in place of a file of %d octets", len(s.Before.Data))
	case Link:
		fmt.Fprintf(b, ", in place of a link to %s", s.Before.Link)
	}
	b.WriteByte('\n')
	if s.After.Kind == File && s.Path != programPath {
		for line := range strings.Lines(string(s.After.Data)) {
			fmt.Fprintf(b, "    %s", line)
		}
	}
}
