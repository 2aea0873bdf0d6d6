// Zones that networks announce by DHCPv4 and DHCPv6: dnsmasq gives addresses to NetworkManager,
// whose dispatcher runs the hook, and to dhclient.

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// TestHooksOfBothFamilies: NetworkManager's dispatcher and dhclient -6 tell the server what a
// network announces by DHCPv4 (option 15) and DHCPv6 (options 23 and 24, RFC 3646). A restart of
// the server keeps it, as long as the connection and the lease last, and it goes with the
// connection. A public name is not taken over before or after. NetworkManager has a namespace of
// its own, and no folder of this machine's.
func TestHooksOfBothFamilies(t *testing.T) {
	if os.Getenv(inside) == "" {
		enter(t, []string{"ip", "unshare", "nsenter", "mount", "dnsmasq", "dhclient",
			"NetworkManager", "nmcli", "dbus-daemon"})
		return
	}
	loopback(t)
	d := folder(t.TempDir())
	w := lab.Internet(time.Now())
	at := listen(t, w)
	far := newFarSide(t)
	must(t, "ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0", "netns", far.pid)
	far.do("link", "set", "lo", "up")
	far.do("address", "add", "192.168.7.1/24", "dev", "far0")
	far.do("address", "add", "fd00:7::1/64", "dev", "far0", "nodad")
	far.do("link", "set", "far0", "up")
	must(t, "ip", "link", "set", "near0", "up")
	launch(t, "nsenter", "-t", far.pid, "-n", "dnsmasq", "--keep-in-foreground",
		"--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--interface=far0",
		"--bind-interfaces", "--user=root", "--dhcp-leasefile="+d.path("dnsmasq.leases"),
		"--pid-file="+d.path("dnsmasq.pid"), "--dhcp-authoritative", "--enable-ra",
		"--dhcp-range=192.168.7.10,192.168.7.20,1h", "--dhcp-option=15,home.arpa",
		"--dhcp-range=fd00:7::10,fd00:7::20,64,1h", "--dhcp-option=option6:dns-server,[fd00:7::1]",
		"--dhcp-option=option6:domain-search,six.internal,secure.example",
		"--address=/#/192.168.7.66")
	bin := build(t, string(d))
	d.write(t, "hints", at.hints())
	config := d.write(t, "bailiwick.yaml", fmt.Sprintf(
		"listen: {udp: [%q]}\nadmin: {listen: %q}\ncontrol: {socket: control}\n"+
			"resolver: {root_hints_file: hints, do_not_query_localhost: false}\n"+
			"trust_anchors: {builtin: false, records: [%q]}\nstate: {directory: %q}\n",
		upstreamOurs, upstreamAdmin, at.anchor, d.path("state")))
	server := launch(t, bin, "serve", "--config", config)
	await(t, upstreamOurs, "www.secure.example.", dns.TypeA, found)
	list := func() string {
		out, err := exec.Command(bin, "ctl", "--socket", d.path("control"), "network",
			"list").CombinedOutput()
		if err != nil {
			return err.Error()
		}
		return string(out)
	}
	forwarded := func(zones ...string) func() bool {
		return func() bool {
			text := list()
			n := strings.Count(text, " forwarded ")
			for _, z := range zones {
				if !strings.Contains(text, " "+z+" ") {
					return false
				}
			}
			return n == len(zones)
		}
	}
	answers := func(when, name, want string) {
		t.Helper()
		eventually(t, when+": "+name+" is answered", func() bool {
			m, err := ask(upstreamOurs, name, dns.TypeA)
			if err != nil || !found(m) {
				return false
			}
			if strings.Contains(fmt.Sprint(m.Answer), "192.168.7.66") != (want == "network") {
				t.Errorf("%s: %s is not of the %s: %v\n%s", when, name, want, m, list())
			}
			return true
		})
	}

	manager := startManager(t, d, d.hookFor(t, bin, managerHook))
	must(t, "nmcli", "connection", "add", "type", "ethernet", "ifname", "near0", "con-name",
		"cafe", "ipv4.method", "auto", "ipv6.method", "auto")
	must(t, "nmcli", "--wait", "30", "connection", "up", "cafe")
	eventually(t, "NetworkManager tells of both", forwarded("home.arpa.",
		"six.internal."))
	if text := list(); !strings.Contains(text, " cafe ") ||
		!strings.Contains(text, " secure.example. ") {
		t.Error(text)
	}
	answers("announced", "tv.home.arpa.", "network")
	answers("announced", "tv.six.internal.", "network")
	answers("announced", "www.secure.example.", "Internet")

	end(t, server)
	server = launch(t, bin, "serve", "--config", config)
	await(t, upstreamOurs, "www.secure.example.", dns.TypeA, found)
	// NetworkManager does not tell how long an address of DHCPv6 is valid.
	eventually(t, "a restart keeps it", forwarded("home.arpa."))
	answers("after a restart", "tv.home.arpa.", "network")
	answers("after a restart", "www.secure.example.", "Internet")
	must(t, "nmcli", "connection", "down", "cafe")
	eventually(t, "it goes with the connection", forwarded())

	end(t, manager)
	for _, args := range [][]string{{"down"}, {"addrgenmode", "eui64"}, {"up"}} {
		must(t, "ip", append([]string{"link", "set", "near0"}, args...)...)
	}
	eventually(t, "the link has an address", func() bool {
		out, err := exec.Command("ip", "-6", "address", "show", "dev", "near0", "scope", "link",
			"-tentative").Output()
		return err == nil && strings.Contains(string(out), "fe80::")
	})
	script := d.write(t, "script", "#!/bin/sh\nif [ -n \"$new_ip6_address\" ]; then\n"+
		"ip address replace $new_ip6_address/64 dev $interface nodad\nfi\n. "+
		d.write(t, "hook", d.hookFor(t, bin, dhclientHook))+"\n")
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	endClient(t, d.path("dhclient.pid"))
	dhclient := func(flag string) {
		t.Helper()
		must(t, "dhclient", "-6", "-v", flag, "-sf", script, "-lf", d.path("leases"), "-pf",
			d.path("dhclient.pid"), "-cf", "/dev/null", "near0")
	}
	dhclient("-1")
	eventually(t, "dhclient tells of DHCPv6", forwarded("six.internal."))
	answers("by dhclient", "tv.six.internal.", "network")
	end(t, server)
	launch(t, bin, "serve", "--config", config)
	await(t, upstreamOurs, "www.secure.example.", dns.TypeA, found)
	eventually(t, "a restart keeps it", forwarded("six.internal."))
	dhclient("-r")
	eventually(t, "it is released", forwarded())
}

