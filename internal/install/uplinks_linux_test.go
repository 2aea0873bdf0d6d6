package install_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"bailiwick/internal/install"
)

// uplink is a network service of a made-up Mac, or an adapter of a made-up Windows.
type uplink struct {
	id, name, port string
	servers        string // separated by spaces
	disabled       bool   // of a Mac
	away           bool   // of Windows: it is not plugged in
	noIPv6         bool
}

// laptop is a made-up Mac or Windows, with the commands that were run.
type laptop struct {
	uplinks []uplink
	ran     []string
	stuck   string // the name of an uplink whose servers cannot be changed, though nothing is said
	fail    string // a word of commands that fail
	rules   int    // of Windows, that have all names asked for at the server
}

func (l *laptop) find(id string) *uplink {
	i := slices.IndexFunc(l.uplinks, func(u uplink) bool { return u.id == id })
	if i < 0 {
		return nil
	}
	return &l.uplinks[i]
}

// set sets servers as the system would.
func (l *laptop) set(id, servers string) ([]byte, error) {
	u := l.find(id)
	if u == nil {
		return nil, fmt.Errorf("%s is not a recognized network service", id)
	}
	if l.fail != "" && strings.Contains(u.name, l.fail) {
		return nil, errors.New("not permitted")
	}
	if u.name != l.stuck {
		u.servers = servers
	}
	l.ran = append(l.ran, u.name+" asks "+servers)
	return nil, nil
}

// networksetup is the command of macOS.
func (l *laptop) networksetup(argv []string) ([]byte, error) {
	var b strings.Builder
	switch argv[1] {
	case "-listnetworkserviceorder":
		b.WriteString("An asterisk (*) denotes that a network service is disabled.\n")
		for i, u := range l.uplinks {
			n := fmt.Sprint(i + 1)
			if u.disabled {
				n = "*"
			}
			fmt.Fprintf(&b, "(%s) %s\n(Hardware Port: %s, Device: %s)\n\n", n, u.name,
				strings.TrimRight(u.name, " 2"), u.port)
		}
	case "-getdnsservers":
		u := l.find(argv[2])
		if u.servers == "" {
			fmt.Fprintf(&b, "There aren't any DNS Servers set on %s.\n", u.name)
		}
		for _, s := range strings.Fields(u.servers) {
			fmt.Fprintln(&b, s)
		}
	case "-setdnsservers":
		return l.set(argv[2], strings.TrimPrefix(strings.Join(argv[3:], " "), "Empty"))
	}
	return []byte(b.String()), nil
}

var (
	settingOf  = regexp.MustCompile(`InterfaceGuid -eq '([^']*)'`)
	setTo      = regexp.MustCompile(`-ServerAddresses @\(([^)]*)\)`)
	alsoListed = regexp.MustCompile(`Show '(\{[^']*)'`)
)

// powershell does what the scripts ask of Windows.
func (l *laptop) powershell(argv []string) ([]byte, error) {
	script := argv[len(argv)-1]
	if argv[0] != "powershell.exe" || strings.Contains(script, `"`) {
		return nil, fmt.Errorf("%q would not reach PowerShell", argv)
	}
	if of := settingOf.FindStringSubmatch(script); of != nil {
		to := ""
		if s := setTo.FindStringSubmatch(script); s != nil {
			to = strings.NewReplacer("'", "", ",", "").Replace(s[1])
		}
		return l.set(of[1], to)
	}
	also := alsoListed.FindAllStringSubmatch(script, -1)
	list := []map[string]any{}
	for _, u := range l.uplinks {
		if u.away && !slices.ContainsFunc(also, func(a []string) bool { return a[1] == u.id }) {
			continue
		}
		var v4, v6 []string
		for _, s := range strings.Fields(u.servers) {
			if netip.MustParseAddr(s).Is4() {
				v4 = append(v4, s)
			} else {
				v6 = append(v6, s)
			}
		}
		list = append(list, map[string]any{"id": u.id, "name": u.name, "ipv4": true,
			"ipv6": !u.noIPv6, "servers4": strings.Join(v4, ","),
			"servers6": strings.Join(v6, " ")})
	}
	return json.Marshal(list)
}

