package config

import (
	"strings"
	"testing"
)

// Interfaces have addresses that sockets serve too, and VLANs.
func TestXDP(t *testing.T) {
	c, err := parse("x.yaml", []byte(`listen:
  udp: ["0.0.0.0:53", "[2001:db8::1]:5300"]
  xdp:
    - {interface: eth0, address: [192.0.2.1, 192.0.2.2]}
    - {interface: eth1, address: ["[2001:db8::1]:5300"], vlan: [0, 10], zero_copy: "off"}
`))
	if err != nil {
		t.Fatal(err)
	}
	x := c.XDP
	if len(x) != 2 || x[0].Interface != "eth0" || len(x[0].Addresses) != 2 || x[0].Copied ||
		x[0].Addresses[0].String() != "192.0.2.1:53" || len(x[0].VLANs) != 1 ||
		x[0].VLANs[0] != 0 || len(x[1].VLANs) != 2 || !x[1].Copied {
		t.Errorf("%+v", x)
	}
}

// What could not work is found, with its reason, before anything is opened.
func TestXDPRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{address: [192.0.2.1]}`:                                  "not the name of an interf",
		`{interface: "a/b", address: [192.0.2.1]}`:                "not the name of an interf",
		`{interface: eth0123456789abcdef, address: [192.0.2.1]}`:  "not the name of an interf",
		`{interface: eth0}`:                                       "wants the addresses",
		`{interface: eth0, address: [0.0.0.0]}`:                   "no address of packets",
		`{interface: eth0, address: ["fe80::1"]}`:                 "not link-local",
		`{interface: eth0, address: [224.0.0.1]}`:                 "one machine",
		`{interface: eth0, address: [192.0.2.1, 192.0.2.1]}`:      "stands here twice",
		`{interface: eth0, address: [192.0.2.9]}`:                 "not among listen.udp",
		`{interface: eth0, address: ["192.0.2.1:54"]}`:            "not among listen.udp",
		`{interface: eth0, address: [192.0.2.1], vlan: [4095]}`:   "0 to 4094",
		`{interface: eth0, address: [192.0.2.1], vlan: [7, 7]}`:   "another VLAN",
		`{interface: eth0, address: [192.0.2.1], zero_copy: yes}`: "not auto or off",
		`{interface: eth0, address: [192.0.2.1]}, {interface: eth0, ` +
			`address: [192.0.2.1]}`: "eth0 stands here twice",
	} {
		_, err := parse("x.yaml", []byte("listen:\n  udp: [192.0.2.1]\n  xdp: ["+text+"]\n"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