// startManager starts NetworkManager with its dispatcher and their bus. They see no folder of this
// machine's that they would write to, and no udev, which would have them leave the link alone.
func startManager(t *testing.T, d folder, hook string) *exec.Cmd {
	t.Helper()
	must(t, "mount", "-t", "tmpfs", "tmpfs", "/run")
	must(t, "mount", "-t", "sysfs", "-o", "ro", "sysfs", "/sys")
	for _, p := range []string{"/var/lib/NetworkManager", "/etc/NetworkManager"} {
		must(t, "mount", "-t", "tmpfs", "tmpfs", p)
	}
	for _, p := range []string{"/run/dbus", "/run/NetworkManager",
		"/etc/NetworkManager/dispatcher.d", "/etc/NetworkManager/system-connections"} {
		if err := os.MkdirAll(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(managerHook, []byte(hook), 0o755); err != nil {
		t.Fatal(err)
	}
	launch(t, "dbus-daemon", "--system", "--nofork", "--nopidfile")
	eventually(t, "the bus is there", func() bool {
		_, err := os.Stat("/run/dbus/system_bus_socket")
		return err == nil
	})
	launch(t, "/usr/lib/NetworkManager/nm-dispatcher", "--persist")
	manager := launch(t, "NetworkManager", "--no-daemon", "--log-level=WARN",
		"--config="+d.write(t, "nm.conf", "[main]\nplugins=keyfile\ndns=none\n"+
			"no-auto-default=*\n"))
	eventually(t, "NetworkManager answers", func() bool {
		return exec.Command("nmcli", "device", "status").Run() == nil
	})
	return manager
}
