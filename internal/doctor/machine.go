// What the machine says of the way that look-ups take: resolv.conf, nsswitch.conf and
// systemd-resolved.

package doctor

import (
	"bufio"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Machine is what the files of a machine say.
type Machine struct {
	// Hosts are the words of the line hosts of nsswitch.conf, with their actions; nil if there is
	// no such line, which means files and dns (nsswitch.conf(5)).
	Hosts      []string
	ResolvConf ResolvConf
	// Resolved reports whether systemd-resolved runs, and Uplinks are the servers that it asks.
	Resolved bool
	Uplinks  []netip.AddrPort
	V4, V6   bool // whether a route leads to the Internet
}

// ResolvConf is what /etc/resolv.conf says.
type ResolvConf struct {
	Missing bool   // it is not there, or a link that leads nowhere
	Link    string // where it leads, if it is a symbolic link
	Writer  string // the program that has written it, by its comments; "" if it does not say
	Servers []netip.AddrPort
	Wrong   []string // lines that are ignored
}

// Files of a machine.
const (
	resolvConf   = "etc/resolv.conf"
	nsswitchConf = "etc/nsswitch.conf"
	resolvedFile = "run/systemd/resolve/resolv.conf"
	resolvedBus  = "run/systemd/resolve/io.systemd.Resolve"
)

// readMachine reads the files below root.
func readMachine(root string) (m Machine) {
	at := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	if text, err := readFile(at(nsswitchConf)); err == nil {
		m.Hosts = parseHosts(text)
	}
	m.ResolvConf = readResolvConf(root, at(resolvConf))
	if text, err := readFile(at(resolvedFile)); err == nil {
		m.Uplinks = parseResolvConf(text).Servers
	}
	_, err := os.Stat(at(resolvedBus))
	m.Resolved = err == nil
	return m
}

// readFile reads the beginning of a file.
func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile))
	return string(text), err
}

// readResolvConf reads the file, and where it leads. A link to an absolute path is one below root.
func readResolvConf(root, path string) ResolvConf {
	link, _ := os.Readlink(path) // "" if it is no link
	target := path
	if filepath.IsAbs(link) {
		target = filepath.Join(root, link)
	}
	text, err := readFile(target)
	if err != nil {
		return ResolvConf{Missing: true, Link: link}
	}
	c := parseResolvConf(text)
	c.Link = link
	return c
}

// writers are programs that write resolv.conf, by what their comments have.
var writers = []struct{ word, name string }{
	{"tailscale", "Tailscale"}, {"NetworkManager", "NetworkManager"},
	{"systemd-resolved", "systemd-resolved"}, {"resolvconf", "resolvconf"},
	{"dnssec-trigger", "dnssec-trigger"}, {"dhclient", "dhclient"}, {"dhcpcd", "dhcpcd"},
	{"connman", "ConnMan"}, {"bailiwick", "bailiwick"},
}

// parseResolvConf reads what the C library would: lines that begin with nameserver, without a space
// before it, and with an address behind it.
func parseResolvConf(text string) (c ResolvConf) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			for _, w := range writers {
				if c.Writer == "" && strings.Contains(line, w.word) {
					c.Writer = w.name
				}
			}
			continue
		}
		words := strings.Fields(line)
		if len(words) == 0 || words[0] != "nameserver" {
			continue
		}
		var a netip.Addr
		if len(words) > 1 && strings.HasPrefix(line, words[0]) {
			a, _ = netip.ParseAddr(words[1])
		}
		if !a.IsValid() {
			c.Wrong = append(c.Wrong, line)
			continue
		}
		c.Servers = append(c.Servers, netip.AddrPortFrom(a.Unmap(), usualPort))
	}
	return c
}

// usualPort is the one that the C library asks at.
const usualPort = 53

// parseHosts returns the words of the line hosts; nil if there is none.
func parseHosts(text string) []string {
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "hosts:"); ok {
			return strings.Fields(rest)
		}
	}
	return nil
}

// sources returns the sources that the C library asks, without actions.
func (m *Machine) sources() (names []string) {
	if m.Hosts == nil {
		return []string{"files", "dns"}
	}
	inside := false // an action may have spaces in it: [ NOTFOUND = return ]
	for _, w := range m.Hosts {
		if strings.HasPrefix(w, "[") {
			inside = true
		}
		if !inside {
			names = append(names, w)
		}
		if strings.HasSuffix(w, "]") {
			inside = false
		}
	}
	return names
}

// asked returns the servers that the C library asks.
func (m *Machine) asked() []netip.AddrPort {
	s := m.ResolvConf.Servers
	if len(s) == 0 {
		return []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}),
			usualPort)}
	}
	return s[:min(len(s), maxLibraryServers)]
}
