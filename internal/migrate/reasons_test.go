package migrate_test

import (
	"os"
	"strings"
	"testing"

	"bailiwick/internal/migrate"
)

// Options that programs write into a configuration of their defaults, or have in the example that
// they come with, are known, whatever becomes of them. Those of the list were not.
func TestOptionsOfDefaultsAreKnown(t *testing.T) {
	for from, lines := range map[string]string{
		"unbound": "server:\n  prefer-ip6: no\n  val-bogus-ttl: 60\n  http-max-streams: 100\n" +
			"  ratelimit-factor: 10\n  serve-original-ttl: no\n  answer-cookie: yes\n" +
			"  tls-use-sni: yes\n  pad-responses: yes\n",
		"pdns-recursor": "ecs-ipv4-bits=24\nstats-snmp-blacklist=a\nmax-dnskeys=2\n" +
			"carbon-namespace=pdns\n",
		"dnsmasq": "no-resolv\nserver=192.0.2.1\nno-ping\nno-dhcp-interface=eth1\nstrip-mac\n" +
			"auth-ttl=5\nquiet-dhcp6\n",
	} {
		r := convert(t, from, lines)
		if strings.Contains(r.Text, "not known") || r.Lost {
			t.Errorf("%s:\n%s", from, r.Text)
		}
	}
	r := convert(t, "unbound", "server:\n  serve-original-ttl: yes\n  interface-tag: eth0 a\n")
	if !r.Lost || !strings.Contains(r.Text, "tags are views here") ||
		!strings.Contains(r.Text, "nearest: cache.max_ttl") {
		t.Error(r.Text)
	}
}

// What clients notice is converted, or listed among what changes for them: by other secrets each
// has to be told a new cookie or ticket, and one may have no version of TLS that is left.
func TestUnboundOptionsThatClientsNotice(t *testing.T) {
	const secret = "000102030405060708090a0b0c0d0e0f"
	r := convert(t, "unbound", "server:\n  answer-cookie: yes\n  cookie-secret: "+secret+"\n")
	if r.Lost || !strings.Contains(r.Text, "cookies: true") ||
		!strings.Contains(r.Text, "cookie_secret: \""+secret+"\"") {
		t.Error(r.Text)
	}
	file := t.TempDir() + "/cookies"
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = convert(t, "unbound", "server:\n  cookie-secret-file: "+file+"\n")
	if r.Lost || !strings.Contains(r.Text, "cookie_secret_file: \""+file+"\"") {
		t.Error(r.Text)
	}
	for _, option := range []string{"tls-session-ticket-keys", "tls-protocols", "tls-ciphers",
		"tls-ciphersuites"} {
		if r := convert(t, "unbound", "server:\n  "+option+": a\n"); !r.Lost {
			t.Errorf("%s:\n%s", option, r.Text)
		}
	}
}

// OPNsense writes the options of a clause without indentation, so that local-data begins a line as
// a section of Knot Resolver's does.
func TestUnindentedUnboundIsNoKnot(t *testing.T) {
	path := t.TempDir() + "/unbound.conf"
	text := "server:\nchroot: /var/unbound\nmodule-config: \"validator iterator\"\n" +
		"private-address: 10.0.0.0/8\nprivate-address: 192.168.0.0/16\n" +
		"local-data: \"a.example A 192.0.2.1\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := migrate.Convert(path, "", check)
	if err != nil || !strings.Contains(r.Text, "of unbound") ||
		!strings.Contains(r.Text, "a.example A 192.0.2.1") {
		t.Errorf("%v\n%s", err, r.Text)
	}
}
