package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/transport"
)

// findings are what there is to say of a file, errors and warnings, without the file's name.
func findings(text string) (out []string) {
	c, found := inspect("/etc/b.yaml", []byte(text))
	for _, f := range append(found, c.Warnings()...) {
		out = append(out, strings.TrimPrefix(f.Error(), "/etc/b.yaml"))
	}
	return out
}

// cases reads a table of tests: a name behind ==, a file, and behind -- what is said of it.
func cases(t *testing.T, path string) (out []struct{ name, text, want string }) {
	t.Helper()
	table, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for c := range strings.SplitSeq(strings.TrimPrefix(string(table), "== "), "\n== ") {
		name, c, _ := strings.Cut(c, "\n")
		text, want, ok := strings.Cut("\n"+c+"\n", "\n--\n")
		if !ok {
			t.Fatalf("%s: no line -- in %q", path, name)
		}
		out = append(out, struct{ name, text, want string }{name,
			strings.TrimPrefix(text+"\n", "\n"),
			strings.TrimSpace(want)})
	}
	return out
}

// Everything that can be said of a file, word for word, at its line and column.
func TestFindingsOfFiles(t *testing.T) {
	for _, c := range cases(t, "testdata/findings") {
		if got := strings.Join(findings(c.text), "\n"); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// What can mean one thing only is accepted, and shown in one way.
func TestUnambiguousSpellings(t *testing.T) {
	c, err := parse("b.yaml", []byte("cache: {max_ttl: 3600, max_negative_ttl: 1d, prefetch: "+
		"yes}\nlog: {level: INFO}\n"+
		"resolver: {ipv6: off, priming: Off, qname_minimisation: Strict, forward_zones: [{name: "+
		"a, addresses: [192.0.2.1], transport: TCP, first: yes}]}\n"+
		"policy: {access: [10.0.0.0/8 allow, {net: 10.1.0.0/16, action: drop}, "+
		"\"::ffff:10.2.0.0/112 "+
		"Refuse\"]}\n"+
		"listen: {tcp: [{address: 127.0.0.1, access: [{net: 10.0.0.0/8, action: snoop}, "+
		"10.1.0.0/16 "+
		"drop]}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Cache.Max != time.Hour || c.Cache.MaxNegative != 24*time.Hour || !c.Resolver.Prefetch ||
		c.Log.Level != slog.LevelInfo || c.Resolver.IPv6 != resolver.FamilyOff ||
		c.Resolver.Prime || c.Resolver.Minimise != resolver.MinimiseStrict ||
		c.Zones[0].Via != transport.TCP || !c.Zones[0].First {
		t.Errorf("got %+v", c)
	}
	if a := c.Policy.Access.Own; len(a) != 3 || a[1].Action != policy.Drop ||
		a[2].Net.String() != "10.2.0.0/16" || a[2].Action != policy.Refuse {
		t.Errorf("access: %+v", c.Policy.Access)
	}
	if a := c.Listen[transport.TCP][0].Access; len(a) != 2 || a[0].Action != policy.Snoop ||
		a[1].Action != policy.Drop {
		t.Errorf("access of a listener: %+v", a)
	}
	for key, want := range map[string]string{"cache.max_ttl": "1h0m0s",
		"cache.max_negative_ttl": "24h0m0s", "cache.prefetch": "true", "log.level": "info",
		"resolver.ipv6": "false", "resolver.qname_minimisation": "strict",
		"policy.access": `["10.0.0.0/8 allow", "10.1.0.0/16 drop", "::ffff:10.2.0.0/112 Refuse"]`,
		"listen.tcp": `[{address: "127.0.0.1", ` +
			`access: ["10.0.0.0/8 snoop", "10.1.0.0/16 drop"]}]`} {
		if c.text[key] != want {
			t.Errorf("%s is shown as %s, want %s", key, c.text[key], want)
		}
	}
}

// Paths are relative to the folder of the file, not to where the server is started.
func TestPathsAreRelativeToTheFile(t *testing.T) {
	c, err := parse("/etc/bailiwick/b.yaml",
		[]byte("tls: {certificates: [{certificate: chain.pem, key: ../keys/key.pem}, "+
			"/abs/both.pem], "+
			"ticket_secret: tickets}\n"+
			"control: {socket: ctl}\ntrust_anchors: {file: root.key}\n"+
			"resolver: {root_hints_file: hints, forward_zones: [{name: a, addresses: [192.0.2.1], "+
			"transport: dot, tls_name: b, tls_ca: ca.pem}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for got, want := range map[string]string{
		c.Transport.Certificates[0].Certificate: "/etc/bailiwick/chain.pem",
		c.Transport.Certificates[0].Key:         "/etc/keys/key.pem",
		c.Transport.Certificates[1].Key:         "/abs/both.pem",
		c.Transport.Tickets.Secret:              "/etc/bailiwick/tickets",
		c.Console.Socket:                        "/etc/bailiwick/ctl",
		c.Anchors.File:                          "/etc/bailiwick/root.key",
		c.RootHintsFile:                         "/etc/bailiwick/hints",
		c.Zones[0].TLSRoots:                     "/etc/bailiwick/ca.pem",
		c.text["control.socket"]:                `"/etc/bailiwick/ctl"`,
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	here, err := filepath.Abs("ctl")
	if err != nil {
		t.Fatal(err)
	}
	if c, _ = parse("b.yaml", []byte("control: {socket: ctl}\n")); c.Console.Socket != here {
		t.Errorf("beside a file that is named without a folder: %s", c.Console.Socket)
	}
	if c, _ = parse("b.yaml", []byte("control: {socket: auto}\ntls: {ticket_secret: "+
		"''}\n")); c.Console.Socket != "auto" || c.Transport.Tickets.Secret != "" {
		t.Errorf("no paths: %s %s", c.Console.Socket, c.Transport.Tickets.Secret)
	}
}
