// Queries with a cookie and no question (RFC 7873, section 5.4), and errors that repeat theirs.

package server_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/transport"
)

// put sends a message as it is, and returns the response.
func (f *front) put(q *dns.Msg) *dns.Msg {
	f.t.Helper()
	packet, err := q.Pack()
	if err != nil {
		f.t.Fatal(err)
	}
	c := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
	reply, pending := f.Handle(packet, c, make([]byte, 0, 4096))
	if pending != nil || reply == nil {
		f.t.Fatal("no response at once")
	}
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil {
		f.t.Fatal(err)
	}
	return m
}

// bare is a query without a question, with options.
func bare(options ...dns.EDNS0) *dns.Msg {
	q := new(dns.Msg)
	q.Id, q.RecursionDesired = 7, true
	edns(false, options...)(q)
	return q
}

// A client learns a server cookie without asking for a name, and renews one so (RFC 7873, section
// 5.4). BADCOOKIE tells it that the one it had is not valid any more. Without a cookie there is no
// such query, nor with a malformed one.
func TestRFC7873AQueryWithoutAQuestionGetsACookie(t *testing.T) {
	f := newFront(t, nil)
	cookie := func(hex string) dns.EDNS0 {
		return &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: hex}
	}
	own := ""
	for _, c := range []struct {
		sent  string
		rcode int
	}{
		{"0123456789abcdef", dns.RcodeSuccess},
		{"renewed", dns.RcodeSuccess},
		{"0123456789abcdef0100000000000000aaaaaaaaaaaaaaaa", dns.RcodeBadCookie},
		{"0123456789abcdef0100000000000000", dns.RcodeBadCookie},
	} {
		sent := c.sent
		if sent == "renewed" {
			sent = own
		}
		m := f.put(bare(cookie(sent)))
		if m.Rcode != c.rcode || len(m.Question)+len(m.Answer)+len(m.Ns) > 0 ||
			m.IsEdns0() == nil || len(m.IsEdns0().Option) != 1 {
			t.Fatalf("%s: %v", sent, m)
		}
		own = m.IsEdns0().Option[0].(*dns.EDNS0_COOKIE).Cookie
		if len(own) != 48 || !strings.HasPrefix(own, "0123456789abcdef01000000") {
			t.Errorf("%s: the cookie is %s", sent, own)
		}
	}
	two := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA)
	two.Question = append(two.Question, two.Question[0])
	edns(false, cookie("0123456789abcdef"))(two)
	for name, q := range map[string]*dns.Msg{"without a cookie": bare(),
		"with another option":     bare(&dns.EDNS0_NSID{Code: dns.EDNS0NSID}),
		"with a malformed cookie": bare(cookie("0123456789")), "two questions": two} {
		m := f.put(q)
		if m.Rcode != dns.RcodeFormatError {
			t.Errorf("%s: %v", name, m)
		}
		// Of two questions nothing behind them is read.
		if opt := m.IsEdns0(); opt == nil && name != "two questions" {
			t.Errorf("%s: no OPT record (RFC 6891, section 6.1.1)", name)
		}
	}
}

// An error has the question of its query, as clients pass over replies without it (RFC 5452,
// section 9.1): Go's resolver and glibc would wait, and ask again. Nothing is repeated of a message
// that is malformed.
func TestRFC5452ErrorsRepeatTheQuestion(t *testing.T) {
	f := newFront(t, nil)
	ask := func(qtype uint16, change func(*dns.Msg)) *dns.Msg {
		q := new(dns.Msg).SetQuestion("wWw.secure.example.", qtype)
		change(q)
		return q
	}
	for _, c := range []struct {
		name     string
		query    *dns.Msg
		repeated int
	}{
		{"a type that is not of data", ask(dns.TypeTSIG, edns(true)), 1},
		{"a malformed cookie", ask(dns.TypeA, edns(false, &dns.EDNS0_COOKIE{
			Code: dns.EDNS0COOKIE, Cookie: "0123456789"})), 1},
		{"a record in the answer section", ask(dns.TypeA, func(q *dns.Msg) {
			q.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: "a.", Rrtype: dns.TypeA,
				Class: dns.ClassINET}, A: []byte{1, 2, 3, 4}}}
		}), 0},
		{"two OPT records", ask(dns.TypeA, func(q *dns.Msg) {
			edns(true)(q)
			q.Extra = append(q.Extra, q.Extra[0])
		}), 0},
	} {
		m := f.put(c.query)
		if m.Rcode != dns.RcodeFormatError || len(m.Question) != c.repeated ||
			c.repeated > 0 && m.Question[0] != c.query.Question[0] {
			t.Errorf("%s: %v", c.name, m)
		}
	}
}
