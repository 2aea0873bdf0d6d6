// EDNS options in queries: with any of them a client still gets the prepared answer.

package server_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/server"
	"bailiwick/transport"
)

// options are options of clients, by name, and what the response's OPT record has for each.
var options = []struct {
	name   string
	option dns.EDNS0
	want   string // options of the response, as they are printed
}{
	{"a client cookie", &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"},
		"COOKIE: 0123456789abcdef01000000"},
	{"somebody's cookie", &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE,
		Cookie: "0123456789abcdef0100000000000000aaaaaaaaaaaaaaaa"},
		"COOKIE: 0123456789abcdef01000000"},
	{"NSID", &dns.EDNS0_NSID{Code: dns.EDNS0NSID}, "NSID: 6f6e65"},
	{"a subnet", &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24,
		Address: netip.MustParseAddr("192.0.2.0").AsSlice()}, ""},
	{"an Extended DNS Error", &dns.EDNS0_EDE{InfoCode: 22, ExtraText: "beforehand"}, ""},
	{"padding", &dns.EDNS0_PADDING{Padding: make([]byte, 20)}, ""},
	{"keepalive", &dns.EDNS0_TCP_KEEPALIVE{Code: dns.EDNS0TCPKEEPALIVE}, ""},
	{"expire", &dns.EDNS0_EXPIRE{Code: dns.EDNS0EXPIRE, Empty: true}, ""},
	{"algorithms", &dns.EDNS0_DAU{Code: dns.EDNS0DAU, AlgCode: []uint8{8, 13}}, ""},
	{"CHAIN (RFC 7901)", &dns.EDNS0_LOCAL{Code: 13, Data: []byte{0}}, ""},
	{"key tags (RFC 8145)", &dns.EDNS0_LOCAL{Code: 14, Data: []byte{0x4f, 0x66}}, ""},
	{"a zone version (RFC 9660)", &dns.EDNS0_LOCAL{Code: 19}, ""},
	{"nobody knows what", &dns.EDNS0_LOCAL{Code: 65001, Data: []byte("?")}, ""},
}

// A query with any option gets the prepared answer, without allocations; an unknown option is
// ignored (RFC 6891, section 6.1.2).
func TestRFC6891OptionsLeaveTheAnswerPrepared(t *testing.T) {
	f := newFront(t, nil)
	client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
	for range 3 {
		f.ask("www.secure.example.", dns.TypeA, edns(true))
	}
	want := f.ask("www.secure.example.", dns.TypeA, edns(true))
	for _, o := range options {
		q := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA)
		edns(true, o.option)(q)
		packet, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if !f.Prepared(packet, client) {
			t.Errorf("%s: not prepared", o.name)
		}
		hits := f.seen.hits
		got := f.ask("www.secure.example.", dns.TypeA, edns(true, o.option))
		if texts(got.Answer) != texts(want.Answer) || !got.AuthenticatedData ||
			f.seen.hits != hits+1 {
			t.Errorf("%s: got\n%v", o.name, got)
		}
		var said []string
		for _, x := range got.IsEdns0().Option {
			said = append(said, x.String())
		}
		printed := got.IsEdns0().String()
		if o.want == "" && len(said) > 0 || !strings.Contains(printed, o.want) {
			t.Errorf("%s: the answer's options are %q", o.name, said)
		}
		buf := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(100, func() { f.Handle(packet, client, buf) }); n != 0 {
			t.Errorf("%s: %v allocations", o.name, n)
		}
	}
}

// All options together take room in the response: it never exceeds the client's size.
func TestRFC6891OptionsCountInTheAnswersSize(t *testing.T) {
	f := newFront(t, func(c *server.Config) { c.NSID = make([]byte, 100) })
	for size := uint16(512); size < 1232; size += 9 {
		q := new(dns.Msg).SetQuestion("no.nsec3.example.", dns.TypeA)
		q.SetEdns0(size, true)
		for _, o := range options {
			q.IsEdns0().Option = append(q.IsEdns0().Option, o.option)
		}
		packet, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // resolved, from the cache, prepared
			reply := f.exchange(packet, "127.0.0.1:1000", transport.UDP)
			if len(reply) > int(size) {
				t.Errorf("%d octets for a client that takes %d", len(reply), size)
			}
		}
	}
}

// A malformed cookie gets FORMERR even if the answer is prepared (RFC 7873, section 5.2.2).
func TestRFC7873MalformedCookieHasNoPreparedAnswer(t *testing.T) {
	f := newFront(t, nil)
	for range 3 {
		f.ask("www.secure.example.", dns.TypeA, edns(true))
	}
	for range 2 {
		m := f.ask("www.secure.example.", dns.TypeA,
			edns(true, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102"}))
		if m.Rcode != dns.RcodeFormatError || len(m.Answer) > 0 {
			t.Errorf("got\n%v", m)
		}
	}
}

// Of several cookies the first is used (RFC 7873, section 5).
func TestRFC7873FirstCookieCounts(t *testing.T) {
	f := newFront(t, nil)
	for range 3 {
		m := f.ask("www.secure.example.", dns.TypeA, edns(true,
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"},
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "ffffffffffffffff"}))
		var cookies []string
		for _, o := range m.IsEdns0().Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				cookies = append(cookies, c.Cookie[:16])
			}
		}
		if len(cookies) != 1 || cookies[0] != "0123456789abcdef" {
			t.Errorf("got %q", cookies)
		}
	}
}

// The same number of queries is counted, and of lines logged, with and without a cookie.
func TestCookieChangesNothingOfCountsAndLines(t *testing.T) {
	var lines, counted [2]int
	for i, change := range []func(*dns.Msg){nil,
		edns(false, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"})} {
		f, seen, log := newLoggingFront(t, -4)
		for range 10 {
			f.ask("www.expired.faulty.", dns.TypeA, change)
			f.ask("www.secure.example.", dns.TypeA, change)
		}
		for _, msg := range []string{"query", `"answer hit"`, "servfail", "policy"} {
			lines[i] += strings.Count(log.String(), "msg="+msg+" ")
		}
		counted[i] = int(seen.queries.Load())
		if seen.hits != 16 || len(seen.causes) != 10 {
			t.Errorf("%d hits, %d failures", seen.hits, len(seen.causes))
		}
	}
	if lines[0] != lines[1] || counted[0] != counted[1] || counted[0] != 20 {
		t.Errorf("%v lines, %v queries, without and with", lines, counted)
	}
}
