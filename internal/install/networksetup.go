// The network services of macOS, by networksetup(8).

package install

import (
	"net/netip"
	"strings"

	"bailiwick/internal/pattern"
)

// Output runs a command and returns what it prints.
type Output func(argv []string) ([]byte, error)

// NetworkSetup are the network services of macOS.
type NetworkSetup struct{ Output Output }

// What networksetup -listnetworkserviceorder prints of a service: its name after a number, or after
// an asterisk if it is disabled, and below it the port with the device. The port's name is not the
// service's (jedisct1/bitbar-dnscrypt-proxy-switcher 11).
var (
	serviceLine = pattern.New(`^\((\d+|\*)\) (.+)$`)
	portLine    = pattern.New(`^\(Hardware Port: .*, Device: (.*)\)$`)
)

// List returns the services of hardware. One that is disabled has no network, and keeps its
// servers; one of a VPN has no device, or a tunnel's.
func (n NetworkSetup) List(...string) (links []Uplink, err error) {
	text, err := n.Output([]string{"networksetup", "-listnetworkserviceorder"})
	if err != nil {
		return nil, err
	}
	name := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if f := serviceLine.Get().FindStringSubmatch(line); f != nil {
			if name = f[2]; f[1] == "*" {
				name = ""
			}
			continue
		}
		f := portLine.Get().FindStringSubmatch(line)
		if f == nil || name == "" || f[1] == "" || strings.HasPrefix(f[1], "utun") ||
			strings.HasPrefix(f[1], "ppp") || strings.HasPrefix(f[1], "ipsec") {
			continue
		}
		servers, err := n.Output([]string{"networksetup", "-getdnsservers", name})
		if err != nil {
			return nil, err
		}
		// Without servers it prints a sentence, whose words are no addresses.
		links = append(links, Uplink{ID: name, Name: name, Port: f[1], IPv4: true, IPv6: true,
			Servers: parseServers(strings.Fields(string(servers)))})
		name = ""
	}
	return links, nil
}

// Set sets the servers of a service. They are of both families: with them none that a network
// announces is asked.
func (n NetworkSetup) Set(l *Uplink, servers []netip.Addr) error {
	argv := []string{"networksetup", "-setdnsservers", l.ID}
	for _, a := range servers {
		argv = append(argv, a.String())
	}
	if len(servers) == 0 {
		argv = append(argv, "Empty")
	}
	_, err := n.Output(argv)
	return err
}
