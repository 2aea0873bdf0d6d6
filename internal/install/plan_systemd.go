// An installation on Linux with systemd.

package install

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Paths of what is installed under systemd. The unit has the first in it.
const (
	systemdProgram = "/usr/local/bin/bailiwick"
	systemdConfig  = "/etc/bailiwick/bailiwick.yaml"
	systemdRecord  = "/var/lib/bailiwick.installed"
	unitPath       = "/etc/systemd/system/bailiwick.service"
	restPath       = "/etc/systemd/system/bailiwick.service.d/rest.conf"
	wantsPath      = wantsFolder + "bailiwick.service"
	linksPath      = "/etc/systemd/system/bailiwick-links."
	wantsFolder    = "/etc/systemd/system/multi-user.target.wants/"
	resolvedPath   = "/etc/systemd/resolved.conf.d/zz-bailiwick.conf"
	managerPath    = "/etc/NetworkManager/conf.d/90-bailiwick.conf"
	dhclientPath   = "/etc/dhcp/dhclient-enter-hooks.d/bailiwick"
	dhcpcdPath     = "/etc/dhcpcd.enter-hook"
	openresolvPath = "/etc/resolvconf.conf"
	resolvPath     = "/etc/resolv.conf"
)

// systemd adds all of an installation under systemd.
func (m *maker) systemd() {
	m.needs("/etc", filepath.Dir(systemdRecord))
	for _, p := range []string{"/usr/lib/systemd/system/bailiwick.service",
		"/lib/systemd/system/bailiwick.service"} {
		if m.c.has(p) {
			m.refuse("a package has installed it (%s)", p)
			break
		}
	}
	if !m.c.Files && !m.c.has("/run/systemd/system") {
		m.refuse("systemd does not run here: sd_booted(3)")
	}
	m.service()
	m.pointers()
}

// service adds the server and its service.
func (m *maker) service() {
	m.program()
	m.command(nil, reloadUnits)
	m.write(unitPath, file(0o644, m.c.Unit), false)
	if m.c.Rests {
		m.write(restPath, file(0o644, []byte(written+"[Service]\nWatchdogSec=0\n")), false)
	}
	m.write(wantsPath, Content{Kind: Link, Link: unitPath}, false)
	if m.c.resolved() {
		m.watcher()
	}
	m.command(reloadUnits, nil)
	m.command(nil, []string{"systemctl", "clean", "--what=state", "--what=logs", "--what=runtime",
		"bailiwick.service"})
	m.command([]string{"systemctl", "start", "bailiwick.service"},
		[]string{"systemctl", "stop", "bailiwick.service"})
	m.wait()
}

// reloadUnits is the command after which systemd knows units that have come, or gone.
var reloadUnits = []string{"systemctl", "daemon-reload"}

// isReload reports whether a command is that one. On the way there it comes after the files of the
// service, and before the commands that need them.
func isReload(argv []string) bool { return slices.Equal(argv, reloadUnits) }

// ofService reports whether a command is one of systemctl for the units of the service.
func ofService(argv []string) bool {
	return argv[0] == "systemctl" && strings.HasPrefix(argv[len(argv)-1], "bailiwick")
}

// pointers adds what has programs ask the server: each program that writes resolv.conf is told not
// to, and the file names the server.
func (m *maker) pointers() {
	c := &m.c
	resolved := c.resolved()
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
		// NetworkManager writes over a resolv.conf that is no link (tailscale/tailscale 3742), and
		// with systemd-resolved has the names of the domain that a network announces asked for at
		// the network's servers, whatever domain that is; and all names at those of a VPN.
		m.write(managerPath, file(0o644, []byte(written+
			"[main]\ndns=none\nsystemd-resolved=false\n")), false)
	}
	if resolved {
		// Domains=~. has every name asked for at this server, and none at those of a network. The
		// last file counts, and servers of all files are asked unless the list is emptied. The
		// server has no certificate that would be trusted (systemd/systemd 29005).
		m.write(resolvedPath, file(0o644, fmt.Appendf([]byte(written),
			"[Resolve]\nDNS=\nDNS=%s\nDomains=~.\nDNSOverTLS=no\nDNSStubListener=no\n",
			c.Addresses[0])), false)
	}
	if c.has(filepath.Dir(dhclientPath)) {
		m.write(dhclientPath, file(0o644, []byte(written+"make_resolv_conf() { :; }\n")), false)
	}
	m.otherWriters()
	m.hooks()
	selinux := c.has("/sys/fs/selinux/enforce") && c.has("/usr/sbin/restorecon", "/sbin/restorecon")
	if selinux {
		m.command(nil, relabel)
	}
	m.resolvConf()
	if selinux {
		m.command(relabel, nil)
	}
	if resolved {
		m.command(restart, nil)
	}
	if manager {
		m.command(reload, nil)
	}
	if resolved {
		m.resolvedLinks()
	}
}

