// Zones that networks announce by DHCP: dnsmasq gives addresses to dhclient, whose hook tells the
// server.

package interop

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/deploy"
	"bailiwick/internal/install"
	"bailiwick/internal/lab"
)

// Hooks of programs that get addresses.
const (
	dhclientHook = "/etc/dhcp/dhclient-exit-hooks.d/bailiwick"
	managerHook  = "/etc/NetworkManager/dispatcher.d/90-bailiwick"
)

// hookFor returns a hook that an installation writes, for a server elsewhere.
func (d folder) hookFor(t *testing.T, bin, path string) string {
	t.Helper()
	for _, p := range []string{filepath.Dir("machine" + path), "machine/var/lib",
		"machine/run/systemd/system", "machine/usr/local/bin"} {
		if err := os.MkdirAll(d.path(p), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p, err := install.Make(install.Config{Root: d.path("machine"), Program: []byte("x"),
		Unit: deploy.Unit, Configuration: deploy.Laptop,
		Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Steps, func(s install.Step) bool {
		return s.Path == path
	})
	if i < 0 {
		t.Fatal("there is no hook")
	}
	return strings.NewReplacer("/usr/local/bin/bailiwick", bin, "/run/bailiwick/control.sock",
		d.path("control")).Replace(string(p.Steps[i].After.Data))
}

// endClient ends the dhclient whose number is in a file, when the test ends: it goes on by itself.
func endClient(t *testing.T, file string) {
	t.Cleanup(func() {
		text, err := os.ReadFile(file)
		if err != nil {
			return
		}
		number := strings.TrimSpace(string(text))
		pid, _ := strconv.Atoi(number)
		name, _ := os.ReadFile(filepath.Join("/proc", number, "comm"))
		if pid > 0 && strings.TrimSpace(string(name)) == "dhclient" {
			_ = syscall.Kill(pid, syscall.SIGTERM)
		}
	})
}

// TestNetworkAnnouncements: a network gets its own names, those that are proven not to exist, and
// no others, whatever it announces; what it said is forgotten when it goes. An approval holds for
// what is announced later, and no answer of a network is called authentic (systemd/systemd 8851,
// 17678; nextdns/nextdns 433).
func TestNetworkAnnouncements(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "nsenter", "dnsmasq", "dhclient"})
		return
	}
	loopback(t)
	d := folder(t.TempDir())
	w := lab.Internet(time.Now())
	at := listen(t, w)
	far := newFarSide(t)
	must(t, "ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0", "netns", far.pid)
	must(t, "ip", "link", "set", "near0", "up")
	far.do("address", "add", "192.168.7.1/24", "dev", "far0")
	far.do("link", "set", "lo", "up")
	far.do("link", "set", "far0", "up")
	bin := build(t, string(d))
	d.write(t, "hints", at.hints())
	launch(t, bin, "serve", "--config", d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q]}\nadmin: {listen: %q}\ncontrol: {socket: control}\n"+
			"resolver: {ipv6: false, root_hints_file: hints, do_not_query_localhost: false}\n"+
			"trust_anchors: {builtin: false, records: [%q]}\nstate: {directory: %q}\n",
		upstreamOurs, upstreamAdmin, at.anchor, d.path("state"))))
	await(t, upstreamOurs, "www.secure.example.", dns.TypeA, found)
	hook := d.write(t, "hook", d.hookFor(t, bin, dhclientHook))
	script := d.write(t, "script", "#!/bin/sh\nif [ -n \"$new_ip_address\" ]; then\n"+
		"ip address replace $new_ip_address/24 dev $interface\nfi\n. "+hook+
		"\nif [ \"$reason\" = RELEASE ]; then ip address flush dev $interface; fi\n")
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	endClient(t, d.path("dhclient.pid"))
	dhclient := func(more ...string) {
		t.Helper()
		must(t, "dhclient", append([]string{"-4", "-1", "-sf", script, "-lf", d.path("leases"),
			"-pf", d.path("dhclient.pid"), "-cf", "/dev/null"}, append(more, "near0")...)...)
	}
	var server *exec.Cmd
	join := func(domain string) {
		t.Helper()
		server = launch(t, "nsenter", "-t", far.pid, "-n", "dnsmasq", "--keep-in-foreground",
			"--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--interface=far0",
			"--bind-interfaces", "--user=root", "--dhcp-leasefile="+d.path("dnsmasq.leases"),
			"--pid-file="+d.path("dnsmasq.pid"), "--dhcp-authoritative",
			"--dhcp-range=192.168.7.10,192.168.7.20,1h", "--dhcp-option=15,"+domain,
			"--address=/#/192.168.7.66", "--host-record=www.secure.example,192.168.7.66",
			"--cname=alias.home.arpa,www.secure.example")
		eventually(t, "dnsmasq serves", func() bool {
			return exec.Command("nsenter", "-t", far.pid, "-n", "sh", "-c",
				"grep -q ':0043 ' /proc/net/udp").Run() == nil
		})
		dhclient()
	}
	leave := func() {
		t.Helper()
		dhclient("-r")
		end(t, server)
	}
	list := func() string {
		return run(t, bin, "ctl", "--socket", d.path("control"), "network", "list")
	}
	by := func(name string) string {
		t.Helper()
		m, err := ask(upstreamOurs, name, dns.TypeA)
		switch {
		case err != nil:
			return err.Error()
		case !found(m):
			return dns.RcodeToString[m.Rcode]
		case !strings.Contains(fmt.Sprint(m.Answer), "192.168.7.66"):
			return "public"
		case m.AuthenticatedData:
			t.Errorf("%s is called authentic", name)
		}
		return "network"
	}
	expect := func(when string, want map[string]string) {
		t.Helper()
		for name, from := range want {
			if got := by(name); got != from {
				t.Errorf("%s: %s is answered by %s, want %s\n%s", when, name, got, from, list())
			}
		}
	}
	expect("no network", map[string]string{"tv.home.arpa.": "NXDOMAIN",
		"a.corp.secure.example.": "NXDOMAIN", "www.secure.example.": "public"})

	join("home.arpa 7.168.192.in-addr.arpa")
	expect("at home", map[string]string{"tv.home.arpa.": "network", "alias.home.arpa.": "public",
		"a.corp.secure.example.": "NXDOMAIN", "www.secure.example.": "public"})
	if !strings.Contains(list(), "7.168.192.in-addr.arpa.") {
		t.Error(list())
	}
	leave()
	eventually(t, "home is forgotten", func() bool {
		return by("tv.home.arpa.") == "NXDOMAIN"
	})

	join("corp.secure.example secure.example www.secure.example example unsigned.example")
	eventually(t, "what does not exist is proven", func() bool {
		return by("a.corp.secure.example.") == "network"
	})
	// dhclient passes no more than six names on, and none that is not a host's. Others do.
	run(t, bin, "ctl", "--socket", d.path("control"), "network", "set", "near0",
		"--servers=192.168.7.1", "--zones=corp.secure.example,secure.example,www.secure.example,"+
			"corp.unsigned.example,unsigned.example,example,.,com,arpa,faulty,expired.faulty,"+
			"local,10.in-addr.arpa")
	eventually(t, "all is looked at", func() bool {
		return !strings.Contains(list(), "nobody has proven")
	})
	expect("a hostile network", map[string]string{"www.secure.example.": "public",
		"a.corp.unsigned.example.": "NXDOMAIN", "www.unsigned.example.": "public",
		"www.expired.faulty.": "SERVFAIL", "1.2.3.10.in-addr.arpa.": "NXDOMAIN",
		"x.local.": "NXDOMAIN"})
	text := list()
	for _, want := range []string{"it is all names", "it is a top level domain",
		"it exists publicly", "its absence is not signed"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	run(t, bin, "ctl", "--socket", d.path("control"), "network", "approve", "unsigned.example",
		"--network", "near0")
	expect("approved for a network that is called as the interface",
		map[string]string{"www.unsigned.example.": "public"})
	run(t, bin, "ctl", "--socket", d.path("control"), "network", "approve", "unsigned.example",
		"--interface", "near0")
	expect("approved", map[string]string{"www.unsigned.example.": "network",
		"www.secure.example.": "public"})
	run(t, bin, "ctl", "--socket", d.path("control"), "network", "disapprove", "unsigned.example",
		"--interface", "near0")
	expect("not approved any more", map[string]string{"www.unsigned.example.": "public"})

	// What cannot be read takes the place of what was announced before, too.
	if exec.Command(bin, "ctl", "--socket", d.path("control"), "network", "set", "near0",
		"--servers=127.0.0.1", "--zones=corp.secure.example").Run() == nil {
		t.Error("this machine is a server of a network")
	}
	expect("refused", map[string]string{"a.corp.secure.example.": "NXDOMAIN"})
	run(t, bin, "ctl", "--socket", d.path("control"), "network", "set", "near0",
		"--servers=192.168.7.1", "--zones=corp.secure.example")
	eventually(t, "it is proven again", func() bool {
		return by("a.corp.secure.example.") == "network"
	})

	// Nobody tells that it has gone. The link-local address stays.
	must(t, "ip", "-4", "address", "flush", "dev", "near0")
	eventually(t, "the network is forgotten", func() bool {
		return by("a.corp.secure.example.") == "NXDOMAIN"
	})
	if n := counted(t, "bailiwick_network_zones"); n != 0 {
		t.Errorf("%v zones", n)
	}
}
