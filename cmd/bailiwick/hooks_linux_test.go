// Policy steps that are compiled in: the example of docs/hooks.md, in the program.

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// documented returns the file of docs/hooks.md.
func documented(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, begun := strings.Cut(string(b), "```go\n")
	code, _, ended := strings.Cut(code, "```\n")
	if !begun || !ended {
		t.Fatal("docs/hooks.md has no file of Go")
	}
	return code
}

// The file that docs/hooks.md has in place of hooks.go compiles, and does what is said of it.
func TestHooksOfTheDocument(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	here, err := filepath.Abs("hooks.go")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		here: write("hooks.go", documented(t))}})
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "bailiwick")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-overlay",
		write("overlay.json", string(overlay)), "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	at := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	config := fmt.Sprintf("listen: {udp: [%q], tcp: [%[1]q], dot: [\"127.0.0.1:%d\"]}\n"+
		"admin: {listen: \"\"}\ncontrol: {socket: \"\"}\nshutdown: {wait: 0, answers: 0}\n", at,
		freePort(t))
	serve := exec.Command(program, "serve", "--lab", "--config", write("b.yaml", config))
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Kill()
		_ = serve.Wait()
	})
	until(t, "it does not answer", func() bool {
		_, err := exchange(new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA), at)
		return err == nil
	})
	for _, c := range []struct {
		name  string
		t     uint16
		do    bool
		rcode int
		first string // record of the answer
	}{
		{"www.unsigned.example.", dns.TypeA, false, dns.RcodeSuccess, "198.51.100.1"},
		{"www.secure.example.", dns.TypeA, false, dns.RcodeSuccess, "198.51.100.1"},
		{"www.secure.example.", dns.TypeA, true, dns.RcodeSuccess, "192.0.2."},
		{strings.Repeat("a", 41) + ".secure.example.", dns.TypeTXT, true, dns.RcodeNameError, ""},
	} {
		for range 3 { // resolved, from the cache, prepared
			m := new(dns.Msg).SetQuestion(c.name, c.t).SetEdns0(1232, c.do)
			got, err := exchange(m, at)
			if err != nil {
				t.Fatal(err)
			}
			text := ""
			if len(got.Answer) > 0 {
				text = got.Answer[0].String()
			}
			if got.Rcode != c.rcode || !strings.Contains(text, c.first) {
				t.Errorf("%s, DO %t: %s, %q", c.name, c.do, dns.RcodeToString[got.Rcode], text)
			}
		}
	}
}
