package install_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bailiwick/internal/install"
)

// installed installs on a machine, and returns how it was and how it is removed.
func installed(t *testing.T, c install.Config, run *commands) (before map[string]string,
	undo func() []string) {
	t.Helper()
	before = tree(t, c.Root)
	apply(t, c, run.machine())
	return before, func() []string {
		t.Helper()
		kept, err := install.Undo(c, run.machine())
		if err != nil {
			t.Fatal(err)
		}
		return kept
	}
}

// TestDHCPCDLeavesResolvConf: dhcpcd writes resolv.conf by one of its hooks with every lease, and
// the server was asked until the first (pi-hole/pi-hole 1435, hypriot/image-builder-rpi 330,
// NetworkConfiguration/dhcpcd 257, 477). It reads the file of install before its hooks, and skips
// what that names; what the operator has it skip already, it skips still.
func TestDHCPCDLeavesResolvConf(t *testing.T) {
	root := machine(t, "/etc/dhcpcd.conf=hostname\n")
	var run commands
	before, undo := installed(t, settings(root), &run)
	hook := filepath.Join(root, "etc/dhcpcd.enter-hook")
	out, err := exec.Command("sh", "-c", `skip_hooks=ntp.conf; . "$1"; echo $skip_hooks`, "sh",
		hook).CombinedOutput()
	if err != nil || string(out) != "ntp.conf resolv.conf\n" {
		t.Errorf("%v: skipped are %s", err, out)
	}
	if kept := undo(); len(kept) > 0 || len(differences(before, tree(t, root))) > 0 {
		t.Errorf("kept %v", kept)
	}
	// An operator's own one is left as it is, and its operator is told.
	root = machine(t, "/etc/dhcpcd.conf=", "/etc/dhcpcd.enter-hook=# mine\n")
	p, err := install.Make(settings(root))
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	if _, err := p.WriteTo(&printed); err != nil || !strings.Contains(printed.String(),
		"have this line in it, or dhcpcd writes resolv.conf: "+
			"skip_hooks=\"$skip_hooks resolv.conf\"\n") {
		t.Errorf("%v %s", err, &printed)
	}
	hook = filepath.Join(root, "etc/dhcpcd.enter-hook")
	before, undo = installed(t, settings(root), &run)
	if text, err := os.ReadFile(hook); err != nil || string(text) != "# mine\n" {
		t.Errorf("%v: it is %s", err, text)
	}
	if kept := undo(); len(kept) > 0 || len(differences(before, tree(t, root))) > 0 {
		t.Errorf("kept %v", kept)
	}
}

// TestOpenresolvLeavesResolvConf: openresolv writes resolv.conf anew when a VPN or an adapter comes
// (NixOS/nixpkgs 61645, complexorganizations/wireguard-manager 7). It has one file for its
// settings, which is put back octet for octet, and stays if somebody has changed it since.
func TestOpenresolvLeavesResolvConf(t *testing.T) {
	const was = "resolv_conf=/etc/resolv.conf\nname_servers=192.0.2.1"
	for _, changed := range []bool{false, true} {
		root := machine(t, "/etc/resolvconf.conf="+was, "/etc/resolv.conf=nameserver 192.0.2.1\n")
		path := filepath.Join(root, "etc/resolvconf.conf")
		var run commands
		before, undo := installed(t, settings(root), &run)
		out, err := exec.Command("sh", "-c", `. "$1"; echo $resolv_conf $name_servers $resolvconf`,
			"sh", path).CombinedOutput()
		if err != nil || string(out) != "/etc/resolv.conf 192.0.2.1 NO\n" {
			t.Errorf("%v: openresolv reads %s", err, out)
		}
		if changed {
			if err := os.WriteFile(path, []byte("# mine\n"), 0o640); err != nil {
				t.Fatal(err)
			}
		}
		kept := undo()
		now := differences(before, tree(t, root))
		if changed && (!slices.Equal(kept, []string{"/etc/resolvconf.conf"}) || len(now) != 1) ||
			!changed && len(kept)+len(now) > 0 {
			t.Errorf("changed since %t: kept %v, differs %v", changed, kept, now)
		}
	}
}

