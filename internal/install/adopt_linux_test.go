package install_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/install"
)

// resolvedLink is a link of a made-up systemd-resolved.
type resolvedLink struct{ name, servers, domains string }

// resolved is a made-up systemd-resolved, whose links are known by their numbers.
type resolved struct {
	root  string
	links map[int]*resolvedLink
	own   map[string]string // by names of links: what they ask by their own configuration
	fail  string            // the name of a link whose servers cannot be set
	ended bool
}

// resolvectl is its command, and that which reports whether it runs.
func (r *resolved) resolvectl(argv []string) ([]byte, error) {
	if argv[0] == "systemctl" {
		if r.ended {
			return nil, errors.New("inactive")
		}
		return nil, nil
	}
	if argv[1] == "--no-pager" {
		text := "Global: 127.0.0.1\n        2001:db8::9\n"
		for n := range 100 {
			if l := r.links[n]; l != nil {
				of := map[string]string{"dns": l.servers, "domain": l.domains}[argv[2]]
				// As it wraps what is too long for a line.
				text += fmt.Sprintf("Link %d (%s): %s\n", n, l.name,
					strings.ReplaceAll(of, " ", "\n        "))
			}
		}
		return []byte(text), nil
	}
	for _, l := range r.links {
		switch {
		case l.name != argv[2]:
		case l.name == r.fail:
			return nil, errors.New("not now")
		case argv[1] == "dns":
			l.servers = strings.Join(argv[3:], " ")
		default:
			l.servers, l.domains = r.own[l.name], ""
		}
	}
	return nil, nil
}

// asks is what each link asks.
func (r *resolved) asks() string {
	var all []string
	for n := range 100 {
		if l := r.links[n]; l != nil {
			all = append(all, l.name+": "+l.servers)
		}
	}
	return strings.Join(all, "; ")
}

// laptopOfResolved is a machine with systemd-resolved and links of several kinds.
func laptopOfResolved(t *testing.T) (*resolved, install.Config) {
	t.Helper()
	r := &resolved{links: map[int]*resolvedLink{
		2: {"eth0", "192.0.2.53 fe80::1%2", "home.example"},
		3: {"wlan0", "", ""}, // of NetworkManager
		4: {"tun0", "10.8.0.1", "~."},
		5: {"wg0", "10.9.0.1", "~corp.example corp.internal"},
		6: {"eth1", "192.0.2.53:853#dns.example", ""},
		7: {"wwan0", "192.0.2.54", ""},
	}}
	r.root = machine(t, append(usual["systemd-resolved"], "/sys/class/net/eth0/device/",
		"/sys/class/net/eth0/type=1\n", "/sys/class/net/wwan0/device/",
		"/sys/class/net/wwan0/type=519\n", "/sys/class/net/eth2/type=1\n",
		"/sys/class/net/tun0/type=65534\n", "/sys/class/net/wg0/type=65534\n")...)
	c := settings(r.root)
	c.Uplinks = install.Resolved{Output: r.resolvectl, Root: r.root, Boot: "first"}
	return r, c
}

// TestLinksOfResolved: a link of hardware asks the server in place of the servers that its network
// names, and so does a tunnel that wants all names (netbirdio/netbird 7071, systemd/systemd 6076,
// 7182); one that wants some zones keeps its servers for them. Afterwards all ask whom they asked.
func TestLinksOfResolved(t *testing.T) {
	r, c := laptopOfResolved(t)
	before := r.asks()
	var run commands
	apply(t, c, run.machine())
	want := "eth0: 127.0.0.1; wlan0: ; tun0: 127.0.0.1; wg0: 10.9.0.1; " +
		"eth1: 192.0.2.53:853#dns.example; wwan0: 127.0.0.1"
	if got := r.asks(); got != want {
		t.Errorf("installed: %s", got)
	}
	kept, err := install.Undo(c, run.machine())
	if err != nil || len(kept) > 0 || r.asks() != before {
		t.Errorf("uninstalled: %v, kept %v, %s", err, kept, r.asks())
	}
}

