package config

import (
	"fmt"
	"strings"
	"testing"

	"bailiwick/internal/acme"
)

// acmeFile is a configuration with keys of tls.acme, and further sections.
func acmeFile(keys, more string) []byte {
	return []byte(fmt.Sprintf("listen: {doh: [\"192.0.2.1:443\"]}\nstate: {directory: /tmp}\n"+
		"tls: {acme: {directory: \"https://acme.example/dir\", agree: true, %s}}\n%s", keys, more))
}

// What the operator means is read, and printed in one form.
func TestACMEKeys(t *testing.T) {
	c, err := parse("b.yaml", acmeFile("names: [DNS.Example.com., \"*.example.com\"], challenge: "+
		"dns-01, dns_server: 192.0.2.53, dns_zone: example.com, dns_tsig: update", ""))
	if err != nil {
		t.Fatal(err)
	}
	a := c.ACME
	if len(a.Names) != 2 || a.Names[0] != "dns.example.com" || a.Names[1] != "*.example.com" ||
		a.Challenge != acme.DNS || a.Server.String() != "192.0.2.53:53" ||
		a.Zone.String() != "example.com." || !a.On() {
		t.Errorf("%+v", a)
	}
}

// What an authority would refuse, or what could not work, is refused before it is asked.
func TestACMEContradictions(t *testing.T) {
	const dns01 = "challenge: dns-01, dns_server: 192.0.2.53, dns_zone: example.com, dns_tsig: u"
	var many []string
	for i := range acme.MaxIdentifiers + 1 {
		many = append(many, fmt.Sprintf("n%d.example.com", i))
	}
	for _, c := range []struct{ file, want string }{
		{string(acmeFile("names: [dns.example.com], addresses: [192.0.2.1]", "")), ""},
		{string(acmeFile("names: [dns.example.com], "+dns01, "")), ""},
		{string(acmeFile("", "")), "neither names nor addresses"},
		{string(acmeFile("names: [\"*.example.com\"]", "")), "by dns-01 alone"},
		{string(acmeFile("names: [dns.example.com], addresses: [192.0.2.1], "+dns01, "")),
			"cannot be proven by dns-01"},
		{string(acmeFile("names: [dns.example.com], challenge: dns-01", "")),
			"dns-01 needs tls.acme.dns_server"},
		{string(acmeFile("names: ["+strings.Join(many, ", ")+"]", "")), "25 at most"},
		{string(acmeFile("names: [dns.example.com], eab_key_id: x", "")), "go together"},
		{strings.Replace(string(acmeFile("names: [dns.example.com]", "")), "agree: true",
			"agree: false", 1), "terms of service"},
		{strings.Replace(string(acmeFile("names: [dns.example.com]", "")), "directory: /tmp",
			"directory: \"\"", 1), "needs state.directory"},
		{strings.Replace(string(acmeFile("names: [dns.example.com]", "")), "doh:", "doq:", 1),
			"needs an address of listen.doh or listen.dot"},
		{string(acmeFile("names: [192.0.2.1]", "")), "is no name of a host"},
		{string(acmeFile("names: [localhost]", "")), "is no name of a host"},
		{string(acmeFile("names: [a_b.example.com]", "")), "is no name of a host"},
		{string(acmeFile("names: [-a.example.com]", "")), "is no name of a host"},
		{string(acmeFile("names: [dns.example.com], contact: me", "")), "is no mail address"},
		{"tls: {acme: {directory: \"http://acme.example/\"}}\n", "is no URL"},
		{"tls: {acme: {directory: \"https://user:word@acme.example/\"}}\n", "is no URL"},
	} {
		_, err := parse("b.yaml", []byte(c.file))
		if c.want == "" && err != nil || c.want != "" && (err == nil ||
			!strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.file, err, c.want)
		}
	}
}

// What is lawful, and will hardly work, is a warning.
func TestACMEWarnings(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{string(acmeFile("addresses: [10.0.0.1]", "")), "is not an address of the Internet"},
		{string(acmeFile("addresses: [10.0.0.1], ca: own.pem", "")), ""},
		{string(acmeFile("names: [dns.example.com]", "")), ""},
		{strings.Replace(string(acmeFile("names: [dns.example.com]", "")), ":443", ":8443", 1),
			"connects to port 443"},
	} {
		cfg, err := parse("b.yaml", []byte(c.file))
		if err != nil {
			t.Fatal(err)
		}
		found := ""
		for _, f := range cfg.Warnings() {
			if strings.Contains(f.Text, "authority") {
				found += f.Text
			}
		}
		if (c.want == "") != (found == "") || !strings.Contains(found, c.want) {
			t.Errorf("%s: %q, want %q", c.file, found, c.want)
		}
	}
}