// TestSELinuxLabels: a resolv.conf that another program has made has another program's label, and
// whoever is confined cannot read it: names resolve for some programs only
// (coreos/fedora-coreos-tracker 646, 679, theforeman/foreman-selinux 142, randomcoww/homelab 16).
// It gets its label after it was written, and again after it was put back. The program is made in
// the folder that it stays in, and not moved there from a home (DNSCrypt/dnscrypt-proxy 567).
// A machine that had none has none afterwards, and restorecon fails there without -i.
func TestSELinuxLabels(t *testing.T) {
	const relabels = "restorecon -i /etc/resolv.conf"
	for n := range 4 {
		selinux, absent := n&1 > 0, n&2 > 0
		paths := []string{"/usr/sbin/restorecon="}
		if !absent {
			paths = append(paths, "/etc/resolv.conf=nameserver 192.0.2.1\n")
		}
		if selinux {
			paths = append(paths, "/sys/fs/selinux/enforce=1")
		}
		root := machine(t, paths...)
		run := commands{}
		seen := func(when string) {
			text, _ := os.ReadFile(filepath.Join(root, "etc/resolv.conf"))
			ours := strings.Contains(string(text), "127.0.0.1")
			want := map[string]bool{"installed": true, "uninstalled": false}[when]
			n := strings.Count(strings.Join(run.ran, "\n"), relabels)
			if ours != want || (n > 0) != selinux {
				t.Errorf("%s with SELinux %t: ours %t, labels %d", when, selinux, ours, n)
			}
			run.ran = nil
		}
		_, undo := installed(t, settings(root), &run)
		seen("installed")
		undo()
		seen("uninstalled")
	}
}

// TestUpgradeKeepsConfiguration: an upgrade is uninstall and install of the new program. The
// configuration that was changed in between stays, and is the next one's (TechnitiumSoftware/
// DnsServer 2159, OpenMandrivaAssociation/distribution 779); resolv.conf is the one from before all
// of them at the end, and not the server's own that the second has found (NLnetLabs/dnssec-trigger
// 3).
func TestUpgradeKeepsConfiguration(t *testing.T) {
	const was = "nameserver 192.0.2.1\n"
	root := machine(t, "/etc/resolv.conf="+was)
	path := filepath.Join(root, "etc/bailiwick/bailiwick.yaml")
	var run commands
	c := settings(root)
	_, undo := installed(t, c, &run)
	if err := os.WriteFile(path, []byte("# mine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if kept := undo(); !slices.Contains(kept, "/etc/bailiwick/bailiwick.yaml") {
		t.Errorf("kept %v", kept)
	}
	c.Program = []byte("\x7fELF of the next version")
	_, undo = installed(t, c, &run)
	if text, err := os.ReadFile(path); err != nil || string(text) != "# mine\n" {
		t.Errorf("after the upgrade: %v, %s", err, text)
	}
	if kept := undo(); len(kept) > 0 {
		t.Errorf("kept %v", kept)
	}
	if text, err := os.ReadFile(filepath.Join(root, "etc/resolv.conf")); err != nil ||
		string(text) != was {
		t.Errorf("at the end: %v, %s", err, text)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("the configuration is gone, which was there before the last installation")
	}
}

// TestOfflineInstallation: without a network the link that resolv.conf is leads nowhere, as the
// file behind it is made with the first lease (moby/moby 32836, containers/toolbox 231). It is
// replaced, and a link again afterwards.
func TestOfflineInstallation(t *testing.T) {
	for _, link := range []string{"/run/NetworkManager/resolv.conf",
		"../run/systemd/resolve/stub-resolv.conf", "/etc/resolvconf/run/resolv.conf"} {
		root := machine(t, "/etc/resolv.conf->"+link)
		var run commands
		before, undo := installed(t, settings(root), &run)
		if st, err := os.Lstat(filepath.Join(root, "etc/resolv.conf")); err != nil ||
			!st.Mode().IsRegular() {
			t.Errorf("%s: resolv.conf is %v, %v", link, st, err)
		}
		if kept := undo(); len(kept) > 0 || len(differences(before, tree(t, root))) > 0 {
			t.Errorf("%s: kept %v", link, kept)
		}
	}
}