// TestLinksUnits: a unit of paths is before all services, and one that comes after a service is a
// cycle, of which systemd leaves out a part at the next start of the machine: the server, or what
// looks at links. A limit of starts would end that as well, with a VPN that tries for long.
func TestLinksUnits(t *testing.T) {
	r, c := laptopOfResolved(t)
	var run commands
	_, undo := installed(t, c, &run)
	for unit, want := range map[string]func(string) bool{
		"path": func(text string) bool { return !strings.Contains(text, "After=") },
		"service": func(text string) bool {
			return strings.Contains(text, "\nStartLimitIntervalSec=0\n")
		},
	} {
		text, err := os.ReadFile(filepath.Join(r.root, "etc/systemd/system/bailiwick-links."+unit))
		if err != nil || !want(string(text)) {
			t.Errorf("%v\n%s", err, text)
		}
		link, err := os.Readlink(filepath.Join(r.root,
			"etc/systemd/system/multi-user.target.wants/bailiwick-links."+unit))
		if err != nil || link != "/etc/systemd/system/bailiwick-links."+unit {
			t.Errorf("it does not start with the machine: %v, %s", err, link)
		}
	}
	undo()
}

// TestAdopt: a link that appears after the installation asks the server, whatever it is told
// (Control-D-Inc/ctrld 18, 274, getdnsapi/stubby 117, nextdns/nextdns 888), and uninstall gives it
// back what it was told. A link that was there keeps what its user has set since. Numbers begin
// anew when the machine does: then all links are new ones.
func TestAdopt(t *testing.T) {
	r, c := laptopOfResolved(t)
	if _, err := install.Adopt(c); !errors.Is(err, install.ErrNotInstalled) {
		t.Errorf("nothing is installed: %v", err)
	}
	var run commands
	apply(t, c, run.machine())
	adopt := func(when, want string) (zones string) {
		t.Helper()
		for range 2 { // the second finds nothing new
			links, err := install.Adopt(c)
			if err != nil || r.asks() != want {
				t.Fatalf("%s: %v, %s", when, err, r.asks())
			}
			zones = ""
			for _, l := range links {
				zones += fmt.Sprintf("%s%v%v", l.Name, l.Servers, l.Domains)
			}
		}
		return zones
	}
	r.links[2].servers = "198.51.100.1"
	delete(r.links, 4)
	delete(r.links, 6)
	delete(r.links, 7)
	r.links[8] = &resolvedLink{"eth2", "203.0.113.1", "bank.example"}
	r.links[9] = &resolvedLink{"tun0", "10.8.0.2", "~. corp.internal"}
	zones := adopt("a dock and a tunnel", "eth0: 198.51.100.1; wlan0: ; wg0: 10.9.0.1; "+
		"eth2: 127.0.0.1; tun0: 127.0.0.1")
	for _, want := range []string{"wg0[10.9.0.1][~corp.example corp.internal]",
		"eth2[203.0.113.1][bank.example]", "tun0[10.8.0.2][~. corp.internal]"} {
		if !strings.Contains(zones, want) {
			t.Errorf("links announce %s, without %s", zones, want)
		}
	}
	c.Uplinks = install.Resolved{Output: r.resolvectl, Root: r.root, Boot: "second"}
	r.links = map[int]*resolvedLink{2: {"eth0", "192.0.2.53", "home.example"},
		7: {"wg0", "10.9.0.1", "~corp.internal"}, 9: {"mine", "127.0.0.1", "~."}}
	adopt("started anew", "eth0: 127.0.0.1; wg0: 10.9.0.1; mine: 127.0.0.1")
	kept, err := install.Undo(c, run.machine())
	if want := "eth0: 192.0.2.53; wg0: 10.9.0.1; mine: "; err != nil || len(kept) > 0 ||
		r.asks() != want {
		t.Errorf("uninstalled: %v, kept %v, %s", err, kept, r.asks())
	}
}