// mac and windows are laptops as people have them.
func mac() *laptop {
	return &laptop{uplinks: []uplink{
		{id: "Wi-Fi", name: "Wi-Fi", port: "en0"},
		{id: "USB 10/100/1000 LAN 2", name: "USB 10/100/1000 LAN 2", port: "en11",
			servers: "192.0.2.53 2001:db8::53"},
		{id: "Old dock", name: "Old dock", port: "en7", servers: "192.0.2.9", disabled: true},
		{id: "Tailscale", name: "Tailscale", port: "", servers: "100.100.100.100"},
		{id: "Office VPN", name: "Office VPN", port: "ppp0", servers: "10.0.0.53"},
	}}
}

const wifi, lan = "{0A1B2C3D-0000-4000-8000-000000000001}", "{0A1B2C3D-0000-4000-8000-000000000002}"

func windows() *laptop {
	return &laptop{uplinks: []uplink{
		{id: wifi, name: "Беспроводная сеть"},
		{id: lan, name: "Ethernet 2", servers: "192.0.2.53 192.0.2.54 2001:db8::53", noIPv6: false},
	}}
}

// system is one of the two, with a folder for its files.
type system struct {
	name   string
	laptop *laptop
	config install.Config
	before map[string]string
}

// systems returns both.
func systems(t *testing.T) []*system {
	t.Helper()
	m, w := mac(), windows()
	return []*system{
		{name: "macOS", laptop: m, config: install.Config{System: install.Launchd,
			Uplinks: install.NetworkSetup{Output: m.networksetup},
			Root: machine(t, "/var/db/", "/var/log/", "/Library/LaunchDaemons/",
				"/private/")}},
		{name: "Windows", laptop: w, config: install.Config{System: install.Windows, Volume: "C:",
			Uplinks: install.PowerShell{Output: w.powershell},
			Root:    machine(t, "/Program Files/")}},
	}
}

