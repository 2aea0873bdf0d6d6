package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Server and ctl find the control socket by the same rule, so that neither has to be told.
func TestUsualSocketIsTheSameForServerAndCtl(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", dir+":/elsewhere") // what systemd gives a service
	want := filepath.Join(dir, socketName)
	if got := usualSocket(); got != want {
		t.Errorf("the server's is %s, want %s", got, want)
	}
	if err := os.WriteFile(want, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := findSocket(); got != want || err != nil {
		t.Errorf("ctl's is %s, %v, want %s", got, err, want)
	}
	if got, err := controlSocket("/run/other", ""); got != "/run/other" || err != nil {
		t.Errorf("that of the flag: %s, %v", got, err)
	}
	file := filepath.Join(dir, "b.yaml")
	if err := os.WriteFile(file, []byte("control: {socket: beside}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := controlSocket("", file); got != filepath.Join(dir, "beside") || err != nil {
		t.Errorf("that of the configuration: %s, %v", got, err)
	}
	t.Setenv("RUNTIME_DIRECTORY", "")
	got := usualSocket()
	if os.Geteuid() == 0 && got != systemSocket() {
		t.Errorf("root's is %s", got)
	}
	if os.Geteuid() != 0 && !strings.HasPrefix(got, os.Getenv("XDG_RUNTIME_DIR")) {
		t.Errorf("a user's is %s", got)
	}
}

// A server whose file is broken meanwhile can be told things: the file is read for the place of its
// socket. Where there is none the error is what has to be known, also if the machine has a server
// at the usual socket.
func TestControlSocketOfABrokenFile(t *testing.T) {
	dir := t.TempDir()
	file, socket := filepath.Join(dir, "b.yaml"), filepath.Join(dir, "beside")
	if err := os.WriteFile(file, []byte("control: {socket: beside}\ncache: {memory: 1}\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := controlSocket("", file); err == nil ||
		!strings.Contains(err.Error(), "cache.memory") {
		t.Errorf("nobody listens: %s, %v", got, err)
	}
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := controlSocket("", file); got != socket || err != nil {
		t.Errorf("a server is there: %s, %v", got, err)
	}
	t.Setenv("RUNTIME_DIRECTORY", dir)
	if err := os.WriteFile(filepath.Join(dir, socketName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := controlSocket("", filepath.Join(dir, "none")); err == nil ||
		!strings.Contains(err.Error(), "none") {
		t.Errorf("there is no file: %v", err)
	}
}