// otherWriters tells dhcpcd and openresolv not to write resolv.conf. dhcpcd reads the file before
// its own hooks, and an operator's is a program that is not ours to change; openresolv has one file
// for everything, which is put back as it was.
func (m *maker) otherWriters() {
	const skip = `skip_hooks="$skip_hooks resolv.conf"`
	switch {
	case !m.c.has("/etc/dhcpcd.conf", "/usr/lib/dhcpcd", "/lib/dhcpcd"):
	case m.c.has(dhcpcdPath):
		m.Notes = append(m.Notes, fmt.Sprintf("%s is there, and stays: have this line in it, or "+
			"dhcpcd writes resolv.conf: %s", dhcpcdPath, skip))
	default:
		m.write(dhcpcdPath, file(0o644, []byte(written+skip+"\n")), false)
	}
	before, err := read(m.c.at(openresolvPath))
	switch {
	case err != nil:
		m.refuse("%v", err)
	case before.Kind == File:
		after := before
		after.Data = append(slices.Clone(before.Data), "\n"+written+"resolvconf=NO\n"...)
		after.Sum = sum(after.Data)
		m.Steps = append(m.Steps, Step{Path: openresolvPath, Before: before, After: after})
	}
}

// relabel is the command that gives resolv.conf the label that SELinux's policy has for it: a file
// gets that of its folder when it is made. There may be none after the way back.
var relabel = []string{"restorecon", "-i", resolvPath}

// resolved reports whether the machine has systemd-resolved.
func (c *Config) resolved() bool {
	return c.has("/run/systemd/resolve",
		"/etc/systemd/system/dbus-org.freedesktop.resolve1.service",
		"/etc/systemd/system/sysinit.target.wants/systemd-resolved.service",
		"/etc/systemd/system/multi-user.target.wants/systemd-resolved.service")
}

// The units that look at links when their servers have changed: systemd-resolved writes the file
// then, also where nobody reads it. A unit of paths is before all services, and may come after
// none. The service waits as clients of VPNs set servers and domains one after the other, and a
// change while it runs starts it no second time; with a limit of starts systemd would give the path
// up.
const (
	linksPathUnit = written + "[Unit]\nDescription=DNS servers of network interfaces\n" +
		"[Path]\nPathChanged=/run/systemd/resolve/resolv.conf\n"
	linksServiceUnit = written + "[Unit]\nDescription=Network interfaces ask Bailiwick\n" +
		"After=bailiwick.service systemd-resolved.service\nStartLimitIntervalSec=0\n" +
		"[Service]\nType=oneshot\nExecStartPre=/bin/sleep 1\nExecStart=" + systemdProgram +
		" install --links\n"
)

// watcher adds what has links ask the server that appear later, and once when the machine starts.
func (m *maker) watcher() {
	for _, unit := range []struct{ kind, text string }{{"path", linksPathUnit},
		{"service", linksServiceUnit}} {
		m.write(linksPath+unit.kind, file(0o644, []byte(unit.text)), false)
		m.write(wantsFolder+"bailiwick-links."+unit.kind,
			Content{Kind: Link, Link: linksPath + unit.kind}, false)
	}
}

// resolvedLinks adds that links of systemd-resolved ask the server, those that are there and those
// that come.
func (m *maker) resolvedLinks() {
	if m.c.Files || m.c.Uplinks == nil {
		return
	}
	links, err := m.c.Uplinks.List()
	if err != nil {
		m.refuse("%v", err)
	}
	links = slices.DeleteFunc(links, func(l Uplink) bool { return l.Keeps })
	m.Steps = append(m.Steps, Step{Servers: &Servers{Links: links, To: m.c.Addresses}})
	m.command([]string{"systemctl", "start", "bailiwick-links.path", "bailiwick-links.service"},
		[]string{"systemctl", "stop", "bailiwick-links.path", "bailiwick-links.service"})
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
			"puts back what was here.\nnameserver %s\noptions edns0 trust-ad\n",
			m.c.Addresses[0]))})
}
