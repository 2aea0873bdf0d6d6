// The links of systemd-resolved, by resolvectl(1).

package install

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"bailiwick/internal/pattern"
)

// Resolved are the links of systemd-resolved that have DNS servers of their own: from
// systemd-networkd, iwd and clients of VPNs. Those of NetworkManager have none, as it is told to
// keep them to itself.
//
// A link with the domain "~." is asked for every name beside the server, and the faster answer
// counts (netbirdio/netbird 7071); one with another domain is asked for that alone, whoever has
// announced it. So links of hardware and bridges ask the server, which judges what a network
// announces, and tunnels do if they want all names. Other tunnels keep their servers for their own
// zones, which their user has set up (jonathanio/update-systemd-resolved 50).
type Resolved struct {
	Output Output
	Root   string // where /sys is
	Boot   string // names the time since the machine's start: numbers of links begin anew with it
}

// linkLine is what resolvectl dns and resolvectl domain print of a link. Names have no colon.
var linkLine = pattern.New(`^Link (\d+) \(([^:]+)\):(.*)$`)

// List returns the links that have servers, if systemd-resolved runs. One whose servers are more
// than addresses, such as names for TLS, is left as it is: these could not be put back.
func (r Resolved) List(ids ...string) (links []Uplink, err error) {
	if _, err := r.Output([]string{"systemctl", "is-active", "--quiet",
		"systemd-resolved.service"}); err != nil {
		return nil, nil
	}
	servers, err := r.lines("dns")
	if err != nil {
		return nil, err
	}
	domains, err := r.lines("domain")
	if err != nil {
		return nil, err
	}
	for _, f := range servers {
		words := strings.Fields(f[3])
		l := Uplink{ID: r.Boot + "/" + f[1], Name: f[2], Servers: parseServers(words), IPv4: true,
			IPv6: true}
		if n := len(l.Servers); n == 0 || n < len(words) {
			continue
		}
		for _, d := range domains {
			if d[1] == f[1] {
				l.Domains = strings.Fields(d[3])
			}
		}
		l.Keeps = r.tunnel(l.Name) && !slices.Contains(l.Domains, "~.") &&
			!slices.Contains(ids, l.ID)
		l.Managed = r.managed(f[1])
		changes, _ := os.ReadFile(filepath.Join(r.Root, "/sys/class/net", l.Name,
			"carrier_changes"))
		l.Carrier = strings.TrimSpace(string(changes))
		links = append(links, l)
	}
	return links, nil
}

// tunnel reports whether a link is one of no hardware, and not of Ethernet's kind either
// (ARPHRD_ETHER of linux/if_arp.h).
func (r Resolved) tunnel(name string) bool {
	at := filepath.Join(r.Root, "/sys/class/net", name)
	if _, err := os.Stat(filepath.Join(at, "device")); err == nil {
		return false
	}
	kind, err := os.ReadFile(filepath.Join(at, "type"))
	return err == nil && strings.TrimSpace(string(kind)) != "1"
}

// managed reports whether systemd-networkd has the link of a number, by the state that it writes:
// the servers that are set are kept there, beside those of the network.
func (r Resolved) managed(number string) bool {
	text, err := os.ReadFile(filepath.Join(r.Root, "/run/systemd/netif/links", number))
	for line := range strings.Lines(string(text)) {
		if state, is := strings.CutPrefix(strings.TrimSpace(line), "ADMIN_STATE="); is {
			return state != "unmanaged" && state != "pending" && state != "initialized"
		}
	}
	return err == nil
}

// lines returns what a command prints of each link: its number, its name, and the rest. A long list
// is broken at 80 columns, and goes on in a line that begins with blanks.
func (r Resolved) lines(command string) (links [][]string, err error) {
	text, err := r.Output([]string{"resolvectl", "--no-pager", command})
	if err != nil {
		return nil, err
	}
	var last []string // the link whose list may go on; nil for what is not of a link
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if last != nil && strings.HasPrefix(line, " ") {
			last[3] += line
			continue
		}
		if last = linkLine.Get().FindStringSubmatch(line); last != nil {
			links = append(links, last)
		}
	}
	return links, nil
}

// Set sets the servers of a link. The domains stay: what was asked for there is asked for here.
// Queries to an address of loopback leave by loopback, whatever the link.
func (r Resolved) Set(l *Uplink, servers []netip.Addr) error {
	argv := []string{"resolvectl", "dns", l.Name}
	if len(servers) == 0 {
		argv[1] = "revert"
	}
	for _, a := range servers {
		argv = append(argv, a.String())
	}
	_, err := r.Output(argv)
	return err
}
