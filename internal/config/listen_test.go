package config

import (
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/policy"
	"bailiwick/transport"
)

func TestListeners(t *testing.T) {
	c, err := Parse("l.yaml", []byte(`listen:
  udp: []
  dot: ["192.0.2.1", {address: "[::]:8853", access: ["10.0.0.0/8 allow", "::1 refuse"], proxy_from: [192.0.2.0/24]}]
  doh: 
    - address: 0.0.0.0:443
  doh_plain: [{address: "127.0.0.1:8080", forwarded_from: [127.0.0.1]}]
tls:
  certificates: [one.pem, {certificate: two.pem, key: two.key}]
connections: {max: 100, idle: 3s}
discovery: {name: dns.example.net, addresses: [192.0.2.1]}
resolver:
  opportunistic: [dot]
  forward_zones:
    - {name: corp.example, addresses: [192.0.2.7], transport: dot, tls_name: dns.corp.example, fallback: true}
    - {name: b.example, addresses: ["192.0.2.8:4430"], transport: doh3, tls_pins: ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="], path: /q}
`))
	if err != nil {
		t.Fatal(err)
	}
	dot := c.Listen[transport.DoT]
	if len(dot) != 2 || dot[0].Addr.String() != "192.0.2.1:853" || dot[0].Access != nil || dot[1].Access[1].Action != policy.Refuse || len(dot[1].ProxyFrom) != 1 {
		t.Errorf("dot: %+v", dot)
	}
	if len(c.Listen[transport.UDP]) != 0 || len(c.Listen[transport.DoH]) != 1 || len(c.Listen[transport.DoHPlain][0].ForwardedFrom) != 1 || !c.Encrypted() {
		t.Errorf("listeners: %+v", c.Listen)
	}
	if len(c.Certificates) != 2 || filepath.Base(c.Certificates[0].Key) != "one.pem" || filepath.Base(c.Certificates[1].Key) != "two.key" {
		t.Errorf("certificates: %+v", c.Certificates)
	}
	if z := c.Zones; len(z) != 2 || z[0].Via != transport.DoT || z[0].Addrs[0].Port() != 853 || !z[0].Fallback || z[1].Via != transport.DoH3 || len(z[1].TLSPins) != 1 || z[1].Path != "/q" {
		t.Errorf("zones: %+v", z)
	}
	if !strings.Contains(c.text["listen.dot"], `["192.0.2.1", {address: "[::]:8853", access: ["10.0.0.0/8 allow", "::1 refuse"]`) {
		t.Errorf("shown: %s", c.text["listen.dot"])
	}
}

func TestListenerFindings(t *testing.T) {
	for text, want := range map[string]string{
		`listen: {doq: [{address: "127.0.0.1", proxy_from: [127.0.0.1]}]}`:                                             "unknown field proxy_from",
		`listen: {tcp: [{address: "127.0.0.1", forwarded_from: [127.0.0.1]}]}`:                                         "unknown field forwarded_from",
		`listen: {tcp: ["127.0.0.1", "127.0.0.1:53"]}`:                                                                 "stands here twice",
		`listen: {tcp: [{access: ["10.0.0.0/8 allow"]}]}`:                                                              "wants one address",
		`listen: {tcp: [{address: "127.0.0.1", access: ["10.0.0.0/8"]}]}`:                                              "is not a network and an action",
		`listen: {tcp: [{address: ["127.0.0.1"]}]}`:                                                                    "address wants one value",
		`doh: {path: dns-query}`:                                                                                       "is no path",
		`discovery: {info_url: "http://a"}`:                                                                            "is no https URL",
		`resolver: {opportunistic: [doh]}`:                                                                             "is not dot or doq",
		`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: dot}]}`:                               "needs tls_name or tls_pins",
		`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: doh, tls_name: b, path: q}]}`:         "begins with /",
		`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], tls_name: b}]}`:                                  "for transports that encrypt",
		`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: smoke}]}`:                             "is not one of udp",
		`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: dot, tcp: true, tls_name: b}]}`:       "contradicts tcp",
		`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: dot, tls_pins: [AAAA]}]}`:             "is not a SHA-256 digest",
		`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: dot, tls_name: b, fallback: maybe}]}`: "is not true or false",
	} {
		if _, err := Parse("f.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
