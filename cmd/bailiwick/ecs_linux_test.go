package main

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/console"
	"bailiwick/wire"
)

// An operator sees of a zone that learns networks what it does with them, what is kept for which
// network, and what of a client's address is sent; a flush forgets it.
func TestNetworksForTheOperator(t *testing.T) {
	s := reloadable(t, "listen: {udp: [UDP]}\nresolver:\n  ecs:\n    zones: [networks.example]\n"+
		"    forwarders: [127.0.0.1]\npolicy:\n  access: [{net: 11.0.0.0/8, action: allow}]\n")
	run := func(name string, args map[string]string) console.Result {
		t.Helper()
		r, err := runOf(s.running, name)(console.Request{Args: args})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	ask := func(subnet string) string {
		t.Helper()
		m := new(dns.Msg).SetQuestion("www.networks.example.", dns.TypeA)
		n, err := parseSubnet(subnet)
		if err != nil {
			t.Fatal(err)
		}
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET,
			Data: n.AppendTo(nil)}}
		r, err := exchange(m, s.udp)
		if err != nil || len(r.Answer) == 0 {
			t.Fatal(r, err)
		}
		return r.Answer[0].(*dns.A).A.String()
	}
	for subnet, want := range map[string]string{"11.0.0.0/24": "198.51.11.1",
		"12.0.0.1": "198.51.12.1", "0": "198.51.0.1", "2600::/40": "198.51.38.1"} {
		if got := ask(subnet); got != want {
			t.Errorf("%s: %s, want %s", subnet, got, want)
		}
	}
	var b bytes.Buffer
	if err := run("dump", nil).Text(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"; for network 11.0.0.0/24: www.networks.example. A: answer, " +
		"secure, ", "; www.networks.example.\t300\tIN\tA\t198.51.11.1\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the dump lacks %q:\n%s", want, b.String())
		}
	}
	rows := run("ecs", nil).Rows
	if len(rows) != 1 || rows[0][0] != "networks.example." || rows[0][1] != "for some networks" ||
		!strings.HasPrefix(rows[0][4].(string), "127.53.") {
		t.Errorf("ecs: %v", rows)
	}
	test := map[string]string{"name": "www.networks.example", "client": "11.2.3.4"}
	if got := run("policy test", test).Fields["network"]; got != "11.2.3.0/24" {
		t.Errorf("policy test: network %v", got)
	}
	test["client"] = "12.0.0.1"
	if got, sent := run("policy test", test).Fields["network"]; sent {
		t.Errorf("policy test of a client that may not ask: network %v", got)
	}
	test["client"] = "11.2.3.4"
	test["name"] = "www.secure.example"
	if got, sent := run("policy test", test).Fields["network"]; sent {
		t.Errorf("policy test of another zone: network %v", got)
	}
	run("flush", map[string]string{"name": "networks.example", "subtree": "true"})
	b.Reset()
	if err := run("dump", nil).Text(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "for network") || len(run("ecs", nil).Rows) > 0 {
		t.Errorf("after a flush:\n%s", b.String())
	}
}

// Nothing is sent of the clients of a view that forbids it, and their option is passed over; what
// is known of the servers of a view has its name, and so have the answers in a dump.
func TestNetworksByView(t *testing.T) {
	s := reloadable(t, "listen: {udp: [UDP]}\nresolver:\n  ecs:\n    zones: [networks.example]\n"+
		"    forwarders: [127.0.0.0/8]\nviews:\n"+
		"  - {name: quiet, clients: [127.0.3.0/24], ecs: no}\n"+
		"  - {name: other, clients: [127.0.4.0/24], ecs: yes, insecure: "+
		"[networks.example]}\n")
	ask := func(from string) (address string, option bool) {
		t.Helper()
		m := new(dns.Msg).SetQuestion("www.networks.example.", dns.TypeA)
		n, err := parseSubnet("11.0.0.0/24")
		if err != nil {
			t.Fatal(err)
		}
		m.SetEdns0(1232, false)
		m.IsEdns0().Option = []dns.EDNS0{&dns.EDNS0_LOCAL{Code: dns.EDNS0SUBNET,
			Data: n.AppendTo(nil)}}
		c := &dns.Client{Timeout: patience, Dialer: &net.Dialer{
			LocalAddr: &net.UDPAddr{IP: net.ParseIP(from)}}}
		r, _, err := c.Exchange(m, s.udp)
		if err != nil || len(r.Answer) == 0 {
			t.Fatal(r, err)
		}
		return r.Answer[0].(*dns.A).A.String(), len(r.IsEdns0().Option) > 0
	}
	for from, want := range map[string]string{"127.0.3.1": "198.51.0.1 false",
		"127.0.4.1": "198.51.11.1 true", "127.0.0.1": "198.51.11.1 true"} {
		address, option := ask(from)
		if got := fmt.Sprint(address, " ", option); got != want {
			t.Errorf("%s: %s, want %s", from, got, want)
		}
	}
	run := func(name string, args map[string]string) console.Result {
		t.Helper()
		r, err := runOf(s.running, name)(console.Request{Args: args})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	var views []string
	for _, row := range run("ecs", nil).Rows {
		views = append(views, row[5].(string))
	}
	if slices.Sort(views); !slices.Equal(views, []string{"-", "other"}) {
		t.Errorf("ecs: views %v", views)
	}
	var b bytes.Buffer
	if err := run("dump", nil).Text(&b); err != nil {
		t.Fatal(err)
	}
	n := strings.Count(b.String(), "; for network 11.0.0.0/24: www.networks.example. A: ")
	if n != 2 || !strings.Contains(b.String(), "s left, for other\n; www.networks.example.") {
		t.Errorf("%d answers in the dump:\n%s", n, b.String())
	}
	test := map[string]string{"name": "www.networks.example", "client": "127.0.3.1"}
	if got, sent := run("policy test", test).Fields["network"]; sent {
		t.Errorf("policy test: network %v", got)
	}
}

// The forms of dig's +subnet are those of query --subnet.
func TestSubnetAsDigHasIt(t *testing.T) {
	for text, want := range map[string]string{"0": "", "192.0.2.7": "192.0.2.7/32",
		"192.0.2.7/24": "192.0.2.0/24", "2001:db8::1/56": "2001:db8::/56", "0.0.0.0/0": "0.0.0.0/0",
		"::/0": "::/0"} {
		var n netip.Prefix
		if want != "" {
			n = netip.MustParsePrefix(want)
		}
		if s, err := parseSubnet(text); err != nil || s != (wire.Subnet{Network: n}) {
			t.Errorf("%s: %v %v", text, s, err)
		}
	}
	for _, text := range []string{"", "x", "192.0.2.0/33", "::ffff:192.0.2.1", "fe80::1%eth0"} {
		if s, err := parseSubnet(text); err == nil {
			t.Errorf("%q: %v", text, s)
		}
	}
}