// TestAdoptOnAMac: the same of network services, which macOS makes for new hardware; those of VPNs
// keep their servers.
func TestAdoptOnAMac(t *testing.T) {
	m := systems(t)[0]
	before := slices.Clone(m.laptop.uplinks)
	if err := m.plan(t).Apply(m.machine()); err != nil {
		t.Fatal(err)
	}
	m.laptop.uplinks[0].servers = "198.51.100.1" // its user's choice
	m.laptop.uplinks = append(m.laptop.uplinks,
		uplink{id: "iPhone USB", name: "iPhone USB", port: "en12", servers: "192.0.2.77"},
		uplink{id: "Other VPN", name: "Other VPN", port: "utun3", servers: "10.1.1.1"})
	for range 2 {
		if _, err := install.Adopt(m.config); err != nil {
			t.Fatal(err)
		}
		var asks []string
		for _, u := range m.laptop.uplinks {
			asks = append(asks, u.servers)
		}
		if got := strings.Join(asks, "; "); got != "198.51.100.1; 127.0.0.1 ::1; 192.0.2.9; "+
			"100.100.100.100; 10.0.0.53; 127.0.0.1 ::1; 10.1.1.1" {
			t.Errorf("they ask %s", got)
		}
	}
	kept, err := install.Undo(m.config, m.machine())
	if err != nil || len(kept) != 1 {
		t.Errorf("%v, kept %v", err, kept)
	}
	before[0].servers = "198.51.100.1"
	m.clean(t, "uninstalled", append(before, m.laptop.uplinks[5:]...))
	if got := m.laptop.uplinks[5].servers; got != "192.0.2.77" {
		t.Errorf("the new service asks %s", got)
	}
}

// TestUninstallWithoutResolved: links have no servers of their own any more when systemd-resolved
// has gone since, and its command with it: uninstall ends.
func TestUninstallWithoutResolved(t *testing.T) {
	for _, uplinks := range []bool{true, false} {
		r, c := laptopOfResolved(t)
		before := tree(t, r.root)
		var run commands
		apply(t, c, run.machine())
		if r.ended = true; !uplinks {
			c.Uplinks = nil // a machine that does not run
		}
		if kept, err := install.Undo(c, run.machine()); err != nil || len(kept) > 0 {
			t.Errorf("%v, kept %v", err, kept)
		}
		if now := differences(before, tree(t, r.root)); len(now) > 0 {
			t.Error(now)
		}
	}
}

// TestManagerLeavesResolvedAlone: NetworkManager hands the domain that a network announces to
// systemd-resolved, which asks the network for all names there, whoever owns them; it is told not
// to. It knows the key without systemd-resolved, too.
func TestManagerLeavesResolvedAlone(t *testing.T) {
	root := machine(t, usual["all of them, with an operator's configuration"]...)
	var run commands
	apply(t, settings(root), run.machine())
	text, err := os.ReadFile(filepath.Join(root, "etc/NetworkManager/conf.d/90-bailiwick.conf"))
	if err != nil || !strings.Contains(string(text), "[main]\ndns=none\nsystemd-resolved=false\n") {
		t.Errorf("%v, %s", err, text)
	}
}

// TestResolvedAsksNobodyElse: systemd-resolved adds up the servers of all its files, and would ask
// those of the operator beside the server, by TLS if they are (systemd/systemd 29005): the file of
// install is the last of the folder, and empties the list.
func TestResolvedAsksNobodyElse(t *testing.T) {
	root := machine(t, append(usual["systemd-resolved"],
		"/etc/systemd/resolved.conf.d/dns_servers.conf=[Resolve]\nDNS=192.0.2.1\n")...)
	var run commands
	_, undo := installed(t, settings(root), &run)
	files, err := filepath.Glob(filepath.Join(root, "etc/systemd/resolved.conf.d/*"))
	if err != nil || len(files) != 2 {
		t.Fatal(err, files)
	}
	text, err := os.ReadFile(files[1]) // in the order of their names
	if want := "[Resolve]\nDNS=\nDNS=127.0.0.1\n"; err != nil ||
		!strings.Contains(string(text), want) ||
		!strings.Contains(string(text), "\nDNSOverTLS=no\n") {
		t.Errorf("%v, %s", err, text)
	}
	undo()
}