// plan makes the plan of a system, with what is installed everywhere.
func (s *system) plan(t *testing.T) *install.Plan {
	t.Helper()
	s.before = tree(t, s.config.Root)
	c := s.config
	c.Program, c.Configuration, c.IPv6 = []byte("program"), []byte("listen: {}\n"), true
	c.Addresses = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}
	p, err := install.Make(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// machine returns what runs the commands.
func (s *system) machine() install.Machine {
	l := s.laptop
	run := func(line string) error {
		if l.ran = append(l.ran, line); l.fail != "" && strings.Contains(line, l.fail) {
			return errors.New(line + " failed")
		}
		if strings.Contains(line, "Remove-DnsClientNrptRule") {
			l.rules = 0
		}
		if strings.Contains(line, "Add-DnsClientNrptRule -Namespace '.' -NameServers "+
			"@('127.0.0.1', '::1')") {
			l.rules++
		}
		return nil
	}
	return install.Machine{
		Run:    func(argv []string) error { return run(strings.Join(argv, " ")) },
		Wait:   func() error { return run("wait") },
		Create: func(s *install.Service) error { return run("create " + s.Name) },
		Delete: func(s *install.Service) error { return run("delete " + s.Name) },
	}
}

// clean checks that nothing is left of an installation.
func (s *system) clean(t *testing.T, when string, uplinks []uplink) {
	t.Helper()
	if now := differences(s.before, tree(t, s.config.Root)); len(now) > 0 {
		t.Errorf("%s, %s: %v", s.name, when, now)
	}
	if s.laptop.rules != 0 {
		t.Errorf("%s, %s: a rule has all names asked for at the server", s.name, when)
	}
	if !slices.Equal(s.laptop.uplinks, uplinks) {
		t.Errorf("%s, %s: %+v, want %+v", s.name, when, s.laptop.uplinks, uplinks)
	}
}

// TestPlans: all that would be done is printed, in order: programs ask the server only after it has
// answered, and a VPN and what is disabled keep their servers.
func TestPlans(t *testing.T) {
	for _, s := range systems(t) {
		var b strings.Builder
		if _, err := s.plan(t).WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		s.clean(t, "planned", slices.Clone(s.laptop.uplinks))
		path := filepath.Join("testdata", s.name+".plan")
		want, err := os.ReadFile(path)
		if os.Getenv("REWRITE") != "" {
			want, err = []byte(b.String()), os.WriteFile(path, []byte(b.String()), 0o644)
		}
		if err != nil || b.String() != string(want) {
			t.Errorf("%s, %v: it is\n%s(REWRITE=1 writes it to %s)", s.name, err, &b, path)
		}
	}
}

// TestUninstallRestoresServers: every network service and adapter asks whom it asked before: those
// of both families that were set by hand, in their order, or those of the network (DNSCrypt/
// SimpleDnsCrypt 465, oxen-io/lokinet 1476, mozilla-mobile/mozilla-vpn-client 1578,
// razvandimescu/numa 166, 182).
func TestUninstallRestoresServers(t *testing.T) {
	for _, s := range systems(t) {
		before := slices.Clone(s.laptop.uplinks)
		if err := s.plan(t).Apply(s.machine()); err != nil {
			t.Fatal(err)
		}
		for _, u := range s.laptop.uplinks[:2] {
			if u.servers != "127.0.0.1 ::1" {
				t.Errorf("%s: %s asks %s", s.name, u.name, u.servers)
			}
		}
		// Whatever adapter comes, Windows asks the server (netbirdio/netbird 7071,
		// openziti/desktop-edge-win 315, 338).
		if want := map[string]int{"Windows": 1}[s.name]; s.laptop.rules != want {
			t.Errorf("%s: %d rules for all names", s.name, s.laptop.rules)
		}
		// An installation over another one would take its own servers for the earlier ones.
		if _, err := install.Make(s.config); !errors.Is(err, install.ErrRefused) ||
			!strings.Contains(err.Error(), "it is installed already") {
			t.Errorf("%s, once more: %v", s.name, err)
		}
		if err := os.WriteFile(filepath.Join(s.config.Root, map[string]string{
			"macOS":   "var/db/bailiwick/cache",
			"Windows": "Program Files/Bailiwick/State/cache"}[s.name]), nil, 0o600); err != nil {
			t.Error(err)
		}
		// Nothing of it is in memory: it may have been long ago.
		kept, err := install.Undo(s.config, s.machine())
		if err != nil || len(kept) > 0 {
			t.Errorf("%s: %v, %v", s.name, kept, err)
		}
		s.clean(t, "uninstalled", before)
		last := map[string]string{"macOS": "sh -c launchctl bootout system/bailiwick;",
			"Windows": "delete bailiwick"}[s.name]
		if ran := s.laptop.ran; !strings.HasPrefix(ran[len(ran)-1], last) {
			t.Errorf("%s: it ends before nobody asks it any more: %q", s.name, ran)
		}
		if _, err := install.Undo(s.config, s.machine()); !errors.Is(err,
			install.ErrNotInstalled) {
			t.Errorf("%s, once more: %v", s.name, err)
		}
	}
}

// TestFailureInTheMiddle: an installation that fails at any command is undone, one that is killed
// after any step is undone by uninstall, and the network works in between.
func TestFailureInTheMiddle(t *testing.T) {
	for i, words := range [][]string{
		{"enable", "bootstrap", "wait", "Wi-Fi", "USB", "bailiwick-links"},
		{"create", "icacls", "start", "wait", "Беспроводная", "Ethernet", "Nrpt"}} {
		for _, fail := range words {
			s := systems(t)[i]
			before := slices.Clone(s.laptop.uplinks)
			p := s.plan(t)
			s.laptop.fail = fail
			if err := p.Apply(s.machine()); err == nil {
				t.Errorf("%s: %s failed, and the installation did not", s.name, fail)
			}
			s.laptop.fail = ""
			if _, err := install.Undo(s.config, s.machine()); err != nil &&
				!errors.Is(err, install.ErrNotInstalled) {
				t.Error(err)
			}
			s.clean(t, fail+" failed", before)
		}
		for n := 1; ; n++ {
			s := systems(t)[i]
			before := slices.Clone(s.laptop.uplinks)
			p := s.plan(t)
			if n > len(p.Steps) {
				break
			}
			p.Steps = p.Steps[:n]
			if err := p.Apply(s.machine()); err != nil {
				t.Fatal(err)
			}
			if _, err := install.Undo(s.config, s.machine()); err != nil {
				t.Error(err)
			}
			s.clean(t, fmt.Sprint(n, " steps"), before)
		}
	}
}

// TestServersThatDoNotStay: a command that reports success and changes nothing, as networksetup
// does under a profile, fails the installation.
func TestServersThatDoNotStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, s := range systems(t) {
			before := slices.Clone(s.laptop.uplinks)
			p := s.plan(t)
			s.laptop.stuck = before[1].name
			if err := p.Apply(s.machine()); err == nil ||
				!strings.Contains(err.Error(), "a profile or another program sets them") {
				t.Errorf("%s: %v", s.name, err)
			}
			s.clean(t, "stuck", before)
		}
	})
}

