package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A reload moves the admin listener and the control socket. If one of the new places cannot be had,
// nothing moves, and what stays is open all the time: CoreDNS could not bind its health port again
// (github.com/coredns/coredns/issues/1604 and 1722), stayed where it was (1472), or had no metrics
// any more, also after a configuration that was refused (541 and pull/2816).
func TestReloadMovesTheOperatorsWays(t *testing.T) {
	config, socket := nobody(t)
	p := startConfigured(t, config, nil, nil)
	text, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	change := func(admin, control string) {
		t.Helper()
		changed := strings.Replace(string(text), p.admin, admin, 1)
		changed = strings.Replace(changed, "control: {socket: "+socket+"}", "control: {socket: "+
			control+"}", 1)
		if err := os.WriteFile(p.file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// In the same directory: landlock leaves the server no other (docs/hardening.md).
	moved := filepath.Join(filepath.Dir(socket), "moved.sock")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	change(taken.Addr().String(), moved)
	if out, err := runCtl(t, socket, "reload"); err == nil || !strings.Contains(out,
		"admin listener: ") {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := os.Lstat(moved); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the control socket of the refused configuration is there: %v", err)
	}
	// It is counted: the server would not start with it (github.com/coredns/coredns/issues/2920).
	if text, err := p.get("/metrics"); err != nil || !strings.Contains(text,
		`bailiwick_config_reloads_total{outcome="refused"} 1`) {
		t.Errorf("no metric of it, %v", err)
	}

	before := p.admin
	admin := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	change(admin, moved)
	if out, err := runCtl(t, socket, "reload"); err != nil || strings.Contains(out, "restart") {
		t.Fatalf("%v: %s", err, out)
	}
	p.admin = admin
	if _, err := p.get("/healthz"); err != nil {
		t.Errorf("the admin listener: %v", err)
	}
	if c, err := net.Dial("tcp", before); err == nil {
		c.Close()
		t.Error("the admin listener is still where it was")
	}
	if out, err := runCtl(t, moved, "status"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := runCtl(t, socket, "status"); err == nil {
		t.Errorf("the control socket is still where it was: %s", out)
	}
	p.awaitReadyz("not ready: ")

	// None, and then one again: what it tells goes on.
	change("", moved)
	if out, err := runCtl(t, moved, "reload"); err != nil || strings.Contains(out, "restart") {
		t.Fatalf("%v: %s", err, out)
	}
	if c, err := net.Dial("tcp", admin); err == nil {
		c.Close()
		t.Error("the admin listener is there without an address")
	}
	change(admin, moved)
	if out, err := runCtl(t, moved, "reload"); err != nil || strings.Contains(out, "restart") {
		t.Fatalf("%v: %s", err, out)
	}
	p.awaitReadyz("not ready: ")
	p.terminate()
}
