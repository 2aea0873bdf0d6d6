package config

import (
	"strings"
	"testing"

	"bailiwick/transport"
)

// TestPresetZone: a preset gives a zone its servers and identities, in the order of the file, and
// never plain DNS; what contradicts it is found.
func TestPresetZone(t *testing.T) {
	c, found := ReadText("x", []byte(
		"resolver: {forward_zones: [{name: ., preset: Quad9, transports: [doq, dot]}]}\n"))
	if len(found) > 0 {
		t.Fatal(found)
	}
	z := c.Zones[0]
	if z.Via != transport.DoQ || len(z.Then) != 1 || z.Then[0].Via != transport.DoT ||
		z.Then[0].Peer.Name != "dns.quad9.net" || z.Peer.Name != "dns.quad9.net" || z.Fallback ||
		!z.Forward || len(z.Addrs) != 4 || z.Addrs[0].String() != "9.9.9.9:853" {
		t.Errorf("%+v", z)
	}
	for text, want := range map[string]string{
		"preset: quad8":                             "did you mean quad9?",
		"preset: quad9, addresses: [192.0.2.1]":     "preset quad9 has its own addresses",
		"preset: quad9, tls_name: a.example":        "preset quad9 has its own tls_name",
		"preset: quad9, tls_certificate: /a.pem":    "preset quad9 wants no certificate of clients",
		"preset: quad9, tls_key: /a.pem":            "preset quad9 wants no certificate of clients",
		"preset: google, transports: [dot, doq]":    `"doq" is not one of the transports`,
		"preset: google, transports: [dot, DoT]":    "stands here twice",
		"preset: google, transports: [udp]":         `"udp" is not one of the transports`,
		"addresses: [192.0.2.1], transports: [dot]": "transports are those of a preset",
	} {
		_, found := ReadText("x", []byte("resolver: {forward_zones: [{name: ., "+text+"}]}\n"))
		if len(found) != 1 || !strings.Contains(found[0].Text, want) {
			t.Errorf("%s: %v", text, found)
		}
	}
	_, found = ReadText("x", []byte("resolver: {stub_zones: [{name: example., preset: quad9}]}\n"))
	if len(found) != 1 || !strings.Contains(found[0].Text, "it is for forward_zones") {
		t.Errorf("a stub: %v", found)
	}
}
