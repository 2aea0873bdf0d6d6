package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"bailiwick/internal/lab/testtime"
	"bailiwick/wire"
)

// lateServer answers the first query when it has got the next one, and reports the source ports of
// the queries.
func lateServer(t *testing.T, ports chan<- uint16) netip.AddrPort {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		buf := make([]byte, 4096)
		var late func()
		for {
			n, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			ports <- from.Port()
			reply := answerTo(buf[:n], nil)
			answer := func() { _, _ = c.WriteToUDPAddrPort(reply, from) }
			if late == nil {
				late = answer
				continue
			}
			late()
			answer()
		}
	}()
	return c.LocalAddr().(*net.UDPAddr).AddrPort()
}

// askOverUDP asks a server over UDP.
type askOverUDP = func(context.Context, *Request, time.Time) ([]byte, error)

// exchangers are the two ways to ask over UDP.
var exchangers = map[string]askOverUDP{
	"socket that is used again": newAskers(&Source{}).exchange,
	"new socket":                new(Source).exchangeDialled,
}

// With KeepOpen a question that has timed out stays open at its own port: the late reply is
// received while another question is asked.
func TestUnansweredHearsTheLateReply(t *testing.T) {
	for name, exchange := range exchangers {
		t.Run(name, func(t *testing.T) {
			ports, at, open := leftOpen(t, exchange)
			first := <-ports
			again := &Request{Server: at, Query: question, Strays: &Strays{}}
			if _, err := exchange(context.Background(), again,
				time.Now().Add(testtime.Patience)); err != nil {
				t.Errorf("the second: %v", err)
			}
			if reply, err := open.Resume(context.Background(), testtime.Patience); err != nil ||
				len(reply) == 0 {
				t.Errorf("the first: %v", err)
			}
			if second := <-ports; first == second {
				t.Errorf("both left from port %d", first)
			}
		})
	}
}

