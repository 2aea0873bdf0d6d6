package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/config"
	"bailiwick/internal/preset"
	"bailiwick/internal/snapshot"
)

// install and uninstall work on the files of a machine that does not run; a configuration that
// programs cannot ask, or one that serve refuses, changes nothing.
func TestInstallIntoAFolder(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"etc/systemd/system", "var/lib", "usr/local/bin"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const was = "nameserver 192.0.2.1\n"
	resolv := filepath.Join(root, "etc/resolv.conf")
	if err := os.WriteFile(resolv, []byte(was), 0o644); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "bailiwick.yaml")
	for _, c := range []struct{ text, want string }{
		// TechnitiumSoftware/DnsServer 2159
		{"listen: {udp: [\"192.0.2.1:53\"], tcp: [\"192.0.2.1:53\"]}\n", "where programs ask"},
		{"listen: {udp: [\"127.0.0.1:53\"], tcp: [\"127.0.0.1:5300\"]}\n", "where programs ask"},
		{"listen: {udp: nonsense}\n", "1 error"},
	} {
		if err := os.WriteFile(conf, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		out, err := call("install", "--root", root, "--config", conf)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v %s", c.text, err, out)
		}
	}
	if err := os.WriteFile(conf, []byte("listen: {udp: [\"[::]:53\"], tcp: [\"[::]:53\"]}\n"),
		0o644); err != nil {
		t.Fatal(err)
	}
	out, err := call("install", "--root", root, "--print")
	if err != nil || !strings.Contains(out, "    nameserver 127.0.0.1\n") ||
		strings.Contains(out, "run systemctl") {
		t.Errorf("%v %s", err, out)
	}
	if text, err := os.ReadFile(resolv); err != nil || string(text) != was {
		t.Errorf("before: %v %s", err, text)
	}
	if out, err := call("install", "--root", root, "--config", conf); err != nil {
		t.Errorf("%v %s", err, out)
	}
	if out, err := call("install", "--links", "--root", root); err == nil ||
		!strings.Contains(err.Error(), "--links is for a machine that runs") {
		t.Errorf("this machine's adapters, by the record of another: %v %s", err, out)
	}
	if text, err := os.ReadFile(resolv); err != nil || !strings.Contains(string(text),
		"nameserver ::1\n") {
		t.Errorf("installed: %v %s", err, text)
	}
	if out, err := call("uninstall", "--root", root); err != nil {
		t.Errorf("%v %s", err, out)
	}
	if text, err := os.ReadFile(resolv); err != nil || string(text) != was {
		t.Errorf("afterwards: %v %s", err, text)
	}
	if out, err := call("uninstall", "--root", root); err == nil {
		t.Errorf("twice: %s", out)
	}
}

// A preset becomes the configuration's only server, over encrypted transports, with the profile of
// a laptop; one that is not known, or a configuration that is there, changes nothing.
func TestInstallPreset(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"etc/systemd/system", "var/lib", "usr/local/bin"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := call("install", "--root", root, "--preset", "quad8"); err == nil ||
		!strings.Contains(err.Error(), "quad9") {
		t.Errorf("%v %s", err, out)
	}
	if out, err := call("install", "--root", root, "--preset", "quad9", "--config",
		"x.yaml"); err == nil {
		t.Errorf("two configurations: %s", out)
	}
	if out, err := call("install", "--root", root, "--preset", "quad9"); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	cfg, found := readConfig(filepath.Join(root, "etc/bailiwick/bailiwick.yaml"))
	if len(found.Errors()) > 0 || cfg.Profile != config.ProfileStub || len(cfg.Zones) != 1 ||
		!cfg.Zones[0].Name.IsRoot() || cfg.Zones[0].Peer.Name != "dns.quad9.net" ||
		cfg.Zones[0].Fallback {
		t.Errorf("%v %+v", found, cfg.Zones)
	}
	rest := filepath.Join(root, "etc/systemd/system/bailiwick.service.d/rest.conf")
	if _, err := os.Stat(rest); err != nil {
		t.Errorf("the watchdog wakes it: %v", err)
	}
	if out, err := call("uninstall", "--root", root); err != nil {
		t.Errorf("%v %s", err, out)
	}
	mine := filepath.Join(root, "etc/bailiwick/bailiwick.yaml")
	if err := os.MkdirAll(filepath.Dir(mine), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mine, []byte("# mine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := call("install", "--root", root, "--preset", "quad9"); err == nil ||
		!strings.Contains(err.Error(), "is there already, and stays") {
		t.Errorf("%v %s", err, out)
	}
}

// Every preset makes a configuration that serve takes, for both families.
func TestLaptopConfigurations(t *testing.T) {
	for _, p := range append(preset.Names(), "") {
		for _, ipv6 := range []bool{false, true} {
			cfg, found := config.ReadText("laptop", laptop(p, ipv6))
			_, more := snapshot.Load(cfg)
			addrs, err := askable(cfg)
			want := 1
			if ipv6 {
				want = 2
			}
			if all := append(found, more...); len(all) > 0 || err != nil || len(addrs) != want {
				t.Errorf("%s: %v, %v, %v", p, all, addrs, err)
			}
		}
	}
}
