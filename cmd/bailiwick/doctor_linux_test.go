package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/lab"
)

// doctor takes hints and anchors from the configuration, and addresses from its flags.
func TestDoctorCommand(t *testing.T) {
	w := lab.New(time.Now())
	port := freePort(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := w.Listen(ctx, uint16(port)); err != nil {
		t.Fatal(err)
	}
	name, addrs := w.Roots()
	root := netip.AddrPortFrom(addrs[0], uint16(port)).String()
	dir := t.TempDir()
	conf := filepath.Join(dir, "bailiwick.yaml")
	if err := os.WriteFile(conf, fmt.Appendf(nil, "listen: {udp: [\"127.0.0.1:%d\"], tcp: []}\n"+
		"resolver: {root_hints: [{name: %s, address: %s}], do_not_query_localhost: false}\n"+
		"trust_anchors: {builtin: false, records: [%q]}\n", freePort(t), name, addrs[0],
		strings.ReplaceAll(w.Anchor(), "\t", " ")), 0o600); err != nil {
		t.Fatal(err)
	}
	closed := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	flags := []string{"doctor", "--config", conf, "--root", dir, "--proc", dir, "--resolver", root,
		"--authority", root, "--nobody", closed}
	// The server is not there: a warning.
	out, err := call(flags...)
	if err != nil || !strings.HasPrefix(out, "DNS works on this machine, with faults.\n") ||
		!strings.Contains(out, "\nwarning server-silent: ") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, c := range []struct {
		more []string
		want int
		says string
	}{
		{[]string{"--fail-on", "warning", "--json"}, 1, `"result": "failed"`},
		{[]string{"--nobody", root}, 1, "error port-53-intercepted: "},
		{[]string{"--resolver", closed, "--authority", closed}, 0, "warning nameserver-silent: "},
		{[]string{"--resolver", "dns.example"}, 2, "is not an address"},
		{[]string{"--large", "dns.example"}, 2, "is not a name with a type"},
		{[]string{"--fail-on", "never"}, 2, "want error, warning or notice"},
		{[]string{"--config", filepath.Join(dir, "none")}, 1, "none"},
	} {
		out, err := call(append(flags, c.more...)...)
		if exitOf(err) != c.want || !strings.Contains(out+fmt.Sprint(err), c.says) {
			t.Errorf("%v: status %d, want %d and %q\n%s %v", c.more, exitOf(err), c.want, c.says,
				out, err)
		}
	}
}