// leftOpen asks a lateServer, and returns the question that stays open when it has left. Where
// the machine is so slow that the time is over before the question has left,
// it asks another server, with more time.
func leftOpen(t *testing.T, exchange askOverUDP) (ports chan uint16, at netip.AddrPort,
	open *Unanswered) {
	t.Helper()
	for wait := 10 * time.Millisecond; wait < testtime.Patience; wait *= 10 {
		ports = make(chan uint16, 4)
		at = lateServer(t, ports)
		r := &Request{Server: at, Query: question, KeepOpen: true, Strays: &Strays{},
			Into: make([]byte, 4096)}
		_, err := exchange(context.Background(), r, time.Now().Add(wait))
		var ok bool
		if open, ok = err.(*Unanswered); !ok || !errors.Is(err, ErrTimeout) {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Second); time.Now().Before(end); {
			if len(ports) > 0 {
				return ports, at, open
			}
			time.Sleep(time.Millisecond)
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_, _ = open.Resume(ended, 0)
	}
	t.Fatal("the question never leaves")
	return nil, at, nil
}

// Resume ends at once when its context is cancelled, and returns a timeout when its wait is over.
func TestUnansweredEnds(t *testing.T) {
	for name, exchange := range exchangers {
		at := udpServer(t, func([]byte) [][]byte { return nil })
		for _, give := range []bool{true, false} {
			r := &Request{Server: at, Query: question, KeepOpen: true, Strays: &Strays{}}
			_, err := exchange(context.Background(), r, time.Now().Add(10*time.Millisecond))
			open, ok := err.(*Unanswered)
			if !ok {
				t.Fatalf("%s: %v", name, err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			wait, want := 20*time.Millisecond, ErrTimeout
			if give {
				time.AfterFunc(10*time.Millisecond, cancel)
				wait, want = testtime.Patience, context.Canceled
			}
			if _, err := open.Resume(ctx, wait); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
			cancel()
		}
	}
}

// Replies that do not match are counted over all exchanges of a question.
func TestRFC5452StraysAreShared(t *testing.T) {
	wrong := func(q []byte) []byte { return answerTo(q, func(b []byte) { b[0]++ }) }
	for name, exchange := range exchangers {
		at := udpServer(t, func(q []byte) [][]byte { return [][]byte{wrong(q), wrong(q)} })
		strays := &Strays{}
		for i, want := range []error{ErrTimeout, ErrSpoofed} {
			ctx, cancel := context.WithCancel(context.Background())
			if i == 0 { // it is over when both have come
				go func() {
					for strays.Misses() < 2 && ctx.Err() == nil {
						time.Sleep(time.Millisecond)
					}
					cancel()
				}()
			}
			r := &Request{Server: at, Query: question, Strays: strays}
			_, err := exchange(ctx, r, time.Now().Add(testtime.Patience))
			cancel()
			if !errors.Is(explain(err), want) {
				t.Fatalf("%s, exchange %d: %v, want %v", name, i, err, want)
			}
		}
	}
}

// The cookie of a reply over UDP decides whether it is accepted (RFC 7873, section 5.3).
func TestRFC7873CookieCheck(t *testing.T) {
	client := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	reply := func(flags byte, cookie ...[]byte) []byte {
		b := answerTo(question, func(b []byte) { b[2] |= flags })
		if len(cookie) == 0 {
			return b
		}
		b[11]++
		return wire.AppendOPT(b, 1232, 0, false, wire.Options{}.Append(wire.OptionCookie,
			cookie...))
	}
	for _, c := range []struct {
		name       string
		check      CookieCheck
		packet     []byte
		ok, proven bool
	}{
		{"nothing was sent", CookieCheck{}, reply(0, []byte("12345678")), true, false},
		{"none, not known to send any", CookieCheck{Sent: true, Client: client}, reply(0), true,
			false},
		{"none, known to", CookieCheck{Sent: true, Client: client, Needed: true}, reply(0), false,
			false},
		{"none, truncated", CookieCheck{Sent: true, Client: client, Needed: true}, reply(2), true,
			false},
		{"another", CookieCheck{Sent: true, Client: client}, reply(0, []byte("12345678")), false,
			false},
		{"short", CookieCheck{Sent: true, Client: client}, reply(0, client[:4]), false, false},
		{"ours", CookieCheck{Sent: true, Client: client}, reply(0, client[:]), true, true},
		{"ours and the server's", CookieCheck{Sent: true, Client: client, Needed: true},
			reply(0, client[:], make([]byte, 16)), true, true},
	} {
		if ok, proven := c.check.passes(c.packet); ok != c.ok || proven != c.proven {
			t.Errorf("%s: %v %v, want %v %v", c.name, ok, proven, c.ok, c.proven)
		}
	}
	packet, check := reply(0, client[:]), CookieCheck{Sent: true, Client: client}
	if n := testing.AllocsPerRun(100, func() { check.passes(packet) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// A process without descriptors gets ErrLocal, and can ask again as soon as there are some.
func TestErrLocalWithoutDescriptors(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Skip(err)
	}
	var heard atomic.Int32
	at := udpServer(t, func(q []byte) [][]byte { heard.Add(1); return [][]byte{answerTo(q, nil)} })
	ask := func(via Protocol) error {
		_, err := exchanger(t).Exchange(context.Background(),
			Request{Server: at, Via: via, Query: question, Timeout: time.Minute})
		return err
	}
	low := limit
	low.Cur = 3
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &low); err != nil {
		t.Skip(err)
	}
	udp, tcp := ask(UDP), ask(TCP)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(udp, ErrLocal) || !errors.Is(tcp, ErrLocal) {
		t.Errorf("without descriptors: UDP %v, TCP %v", udp, tcp)
	}
	if err := ask(UDP); err != nil || heard.Load() != 1 {
		t.Errorf("with some: %v", err)
	}
}

// Errors of system calls are classified by whose fault they are.
func TestExplain(t *testing.T) {
	for errno, want := range map[syscall.Errno]error{
		syscall.EMFILE: ErrLocal, syscall.ENFILE: ErrLocal, syscall.ENOBUFS: ErrLocal,
		syscall.ENOMEM: ErrLocal, syscall.EADDRNOTAVAIL: ErrLocal, syscall.EADDRINUSE: ErrLocal,
		syscall.EAGAIN: ErrLocal, syscall.EPERM: ErrLocal,
		syscall.ECONNREFUSED: ErrRefused, syscall.EHOSTUNREACH: ErrUnreachable,
		syscall.ENETUNREACH: ErrUnreachable, syscall.ECONNRESET: ErrRefused,
		syscall.ENETDOWN: ErrNoNetwork, syscall.ETIMEDOUT: ErrTimeout,
	} {
		if got := explain(&net.OpError{Op: "dial", Err: errno}); !errors.Is(got, want) {
			t.Errorf("%v: got %v, want %v", errno, got, want)
		} else if want != ErrTimeout && !errors.Is(got, errno) {
			t.Errorf("%v is not kept in %v", errno, got)
		}
	}
}
