package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
