package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"bailiwick/internal/lab/testtime"
	"bailiwick/wire"
)

var question = wire.AppendQuery(nil, 0x1234, 0, []byte("\x03WwW\x07example\x00"), wire.TypeA, 0,
	false, nil)

// answerTo returns a minimal reply to a query, altered by change.
func answerTo(query []byte, change func([]byte)) []byte {
	r := append([]byte(nil), query...)
	r[2] |= 0x80
	if change != nil {
		change(r)
	}
	return r
}

func TestRFC5452Matches(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func([]byte)
		want   Match
	}{
		{"the reply", nil, MatchReply},
		{"a query", func(b []byte) { b[2] &= 0x7F }, MatchNone},
		{"another ID", func(b []byte) { b[0]++ }, MatchMiss},
		{"another opcode", func(b []byte) { b[2] |= 0x10 }, MatchMiss},
		{"another name", func(b []byte) { b[13] = 'x' }, MatchMiss},
		{"another letter case", func(b []byte) { b[13] = 'w' }, MatchCase},
		{"another type", func(b []byte) { b[len(b)-3] = 2 }, MatchMiss},
		{"another class", func(b []byte) { b[len(b)-1] = 3 }, MatchMiss},
		{"two questions", func(b []byte) { b[5] = 2 }, MatchMiss},
		{"no question, NOERROR", func(b []byte) { b[5] = 0 }, MatchMiss},
		{"no question, FORMERR", func(b []byte) { b[5], b[3] = 0, 1 }, MatchReply},
	} {
		if got := Matches(question, answerTo(question, c.change)); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
	if got := Matches(question, []byte{1, 2, 3}); got != MatchGarbage {
		t.Errorf("three octets: got %d", got)
	}
}

// udpServer answers each query with the packets that respond makes.
func udpServer(t *testing.T, respond func(query []byte) [][]byte) netip.AddrPort {
	t.Helper()
	return udpServerFrom(t, func(q []byte, _ netip.AddrPort) [][]byte { return respond(q) })
}

// udpServerFrom is a udpServer whose respond sees the client's address.
func udpServerFrom(t *testing.T, respond func(query []byte,
	from netip.AddrPort) [][]byte) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			for _, p := range respond(buf[:n], from) {
				_, _ = c.WriteToUDPAddrPort(p, from)
			}
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

func TestExchangeUDP(t *testing.T) {
	wrong := func(q []byte) []byte { return answerTo(q, func(b []byte) { b[0]++ }) }
	for _, c := range []struct {
		name    string
		respond func([]byte) [][]byte
		want    error
	}{
		{"a reply", func(q []byte) [][]byte { return [][]byte{answerTo(q, nil)} }, nil},
		{"garbage before the reply", func(q []byte) [][]byte {
			return [][]byte{{1, 2, 3}, wrong(q),
				wrong(q), answerTo(q, nil)}
		}, nil},
		{"too many near misses", func(q []byte) [][]byte {
			return [][]byte{wrong(q), wrong(q),
				wrong(q), answerTo(q, nil)}
		}, ErrSpoofed},
		{"letter case lost", func(q []byte) [][]byte {
			return [][]byte{answerTo(q,
				func(b []byte) { b[13] = 'w' })}
		}, ErrCase},
		{"silence", func([]byte) [][]byte { return nil }, ErrTimeout},
	} {
		at, patience := udpServer(t, c.respond), testtime.Patience
		if c.want == ErrTimeout {
			patience = 300 * time.Millisecond
		}
		_, err := exchanger(t).Exchange(context.Background(),
			Request{Server: at, Query: question, Timeout: patience})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestExchangeUnreachable(t *testing.T) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	at := c.LocalAddr().(*net.UDPAddr).AddrPort()
	c.Close()
	for _, via := range []Protocol{UDP, TCP} {
		_, err := exchanger(t).Exchange(context.Background(),
			Request{Server: at, Via: via, Query: question, Timeout: testtime.Patience})
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("%v: got %v, want %v", via, err, ErrUnreachable)
		}
	}
}

// A listener at all addresses answers from the address that was asked, over IPv4 and IPv6: the
// exchange accepts no other.
func TestUDPWildcard(t *testing.T) {
	for _, c := range []struct{ listen, ask string }{{"0.0.0.0:0", "127.0.0.1"},
		{"0.0.0.0:0", "127.8.8.8"}, {"[::]:0", "::1"}} {
		l, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort(c.listen), Sockets: 1})
		if err != nil {
			if c.ask == "::1" {
				t.Logf("no IPv6 here: %v", err)
				continue
			}
			t.Fatal(err)
		}
		l.Start(&echo{})
		for _, q := range [][]byte{query("serve"), query("fast")} {
			at := netip.AddrPortFrom(netip.MustParseAddr(c.ask), l.Addr().Port())
			if _, err := exchanger(t).Exchange(context.Background(),
				Request{Server: at, Query: q, Timeout: testtime.Patience}); err != nil {
				t.Errorf("%v, query %q: %v", at, q, err)
			}
		}
		l.Close()
	}
}

func TestUDPListener(t *testing.T) {
	l, err := Listen(UDP, Spec{Addr: netip.MustParseAddrPort("127.0.0.1:0"), Sockets: 2})
	if err != nil {
		t.Fatal(err)
	}
	l.Start(&echo{})
	defer l.Close()
	for _, q := range [][]byte{query("serve"), query("fast")} {
		if _, err := exchanger(t).Exchange(context.Background(),
			Request{Server: l.Addr(), Query: q, Timeout: testtime.Patience}); err != nil {
			t.Errorf("query %q: %v", q, err)
		}
	}
}
