// The commands install and uninstall on a Debian of their own, with systemd as its first process,
// systemd-resolved and NetworkManager.

package interop

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"bailiwick/internal/lab"
)

// boot has systemd start as the first process of a Debian. It has the namespaces of a container,
// without that of the network: the lab and the test are in the same. It shares no device and no
// setting of the kernel with the machine that the test runs on: systemd changes the owners of the
// ones, and writes the others.
const boot = `set -e
mount --make-rprivate /
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t sysfs -o ro sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount -t tmpfs tmpfs dev
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm dev/mqueue
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
touch dev/console
pivot_root . mnt
exec chroot . sh -c 'umount -l /mnt
	exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd \
		--unit=multi-user.target'
`

// booted is a Debian that runs.
type booted struct {
	debian
	pid string // of systemd
}

// inOwnGroups is a command in control groups of its own, so that systemd as its child has nothing
// to do with those of this machine.
func inOwnGroups(t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	tops, err := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	if err != nil || len(tops) == 0 {
		tops = []string{"/sys/fs/cgroup/cgroup.procs"}
	}
	enter := ""
	for _, top := range tops {
		group := filepath.Join(filepath.Dir(top), fmt.Sprintf("bailiwick-test-%d", os.Getpid()))
		if err := os.Mkdir(group, 0o755); err != nil {
			continue // a controller that has no groups
		}
		for _, f := range []string{"cpuset.cpus", "cpuset.mems"} { // empty in a new group
			if text, err := os.ReadFile(filepath.Join(filepath.Dir(top), f)); err == nil {
				_ = os.WriteFile(filepath.Join(group, f), text, 0o644)
			}
		}
		enter += "echo $$ >" + group + "/cgroup.procs\n"
		t.Cleanup(func() { removeGroups(group) })
	}
	return exec.Command("sh", append([]string{"-c", enter + `exec "$@"`, "sh"}, argv...)...)
}