// TestManagerHook: NetworkManager's dispatcher tells of networks with DHCP, of connections without,
// such as WireGuard, and of VPNs with an interface of their own. A VPN without one would take the
// place of the network that it goes through.
func TestManagerHook(t *testing.T) {
	root := machine(t, "/usr/sbin/NetworkManager=", "/etc/NetworkManager/conf.d/",
		"/etc/NetworkManager/dispatcher.d/")
	var run commands
	apply(t, settings(root), run.machine())
	text, err := os.ReadFile(filepath.Join(root, "etc/NetworkManager/dispatcher.d/90-bailiwick"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program, told := filepath.Join(dir, "program"), filepath.Join(dir, "told")
	hook := filepath.Join(dir, "hook")
	for path, text := range map[string]string{
		program: "#!/bin/sh\nshift 4\necho \"$*\" >>" + told + "\n",
		hook:    strings.ReplaceAll(string(text), "/usr/local/bin/bailiwick", program),
	} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const six = "set --family=6 --name=x --lease= --servers= --zones= -- "
	for _, c := range []struct {
		args, env []string
		want      string
	}{
		{[]string{"wlan0", "up"}, []string{"DHCP4_IP_ADDRESS=192.0.2.7",
			"DHCP4_DHCP_LEASE_TIME=60", "DHCP4_DOMAIN_NAME_SERVERS=192.0.2.1 192.0.2.2",
			"DHCP4_DOMAIN_NAME=home.arpa", "IP4_DOMAINS=home.arpa bank.example"},
			"set --family=4 --name=x --lease=60 --servers=192.0.2.1,192.0.2.2 " +
				"--zones=home.arpa -- wlan0\n"},
		{[]string{"wlan0", "dhcp6-change"}, nil, six + "wlan0\n"},
		{[]string{"tun0", "up"}, nil, ""}, // of OpenVPN, which tells systemd-resolved
		{[]string{"wg0", "up"}, []string{"IP4_NAMESERVERS=10.9.0.1",
			"IP4_DOMAINS=corp.internal corp.example"},
			"set --family=4 --name=x --servers=10.9.0.1 --zones=corp.internal,corp.example " +
				"-- wg0\n"},
		{[]string{"tun0", "vpn-up"}, []string{"DEVICE_IFACE=wlan0",
			"VPN_IP4_NAMESERVERS=10.8.0.1", "VPN_IP4_DOMAINS=corp.internal"},
			"set --family=4 --name=x --servers=10.8.0.1 --zones=corp.internal -- tun0\n" +
				"set --family=6 --name=x --servers= --zones= -- tun0\n"},
		{[]string{"wlan0", "vpn-up"}, []string{"DEVICE_IFACE=wlan0",
			"VPN_IP4_NAMESERVERS=10.8.0.1", "VPN_IP4_DOMAINS=corp.internal"}, ""},
		{[]string{"tun0", "vpn-down"}, []string{"DEVICE_IFACE=wlan0"}, "remove -- tun0\n"},
		{[]string{"wlan0", "vpn-down"}, []string{"DEVICE_IFACE=wlan0"}, ""},
		{[]string{"wlan0", "down"}, nil, "remove -- wlan0\n"},
	} {
		_ = os.Remove(told)
		cmd := exec.Command(hook, c.args...)
		cmd.Env = append(c.env, "PATH=/usr/bin:/bin", "CONNECTION_ID=x")
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v: %v %s", c.args, err, out)
		}
		if got, _ := os.ReadFile(told); string(got) != c.want {
			t.Errorf("%v tells\n%s\nin place of\n%s", c.args, got, c.want)
		}
	}
}

// TestAdoptIntoAFolder: a machine that was installed into as a folder has no links in the record
// until it runs.
func TestAdoptIntoAFolder(t *testing.T) {
	r, c := laptopOfResolved(t)
	c.Files = true
	var run commands
	apply(t, c, run.machine())
	c.Addresses = []netip.Addr{} // they are in the record
	before := r.asks()
	if _, err := install.Adopt(c); err != nil || !strings.HasPrefix(r.asks(), "eth0: 127.0.0.1;") {
		t.Errorf("%v, %s", err, r.asks())
	}
	if _, err := install.Undo(c, run.machine()); err != nil || r.asks() != before {
		t.Errorf("%v, %s", err, r.asks())
	}
}

// TestAdoptAgain: a link that could not be set is not left alone for good: the others are set all
// the same, and the next time it is set, and so is one that was told anew whom to ask. In another
// network its servers are others, and no choice of its user; they are what it gets back.
func TestAdoptAgain(t *testing.T) {
	r, c := laptopOfResolved(t)
	var run commands
	_, undo := installed(t, c, &run)
	r.links[2].servers = "192.0.2.53 fe80::1%2" // as before the installation
	r.links[8] = &resolvedLink{"eth2", "203.0.113.1", "bank.example"}
	r.fail = "eth0"
	adopt := func(want string) []install.Uplink {
		t.Helper()
		links, err := install.Adopt(c)
		if (err != nil) != (r.fail != "") || r.asks() != want {
			t.Errorf("%v, %s", err, r.asks())
		}
		return links
	}
	const others = "; wlan0: ; tun0: 127.0.0.1; wg0: 10.9.0.1; eth1: 192.0.2.53:853#dns.example; " +
		"wwan0: 127.0.0.1; eth2: 127.0.0.1"
	adopt("eth0: 192.0.2.53 fe80::1%2" + others)
	r.fail = ""
	adopt("eth0: 127.0.0.1" + others)
	if err := os.WriteFile(filepath.Join(r.root, "sys/class/net/eth0/carrier_changes"),
		[]byte("4\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if l := adopt("eth0: 127.0.0.1" + others)[0]; len(l.Servers) > 0 {
		t.Errorf("in another network its zones are asked for at %v", l.Servers)
	}
	r.links[2].servers = "198.51.100.53"
	adopt("eth0: 127.0.0.1" + others)
	if kept := undo(); len(kept) > 0 || !strings.HasPrefix(r.asks(), "eth0: 198.51.100.53;") ||
		!strings.HasSuffix(r.asks(), "; eth2: 203.0.113.1") {
		t.Errorf("uninstalled: kept %v, %s", kept, r.asks())
	}
}

// TestLinkOfNetworkd: a link that systemd-networkd has asks those that its network names, and not
// for good those that the network of the installation did.
func TestLinkOfNetworkd(t *testing.T) {
	for state, want := range map[string]string{"configured": "198.51.100.53",
		"unmanaged": "192.0.2.53 fe80::1%2"} {
		r, c := laptopOfResolved(t)
		links := filepath.Join(r.root, "run/systemd/netif/links")
		if err := os.MkdirAll(links, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(links, "2"), []byte("# private\nADMIN_STATE="+state+
			"\nOPER_STATE=routable\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		r.own = map[string]string{"eth0": "198.51.100.53"} // by now
		var run commands
		_, undo := installed(t, c, &run)
		if kept := undo(); len(kept) > 0 || r.links[2].servers != want {
			t.Errorf("%s: kept %v, %s", state, kept, r.asks())
		}
	}
}

// TestConfiguredLoopback: a link that has the server's address by its own configuration has it
// still when uninstall has given the others theirs, and fails nothing. Nobody knows whom else to
// ask for its zones.
func TestConfiguredLoopback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, later := range []bool{false, true} {
			r, c := laptopOfResolved(t)
			r.own = map[string]string{"eth2": "127.0.0.1"}
			link := &resolvedLink{"eth2", "127.0.0.1", "home.example"}
			if !later {
				r.links[8] = link
			}
			var run commands
			_, undo := installed(t, c, &run)
			r.links[8] = link
			links, err := install.Adopt(c)
			if at := len(links) - 1; err != nil || links[at].Name != "eth2" ||
				len(links[at].Servers) > 0 {
				t.Errorf("%v, %+v", err, links)
			}
			if kept := undo(); !slices.Equal(kept, []string{
				"DNS servers of eth2, by its own configuration 127.0.0.1"}) {
				t.Errorf("kept %v", kept)
			}
		}
	})
}

// slowly are links whose servers change only a while after they were set.
type slowly struct {
	install.Uplinks
	begun []func() error
	due   time.Time
}

func (s *slowly) Set(l *install.Uplink, servers []netip.Addr) error {
	s.begun = append(s.begun, func() error { return s.Uplinks.Set(l, servers) })
	s.due = time.Now().Add(time.Second)
	return nil
}

func (s *slowly) List(ids ...string) ([]install.Uplink, error) {
	for len(s.begun) > 0 && !time.Now().Before(s.due) {
		if err := s.begun[0](); err != nil {
			return nil, err
		}
		s.begun = s.begun[1:]
	}
	return s.Uplinks.List(ids...)
}

// TestServersThatTakeTime: systemd-networkd passes servers on to systemd-resolved when it comes to
// it; a second is no failure, neither of an installation nor of the way back.
func TestServersThatTakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c := laptopOfResolved(t)
		before := r.asks()
		c.Uplinks = &slowly{Uplinks: c.Uplinks}
		var run commands
		_, undo := installed(t, c, &run)
		if !strings.HasPrefix(r.asks(), "eth0: 127.0.0.1;") {
			t.Error(r.asks())
		}
		if undo(); r.asks() != before {
			t.Error(r.asks())
		}
	})
}