// TestServersChangedSince: what the user or a VPN has set since the installation stays, and is
// named.
func TestServersChangedSince(t *testing.T) {
	for _, s := range systems(t) {
		if err := s.plan(t).Apply(s.machine()); err != nil {
			t.Fatal(err)
		}
		s.laptop.uplinks[0].servers = "198.51.100.1"
		want := slices.Clone(s.laptop.uplinks)
		want[1].servers = systems(t)[map[string]int{"Windows": 1}[s.name]].laptop.uplinks[1].servers
		kept, err := install.Undo(s.config, s.machine())
		if err != nil || len(kept) != 1 || kept[0] != "DNS servers of "+want[0].name {
			t.Errorf("%s: %v, %v", s.name, kept, err)
		}
		s.clean(t, "changed", want)
	}
}

// TestLinksThatComeAndGo: no network service is left with a server that is gone: not one that was
// renamed, nor one that was set by hand to ask it, nor an adapter that is not plugged in, and one
// that was removed fails nothing (razvandimescu/numa 198).
func TestLinksThatComeAndGo(t *testing.T) {
	both := systems(t)
	m, w := both[0], both[1]
	for _, s := range both {
		if err := s.plan(t).Apply(s.machine()); err != nil {
			t.Fatal(err)
		}
	}
	ours := "127.0.0.1 ::1"
	m.laptop.uplinks[1].id, m.laptop.uplinks[1].name = "Desk", "Desk" // at the same port
	m.laptop.uplinks = append(m.laptop.uplinks[1:], uplink{id: "New", name: "New", port: "en9",
		servers: "127.0.0.1"})
	w.laptop.uplinks[1].name, w.laptop.uplinks[1].away = "Dock", true
	w.laptop.uplinks = append(w.laptop.uplinks[1:], uplink{
		id: "{0A1B2C3D-0000-4000-8000-000000000003}", name: "New", servers: ours})
	for _, s := range both {
		want := slices.Clone(s.laptop.uplinks)
		want[len(want)-1].servers = ""
		want[0].servers = "192.0.2.53 2001:db8::53"
		if s == w {
			want[0].servers = "192.0.2.53 192.0.2.54 2001:db8::53"
		}
		if kept, err := install.Undo(s.config, s.machine()); err != nil || len(kept) > 0 {
			t.Errorf("%s: %v, %v", s.name, kept, err)
		}
		s.clean(t, "moved", want)
	}
}

// TestEarlierLoopback: the addresses of an earlier server of this machine, which is not there any
// more, are not put back: nobody would answer (razvandimescu/numa 160).
func TestEarlierLoopback(t *testing.T) {
	for _, s := range systems(t) {
		s.laptop.uplinks[1].servers = "127.0.0.1"
		if err := s.plan(t).Apply(s.machine()); err != nil {
			t.Fatal(err)
		}
		want := slices.Clone(s.laptop.uplinks)
		want[0].servers, want[1].servers = "", ""
		if kept, err := install.Undo(s.config, s.machine()); err != nil || len(kept) > 0 {
			t.Errorf("%s: %v, %v", s.name, kept, err)
		}
		s.clean(t, "loopback", want)
	}
}

