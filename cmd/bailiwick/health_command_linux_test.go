package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The health command succeeds while all listeners answer, with SERVFAIL as well, and fails by name
// of those that do not: a port that takes questions and never answers, and none at all.
func TestHealthCommand(t *testing.T) {
	config, _ := nobody(t) // each question is answered with SERVFAIL
	p := startConfigured(t, config, nil, nil)
	health := func(file string) (string, error) {
		cmd := exec.Command(os.Args[0], "health", "--config", file, "--timeout", "1s")
		cmd.Env = append(os.Environ(), "BAILIWICK_TEST_PROCESS=1")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := health(p.file); err != nil || !strings.Contains(out, "2 listeners answered") {
		t.Errorf("%v\n%s", err, out)
	}
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	text, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	other := p.file + ".other"
	if err := os.WriteFile(other, append(text, "cache: {memory: 1}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	// A configuration that a reload would refuse is told, and is no reason to end the server.
	if out, err := health(other); err != nil || !strings.Contains(out, "2 listeners answered") ||
		!strings.Contains(out, `cache.memory: "1" is not a size`) {
		t.Errorf("with an error in the configuration: %v\n%s", err, out)
	}
	for _, at := range []string{silent.LocalAddr().String(),
		fmt.Sprintf("127.0.0.1:%d", freePort(t))} {
		if err := os.WriteFile(other, []byte(strings.Replace(string(text),
			fmt.Sprintf("udp: [%q]", p.dns), fmt.Sprintf("udp: [%q, %q]", p.dns, at), 1)),
			0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := health(other); err == nil || !strings.Contains(out, "udp "+at) ||
			strings.Contains(out, p.dns) {
			t.Errorf("%s does not answer: %v\n%s", at, err, out)
		}
	}
	p.terminate()
	if out, err := health(p.file); err == nil {
		t.Errorf("nobody serves, and health says %s", out)
	}
}
