package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestConfigDiff compares files with a running server: its own, which is the same; one with another
// value, another secret and a key that holds from one start to the next; and one that is wrong. A
// change at run time is a difference, too.
func TestConfigDiff(t *testing.T) {
	const secret = "00112233445566778899aabbccddeeff"
	text, socket := nobody(t)
	p := startConfigured(t, text+"server: {cookie_secret: "+secret+"}\n", nil, nil)
	diff := func(args ...string) (string, int) {
		t.Helper()
		args = append([]string{"config", "diff", "-s", socket}, args...)
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), "BAILIWICK_TEST_PROCESS=1")
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	if out, code := diff(); code != 0 || out != "" {
		t.Fatalf("its own file: %d %s", code, out)
	}
	own, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	other := p.file + ".other"
	changed := strings.Replace(string(own), "00112233", "ff112233", 1) +
		"cache: {max_ttl: 1h}\nvalidator: {time: 2026-01-31T00:00:00Z}\n"
	if err := os.WriteFile(other, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := diff(other)
	for _, want := range []string{"cache.max_ttl\n- 24h0m0s\n+ 1h0m0s\n",
		"server.cookie_secret\n- (secret ", "validator.time (at the next start)\n- \"\"\n+ \"2026",
		"differs in 3 keys"} {
		if !strings.Contains(out, want) {
			t.Errorf("%s is missing in:\n%s", want, out)
		}
	}
	if code != 1 || strings.Contains(out, "112233") {
		t.Errorf("%d %s", code, out)
	}
	if out, code := diff(other, "--json"); code != 1 || !strings.Contains(out,
		`"running": "24h0m0s"`) {
		t.Errorf("%d %s", code, out)
	}
	if err := os.WriteFile(other, []byte("cache: {max_ttl: long}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := diff(other); code != 1 || !strings.Contains(out, ":1:18: cache.max_ttl") {
		t.Errorf("%d %s", code, out)
	}
	if out, err := runCtl(t, socket, "log", "level", "set", "error"); err != nil {
		t.Fatal(out)
	}
	if out, code := diff(); code != 1 || !strings.Contains(out, "log.level\n- error\n+ info\n") {
		t.Errorf("%d %s", code, out)
	}
	if out, err := runCtl(t, socket, "config"); err != nil || !strings.Contains(out,
		p.file+":") || strings.Contains(out, secret) || strings.Contains(out, "cache.max_ttl") {
		t.Errorf("ctl config: %v %s", err, out)
	}
}