// TestRestoreThatFails: uninstall whose servers cannot be put back keeps the record, and does it
// when it is run again; the rest is not kept from being undone.
func TestRestoreThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, s := range systems(t) {
			before := slices.Clone(s.laptop.uplinks)
			if err := s.plan(t).Apply(s.machine()); err != nil {
				t.Fatal(err)
			}
			s.laptop.stuck = before[1].name
			if _, err := install.Undo(s.config, s.machine()); err == nil ||
				!strings.Contains(err.Error(), "are still 127.0.0.1") {
				t.Errorf("%s: %v", s.name, err)
			}
			s.laptop.stuck = ""
			if _, err := install.Undo(s.config, s.machine()); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
			s.clean(t, "again", before)
		}
	})
}

// TestFamilies: a server that does not listen at ::1 of a machine that has it is not installed, as
// the servers that a network announces for IPv6 would be asked first (AdguardTeam/AdGuardHome 1876,
// nextdns/windows 15, DNSCrypt/SimpleDnsCrypt 58); and an adapter without IPv6 gets no ::1.
func TestFamilies(t *testing.T) {
	for _, s := range systems(t) {
		c := s.config
		c.IPv6, c.Addresses = true, []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		if _, err := install.Make(c); !errors.Is(err, install.ErrRefused) ||
			!strings.Contains(err.Error(), "does not listen at [::1]:53") {
			t.Errorf("%s: %v", s.name, err)
		}
	}
	w := systems(t)[1]
	w.laptop.uplinks[0].noIPv6 = true
	if err := w.plan(t).Apply(w.machine()); err != nil {
		t.Fatal(err)
	}
	if got := w.laptop.uplinks[0].servers; got != "127.0.0.1" {
		t.Errorf("an adapter without IPv6 asks %s", got)
	}
}

// TestNoUplinks: a machine whose network services cannot be listed is not changed.
func TestNoUplinks(t *testing.T) {
	for _, s := range systems(t) {
		s.laptop.uplinks = nil
		if _, err := install.Make(s.config); !errors.Is(err, install.ErrRefused) {
			t.Errorf("%s: %v", s.name, err)
		}
	}
	for _, text := range []string{"", "{}", `[{"id": "'; reboot; '"}]`, "Access denied"} {
		p := install.PowerShell{Output: func([]string) ([]byte, error) {
			return []byte(text), nil
		}}
		if links, err := p.List(); err == nil {
			t.Errorf("%q: %v", text, links)
		}
	}
	p := install.PowerShell{Output: func([]string) ([]byte, error) {
		t.Error("a script is an identifier")
		return []byte("[]"), nil
	}}
	if _, err := p.List("'; reboot; '"); err == nil {
		t.Error("it is listed")
	}
	if err := p.Set(&install.Uplink{ID: "'; reboot; '"}, nil); err == nil {
		t.Error("it is set")
	}
}

// TestUnload: ending a daemon that launchd does not know is no failure, which would keep uninstall
// from ending for good; one that does not end is (DeterminateSystems/nix-installer 1187).
func TestUnload(t *testing.T) {
	m := systems(t)[0]
	var unload []string
	for _, s := range m.plan(t).Steps {
		if len(s.Undo) > 0 {
			unload = s.Undo
		}
	}
	for name, want := range map[string]bool{
		"case $1 in bootout) exit 3;; print) exit 113;; esac":                       true,
		"case $1 in bootout) exit 36;; print) [ ! -e $0.n ] && touch $0.n;; esac":   true,
		"case $1 in bootout) ;; print) exit 113;; esac":                             true,
		"case $1 in bootout) exit 1;; print) ;; esac; sleep() { :; }; echo running": false,
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{"launchctl": name, "sleep": ":"} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte("#!/bin/sh\n"+text+"\n"),
				0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd := commandIn(dir, unload)
		if out, err := cmd.CombinedOutput(); (err == nil) != want {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
}

// commandIn returns a command that finds programs in a folder first.
func commandIn(dir string, argv []string) *exec.Cmd {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
	return cmd
}
