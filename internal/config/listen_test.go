package config

import (
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/internal/policy"
	"bailiwick/transport"
)

func TestListeners(t *testing.T) {
	c, err := parse("l.yaml", []byte(`listen:
  udp: []
  dot: ["192.0.2.1", {address: "[::]:8853", access: ["10.0.0.0/8 allow", "::1 refuse"],
    proxy_from: [192.0.2.0/24]}]
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
    - {name: corp.example, addresses: [192.0.2.7], transport: dot, tls_name: dns.corp.example,
       fallback: true}
    - {name: b.example, addresses: ["192.0.2.8:4430"], transport: doh3, path: /q,
       tls_pins: ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]}
`))
	if err != nil {
		t.Fatal(err)
	}
	dot := c.Listen[transport.DoT]
	if len(dot) != 2 || dot[0].Addr.String() != "192.0.2.1:853" || dot[0].Access != nil ||
		dot[1].Access[1].Action != policy.Refuse || len(dot[1].ProxyFrom) != 1 {
		t.Errorf("dot: %+v", dot)
	}
	if len(c.Listen[transport.UDP]) != 0 || len(c.Listen[transport.DoH]) != 1 ||
		len(c.Listen[transport.DoHPlain][0].ForwardedFrom) != 1 || !c.Encrypted() {
		t.Errorf("listeners: %+v", c.Listen)
	}
	if len(c.Transport.Certificates) != 2 ||
		filepath.Base(c.Transport.Certificates[0].Key) != "one.pem" ||
		filepath.Base(c.Transport.Certificates[1].Key) != "two.key" {
		t.Errorf("certificates: %+v", c.Transport.Certificates)
	}
	if z := c.Zones; len(z) != 2 || z[0].Via != transport.DoT || z[0].Addrs[0].Port() != 853 ||
		!z[0].Fallback || z[1].Via != transport.DoH3 || len(z[1].Peer.Pins) != 1 ||
		z[1].Peer.Path != "/q" {
		t.Errorf("zones: %+v", z)
	}
	if !strings.Contains(c.text["listen.dot"],
		`["192.0.2.1", {address: "[::]:8853", access: ["10.0.0.0/8 allow", "::1 refuse"]`) {
		t.Errorf("shown: %s", c.text["listen.dot"])
	}
}

// What proxies in front of a listener do, and what they cannot.
func TestProxyFields(t *testing.T) {
	c, err := parse("p.yaml", []byte(`listen:
  dot: [{address: "127.0.0.1", proxy_from: [127.0.0.1], proxy_tls: inside},
        {address: "127.0.0.2", proxy_from: [127.0.0.1], proxy_tls: before}]
  doh: [{address: "127.0.0.1", forwarded_from: [127.0.0.1], forwarded_header: X-Forwarded-For}]
  doh3: [{address: "127.0.0.1", forwarded_from: [127.0.0.1]}]
  doh_plain: [{address: "127.0.0.1", forwarded_from: [127.0.0.1], forwarded_header: forwarded}]
connections: {memory: 8MiB}
`))
	if err != nil {
		t.Fatal(err)
	}
	if d := c.Listen[transport.DoT]; !d[0].ProxyInside || d[1].ProxyInside ||
		c.Transport.Gate.Memory != 8<<20 {
		t.Errorf("dot: %+v, %d bytes", d, c.Transport.Gate.Memory)
	}
	for p, want := range map[transport.Protocol]transport.ForwardedHeader{
		transport.DoH: transport.XForwardedFor, transport.DoH3: transport.EitherForwarded,
		transport.DoHPlain: transport.Forwarded,
	} {
		if l := c.Listen[p][0]; l.ForwardedHeader != want || len(l.ForwardedFrom) != 1 {
			t.Errorf("%v: %+v, want %v", p, l, want)
		}
	}
	for _, c := range []struct{ text, want string }{
		{`listen: {dot: [{address: "127.0.0.1", proxy_tls: inside}]}`,
			"of no use without proxy_from"},
		{`listen: {dot: [{address: "127.0.0.1", proxy_from: [127.0.0.1], proxy_tls: beside}]}`,
			"is not before or inside"},
		{`listen: {tcp: [{address: "127.0.0.1", proxy_from: [127.0.0.1], proxy_tls: inside}]}`,
			"unknown field proxy_tls"},
		{`listen: {doh: [{address: "127.0.0.1", forwarded_header: forwarded}]}`,
			"of no use without forwarded_from"},
		{`listen: {doh: [{address: "127.0.0.1", forwarded_from: [127.0.0.1], ` +
			`forwarded_header: via}]}`,
			"is not forwarded or x-forwarded-for"},
		{`listen: {dot: [{address: "127.0.0.1", forwarded_from: [127.0.0.1]}]}`,
			"unknown field forwarded_from"},
		{`connections: {memory: 1}`, "is not a size"},
	} {
		if _, err := parse("f.yaml", []byte(c.text)); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
}

func TestListenerFindings(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`listen: {doq: [{address: "127.0.0.1", proxy_from: [127.0.0.1]}]}`,
			"unknown field proxy_from"},
		{`listen: {tcp: [{address: "127.0.0.1", forwarded_from: [127.0.0.1]}]}`,
			"unknown field forwarded_from"},
		{`listen: {tcp: ["127.0.0.1", "127.0.0.1:53"]}`,
			"stands here twice"},
		{`listen: {tcp: [{access: ["10.0.0.0/8 allow"]}]}`,
			"wants one address"},
		{`listen: {tcp: [{address: "127.0.0.1", access: ["10.0.0.0/8"]}]}`,
			"is not a network and an action"},
		{`listen: {tcp: [{address: ["127.0.0.1"]}]}`,
			"address wants one value"},
		{`doh: {path: dns-query}`,
			"is not a path"},
		{`discovery: {info_url: "http://a"}`,
			"is not an https URL"},
		{`resolver: {opportunistic: [doh]}`,
			"is not dot or doq"},
		{`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: dot}]}`,
			"needs tls_name or tls_pins"},
		{`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: doh, ` +
			`tls_name: b, path: q}]}`,
			"begins with /"},
		{`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], tls_name: b}]}`,
			"for transports that encrypt"},
		{`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: smoke}]}`,
			"is not one of udp"},
		{`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: dot, ` +
			`tcp: true, tls_name: b}]}`,
			"contradicts tcp"},
		{`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: dot, ` +
			`tls_pins: [AAAA]}]}`,
			"is not a SHA-256 digest"},
		{`resolver: {forward_zones: [{name: a, addresses: [192.0.2.1], transport: dot, ` +
			`tls_name: b, fallback: maybe}]}`,
			"is not true or false"},
	} {
		if _, err := parse("f.yaml", []byte(c.text)); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
}
