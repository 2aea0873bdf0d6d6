package discovery

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/wire"
)

func example() *Designation {
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	return &Designation{Name: wire.MustParseName("dns.example.net"),
		Info: Info{QNameMin: true, EDE: []uint16{6, 7, 8, 22, 1, 6},
			URL: "https://dns.example.net/about"},
		Endpoints: []Endpoint{{ALPN: []string{"dot"}, Port: 853, Addrs: addrs},
			{ALPN: []string{"h2", "h3"}, Port: 443, Path: "/dns-query", Addrs: addrs}}}
}

// texts are the records of a set as miekg/dns reads and writes them.
func texts(t *testing.T, s *wire.RRset) (out []string) {
	t.Helper()
	for d := range s.Data.All() {
		owner := []byte(s.Name.Wire())
		b := append(owner, byte(s.Type>>8), byte(s.Type), 0, 1, 0, 0, 1, 44, byte(len(d)>>8),
			byte(len(d)))
		rr, _, err := dns.UnpackRR(append(b, d...), 0)
		if err != nil {
			t.Fatalf("%x: %v", d, err)
		}
		out = append(out, rr.String())
	}
	return out
}

func TestAnswer(t *testing.T) {
	d := example()
	ask := func(name string, qt wire.Type) []*wire.RRset {
		l := d.Answer(wire.Question{Name: wire.MustParseName(name), Type: qt, Class: wire.ClassIN})
		if l == nil {
			return nil
		}
		return append(l.Answer, l.Additional...)
	}
	sets := ask("_dns.resolver.arpa", wire.TypeSVCB)
	if len(sets) != 3 {
		t.Fatalf("%d sets", len(sets))
	}
	got := strings.Join(append(append(texts(t, sets[0]), texts(t, sets[1])...),
		texts(t, sets[2])...), "\n")
	want := "_dns.resolver.arpa.\t300\tIN\tSVCB\t1 dns.example.net. alpn=\"dot\" port=\"853\" " +
		"ipv4hint=\"192.0.2.1\" ipv6hint=\"2001:db8::1\"\n" +
		"_dns.resolver.arpa.\t300\tIN\tSVCB\t2 dns.example.net. alpn=\"h2,h3\" port=\"443\" " +
		"ipv4hint=\"192.0.2.1\" ipv6hint=\"2001:db8::1\" dohpath=\"/dns-query{?dns}\"\n" +
		"dns.example.net.\t300\tIN\tA\t192.0.2.1\ndns.example.net.\t300\tIN\tAAAA\t2001:db8::1"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, name := range []string{"resolver.arpa", "dns.example.net"} {
		info := ask(name, wire.TypeRESINFO)
		if len(info) != 1 {
			t.Fatalf("%s: %d sets", name, len(info))
		}
		if got := texts(t, info[0])[0]; !strings.HasSuffix(got,
			`"qnamemin" "exterr=1,6-8,22" "infourl=https://dns.example.net/about"`) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := ask("_dns.resolver.arpa", wire.TypeANY); len(got) != len(sets) {
		t.Errorf("ANY: %d sets", len(got))
	}
	for _, q := range []string{"www.example.net", "_dns.example.net"} {
		if ask(q, wire.TypeSVCB) != nil || ask(q, wire.TypeRESINFO) != nil {
			t.Errorf("%s is answered", q)
		}
	}
	d.Endpoints = nil
	if ask("_dns.resolver.arpa", wire.TypeSVCB) != nil {
		t.Error("with nothing to designate something is")
	}
}

// The options are read back by hand, as the figures of RFC 9463 draw them.
func TestDNR(t *testing.T) {
	d := example()
	name := "\x03dns\x07example\x03net\x00"
	dot := "\x00\x01\x00\x04\x03dot\x00\x03\x00\x02\x03\x55"
	doh := "\x00\x01\x00\x06\x02h2\x02h3\x00\x03\x00\x02\x01\xbb\x00\x07\x00\x10/dns-query{?dns}"
	v6 := "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
	v4 := "\xc0\x00\x02\x01"
	check := func(what string, got []byte, want string) {
		t.Helper()
		if !bytes.Equal(got, []byte(want)) {
			t.Errorf("%s: got\n%swant\n%s", what, hex.Dump(got), hex.Dump([]byte(want)))
		}
	}
	four, err := d.DHCPv4()
	if err != nil {
		t.Fatal(err)
	}
	one := "\x00\x01" + string(rune(len(name))) + name + "\x04" + v4 + dot
	two := "\x00\x02" + string(rune(len(name))) + name + "\x04" + v4 + doh
	check("DHCPv4", four, "\x00"+string(rune(len(one)))+one+"\x00"+string(rune(len(two)))+two)
	six, err := d.DHCPv6()
	if err != nil || len(six) != 2 {
		t.Fatal(six, err)
	}
	check("DHCPv6", six[1], "\x00\x02\x00"+string(rune(len(name)))+name+"\x00\x10"+v6+doh)
	ra, err := d.RA(30 * time.Minute)
	if err != nil || len(ra) != 2 {
		t.Fatal(ra, err)
	}
	want := "\x00\x01\x00\x00\x07\x08\x00" + string(rune(len(name))) + name + "\x00\x10" + v6 +
		"\x00" + string(rune(len(dot))) + dot
	whole := append([]byte{144, byte((len(want) + 2 + 7) / 8)}, want...)
	for len(whole)%8 != 0 {
		whole = append(whole, 0)
	}
	check("RA", ra[0], string(whole))

	for what, change := range map[string]func(){
		"no name":     func() { d.Name = wire.Name{} },
		"no address":  func() { d.Endpoints[0].Addrs = nil },
		"no endpoint": func() { d.Endpoints = nil },
	} {
		d = example()
		change()
		_, err4 := d.DHCPv4()
		_, err6 := d.DHCPv6()
		_, errRA := d.RA(time.Minute)
		if err4 == nil || err6 == nil || errRA == nil {
			t.Errorf("%s: %v, %v, %v", what, err4, err6, errRA)
		}
	}
}
