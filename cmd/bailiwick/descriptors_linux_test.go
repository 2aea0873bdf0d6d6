// How the server finds out how many descriptors it needs, and what it does with fewer.

package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/config"
	"bailiwick/transport"
)

// The demand grows with listeners, connections and questions, and is what the log, the status and
// the metrics have.
func TestDescriptorsAreDerived(t *testing.T) {
	read := func(text string) transport.Demand {
		cfg, found := config.ReadText("bailiwick.yaml", []byte(text))
		if err := found.Err(); err != nil {
			t.Fatal(err)
		}
		return demandOf(cfg)
	}
	one := read("listen: {udp: [\"127.0.0.1:1053\"], tcp: []}\n")
	for text, want := range map[string]transport.Demand{
		"listen: {udp: [\"127.0.0.1:1053\"], tcp: [\"127.0.0.1:1053\"]}\n": {
			Listeners: one.Listeners + 1, Clients: one.Clients, Upstream: one.Upstream,
			Files: one.Files},
		"listen: {udp: [\"127.0.0.1:1053\", \"127.0.0.1:1054\"], tcp: []}\n": {
			Listeners: 2 * one.Listeners, Clients: one.Clients, Upstream: one.Upstream,
			Files: one.Files},
		"listen: {udp: [\"127.0.0.1:1053\"], tcp: []}\nconnections: {max: 20000}\n": {
			Listeners: one.Listeners, Clients: one.Clients - 8192 + 20000, Upstream: one.Upstream,
			Files: one.Files},
		"listen: {udp: [\"127.0.0.1:1053\"], tcp: []}\nresolver: {max_in_flight: 5096}\n": {
			Listeners: one.Listeners, Clients: one.Clients, Upstream: one.Upstream + 1000,
			Files: one.Files},
	} {
		if got := read(text); got != want {
			t.Errorf("%s: %+v, not %+v", text, got, want)
		}
	}
	config, socket := nobody(t)
	p := startConfigured(t, config, nil, nil)
	out, err := runCtl(t, socket, "status")
	if err != nil || !strings.Contains(out, "may be needed: ") {
		t.Errorf("%v\n%s", err, out)
	}
	text, err := p.get("/metrics")
	if want := fmt.Sprintf("bailiwick_descriptors_needed{for=\"clients\"} %d", one.Clients); err !=
		nil || !strings.Contains(text, want) {
		t.Errorf("no %s, %v", want, err)
	}
	p.terminate()
}

// limited runs the server with limits of descriptors.
func limited(t *testing.T, soft, hard int, file string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", fmt.Sprintf("ulimit -Sn %d && ulimit -Hn %d && exec \"$@\"",
		soft, hard), "sh", os.Args[0], "serve", "--config", file)
	cmd.Env = append(os.Environ(), "BAILIWICK_TEST_PROCESS=1")
	return cmd
}

// The soft limit is raised to the hard one (less one, by which Go knows its own), once more in a
// program that is executed again. Fewer descriptors than may be needed are reported with what
// becomes of it, and the server serves.
func TestDescriptorsAreRaisedAndMissed(t *testing.T) {
	cfg, socket := nobody(t)
	at := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	dir := t.TempDir()
	file := dir + "/bailiwick.yaml"
	text := fmt.Sprintf("listen: {udp: [%q], tcp: [%[1]q]}\nadmin: {listen: \"\"}\n"+
		"shutdown: {wait: 0, answers: 0}\n%s", at, cfg)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(dir + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := limited(t, 100, 900, file)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	for end := time.Now().Add(patience); !answersAt(at); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server does not serve")
		}
	}
	out, err := runCtl(t, socket, "status")
	if err != nil || !strings.Contains(out, "descriptors: 899 may be open; ") {
		t.Errorf("%v\n%s", err, out)
	}
	until(t, "nothing is said", func() bool {
		said, err := os.ReadFile(log.Name())
		return err == nil && strings.Contains(string(said), "LimitNOFILE=") &&
			strings.Contains(string(said), "fewer descriptors than may be needed")
	})
}

// With so few that nobody could be served the server does not start, and tells how many it needs.
func TestTooFewDescriptorsAreRefused(t *testing.T) {
	file := t.TempDir() + "/bailiwick.yaml"
	if err := os.WriteFile(file, []byte(fmt.Sprintf("listen: {udp: [%q], tcp: []}\n"+
		"admin: {listen: \"\"}\ncontrol: {socket: \"\"}\n",
		fmt.Sprintf("127.0.0.1:%d", freePort(t)))), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := limited(t, 100, 100, file).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "may have 100 descriptors open, and needs") {
		t.Errorf("%v\n%s", err, out)
	}
}