// removeGroups removes a control group with those below it, the lowest first.
func removeGroups(top string) {
	var all []string
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	slices.Reverse(all)
	for _, group := range all {
		for range 50 { // its processes are about to end
			if syscall.Rmdir(group) == nil {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// start starts the Debian and waits until its services run.
func (b *booted) start(t *testing.T) {
	t.Helper()
	cmd := inOwnGroups(t, "unshare", "--pid", "--fork", "--mount", "--ipc", "--uts", "--cgroup",
		"--kill-child", "sh", "-c", boot, "sh", string(b.debian))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 300 {
		time.Sleep(100 * time.Millisecond)
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
		if b.pid = strings.TrimSpace(string(children)); b.pid == "" {
			continue
		}
		if text, err := b.try("systemctl", "is-active", "systemd-resolved", "NetworkManager",
			"multi-user.target"); err == nil && strings.Count(text, "active\n") == 3 {
			return
		}
	}
	text, _ := b.try("systemctl", "--failed", "--no-pager")
	t.Fatalf("systemd does not come up: %s\n%s", &out, text)
}

// try runs a command in the Debian.
func (b *booted) try(argv ...string) (string, error) {
	cmd := exec.Command("nsenter", append([]string{"-t", b.pid, "-m", "-p", "-i", "-u", "-C", "-r",
		"-w", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, argv...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// files is what is in folders of the Debian that an installation could change: for each path its
// mode, its owner, and what is in it.
func (b *booted) files(t *testing.T) string {
	t.Helper()
	text, err := b.try("sh", "-c", `find /etc /usr/local /opt /srv -printf '%p %y %m %U:%G %l\n' `+
		`-type f -exec sha256sum {} + | sort; find / -xdev -name '*bailiwick*' `+
		`-not -path '/root/*' -not -path '/proc/*'`)
	if err != nil {
		t.Fatal(err, text)
	}
	return text
}

// TestInstallOnALaptop installs the server by its own command on a Debian that runs systemd, with
// systemd-resolved and NetworkManager, has programs resolve by it, and removes it without a trace:
// after a failure of the service, which undoes all, and after it has served.
func TestInstallOnALaptop(t *testing.T) {
	if os.Getenv(inside) == "" {
		if os.Getuid() != 0 {
			t.Skip("needs root for a Debian of its own; .ci/run has it")
		}
		if _, err := exec.LookPath("mmdebstrap"); err != nil {
			t.Skip("mmdebstrap is not installed; .ci/run installs it")
		}
		t.Parallel()
		d := debian(t.TempDir())
		must(t, "mmdebstrap", "--quiet", "--variant=minbase", "--include=systemd,systemd-resolved,"+
			"libnss-resolve,network-manager,dbus,iproute2", "bookworm", string(d))
		enterNow(t, []string{"ip", "unshare", "nsenter"}, "-debian", string(d))
		return
	}
	loopback(t)
	// systemd-resolved asks nobody while there is no other interface.
	plug(t, "wifi")
	must(t, "ip", "address", "add", "10.7.7.7/24", "dev", "wifi")
	b := &booted{debian: debian(*debianRoot)}
	root := listen(t, lab.Internet(time.Now()))
	program, err := os.ReadFile(built(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.path("/root/bailiwick"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	conf := fmt.Sprintf("listen: {udp: [\"127.0.0.1:53\"], tcp: [\"127.0.0.1:53\"]%%s}\nadmin: "+
		"{listen: \"\"}\nresolver: {ipv6: \"false\", root_hints: [{name: %s, address: %s}], "+
		"do_not_query_localhost: false}\ntrust_anchors: {builtin: false, records: [%q]}\n",
		root.server, root.address, root.anchor)
	// An operator's own servers, over TLS, in a file that a distribution's handbook names.
	must(t, "mkdir", "-p", b.path("/etc/systemd/resolved.conf.d"))
	b.write(t, "/etc/systemd/resolved.conf.d/dns_servers.conf",
		"[Resolve]\nDNS=192.0.2.97\nDNSOverTLS=yes\n")
	// NetworkManager has a connection for any link, and would tell systemd-resolved of it when it
	// has been told to tell again.
	must(t, "mkdir", "-p", b.path("/etc/NetworkManager/conf.d"))
	b.write(t, "/etc/NetworkManager/conf.d/tunnels.conf",
		"[keyfile]\nunmanaged-devices=interface-name:tun7*\n")
	b.write(t, "/root/good.yaml", fmt.Sprintf(conf, ""))
	held, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	b.write(t, "/root/failing.yaml", fmt.Sprintf(conf, fmt.Sprintf(", doh_plain: [%q]",
		held.Addr())))
	b.start(t)
	cafe := b.newAdapter(t, "cafe0", "10.7.8.7/24", "192.0.2.99", "secure.example")
	b.asks(t, cafe)
	before := b.files(t)

	if text, err := b.try("/root/bailiwick", "install", "--print"); err != nil ||
		!strings.Contains(text, "DNSStubListener=no") || !strings.Contains(text, "dns=none") {
		t.Errorf("--print: %v %s", err, text)
	}
	fails := func(why, says string, args ...string) {
		t.Helper()
		text, err := b.try(append([]string{"/root/bailiwick"}, args...)...)
		if err == nil || !strings.Contains(text, says) {
			t.Errorf("%s: %v %s", why, err, text)
		}
		if after := b.files(t); after != before {
			t.Errorf("%s: files have changed\n%s", why, after)
		}
	}
	fails("nothing is installed", "nothing is installed here", "uninstall")
	taken, err := net.ListenPacket("udp4", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	fails("the port is taken", "127.0.0.1:53/udp is held by", "install")
	taken.Close()
	fails("the service fails", "bailiwick.service", "install", "--config", "/root/failing.yaml")

	if text, err := b.try("/root/bailiwick", "install", "--config", "/root/good.yaml"); err != nil {
		t.Fatalf("install: %v %s", err, text)
	}
	resolves := func(service string) bool {
		text, _ := b.try("timeout", "5", "getent", "-s", service, "ahosts", "www.secure.example")
		return strings.Contains(text, "192.0.2.1")
	}
	for _, service := range []string{"hosts:dns", "hosts:resolve"} {
		if !resolves(service) {
			t.Errorf("programs do not resolve by %s", service)
		}
	}
	if text, err := b.try("resolvectl", "dns"); err != nil || !strings.Contains(text,
		"Global: 127.0.0.1") {
		t.Errorf("systemd-resolved: %v %s", err, text)
	}
	// Whatever NetworkManager does with the next network, the file stays.
	if text, err := b.try("systemctl", "restart", "NetworkManager"); err != nil {
		t.Error(err, text)
	}
	if text, _ := b.try("cat", "/etc/resolv.conf"); !strings.Contains(text,
		"nameserver 127.0.0.1\n") {
		t.Errorf("resolv.conf: %s", text)
	}
	if text, err := b.try("/root/bailiwick", "install"); err == nil ||
		!strings.Contains(text, "it is installed already") {
		t.Errorf("once more: %v %s", err, text)
	}
	later := b.adaptersThatCome(t, resolves)

	if text, err := b.try("/usr/local/bin/bailiwick", "uninstall"); err != nil {
		t.Errorf("uninstall: %v %s", err, text)
	}
	if after := b.files(t); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	b.asks(t, cafe)
	b.asks(t, later)
	if text, err := b.try("systemctl", "is-active", "systemd-resolved",
		"NetworkManager"); err != nil {
		t.Errorf("services: %s", text)
	}
	if text, _ := b.try("systemctl", "show", "-P", "LoadState", "bailiwick.service"); strings.
		TrimSpace(text) != "not-found" {
		t.Errorf("the unit: %s", text)
	}
	if resolves("hosts:dns") || resolves("hosts:resolve") {
		t.Error("the lab is resolved after the removal")
	}
}

// plug makes an adapter with a cable that leads nowhere.
func plug(t *testing.T, name string) {
	t.Helper()
	must(t, "ip", "link", "add", name, "type", "veth", "peer", "name", name+"-far")
	must(t, "ip", "link", "set", name, "up")
	must(t, "ip", "link", "set", name+"-far", "up")
}

// newAdapter makes an adapter that NetworkManager has a connection for, with a DNS server and a
// domain, as of a network's DHCP, and returns what systemd-resolved is to say of it.
func (b *booted) newAdapter(t *testing.T, name, address, server, domain string) string {
	t.Helper()
	plug(t, name)
	for _, argv := range [][]string{{"add", "type", "ethernet", "ifname", name, "con-name", name,
		"ipv4.method", "manual", "ipv4.addresses", address, "ipv4.dns", server,
		"ipv4.dns-search", domain, "save", "no"}, {"up", name}} {
		var text string
		var err error
		eventually(t, "nmcli "+argv[0], func() bool { // it may have started just now
			text, err = b.try(append([]string{"nmcli", "connection"}, argv...)...)
			return err == nil || !strings.Contains(text, "is not running")
		})
		if err != nil {
			t.Fatalf("nmcli %v: %v %s", argv, err, text)
		}
	}
	return fmt.Sprintf("(%s): %s", name, server)
}

// asks waits until systemd-resolved says something of a link's servers.
func (b *booted) asks(t *testing.T, what string) {
	t.Helper()
	var text string
	defer func() {
		if t.Failed() {
			t.Logf("systemd-resolved says\n%s", text)
		}
	}()
	eventually(t, what, func() bool {
		text, _ = b.try("resolvectl", "dns")
		return strings.Contains(text, what)
	})
}

// adaptersThatCome has adapters appear on a machine that asks the server: names go to it whatever
// they say. It returns what one of them is to ask after the server is gone.
func (b *booted) adaptersThatCome(t *testing.T, resolves func(string) bool) string {
	t.Helper()
	if text, err := b.try("resolvectl", "status"); err != nil ||
		strings.Contains(text, "192.0.2.97") || strings.Contains(text, "+DNSOverTLS") {
		t.Errorf("the operator's earlier servers are asked: %v %s", err, text)
	}
	// The network of a connection has claimed a public zone, and another one does now.
	b.newAdapter(t, "dock0", "10.7.9.7/24", "192.0.2.98", "secure.example")
	if text, err := b.try("resolvectl", "dns"); err != nil ||
		strings.Contains(text, "192.0.2.98") || strings.Contains(text, "192.0.2.99") {
		t.Errorf("NetworkManager's servers are asked: %v %s", err, text)
	}
	// A tunnel whose client tells systemd-resolved that it wants all names, and has its own.
	plug(t, "tun7")
	must(t, "ip", "address", "add", "10.8.0.7/24", "dev", "tun7")
	for _, argv := range [][]string{{"dns", "tun7", "10.8.0.1"},
		{"domain", "tun7", "~.", "corp.internal"}} {
		if text, err := b.try(append([]string{"resolvectl"}, argv...)...); err != nil {
			t.Fatal(err, text)
		}
	}
	b.asks(t, "(tun7): 127.0.0.1")
	eventually(t, "its zone is forwarded", func() bool {
		text, _ := b.try("/usr/local/bin/bailiwick", "ctl", "network", "list")
		return strings.Contains(text, " corp.internal. ") && strings.Contains(text, "10.8.0.1")
	})
	for _, service := range []string{"hosts:dns", "hosts:resolve"} {
		if !resolves(service) {
			t.Errorf("with new adapters programs do not resolve by %s", service)
		}
	}
	return "(tun7): 10.8.0.1"
}
