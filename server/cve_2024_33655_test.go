// DNSBomb (CVE-2024-33655): queries with a forged address wait for one slow answer, and their
// answers reach the victim in one pulse.
package server_test

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// arrivals records when answers are sent.
type arrivals struct {
	mu sync.Mutex
	at map[time.Time]int
	rc map[int]int
}

func (a *arrivals) take(b []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at[time.Now()]++
	a.rc[int(b[3]&15)]++
}

// densest returns how many answers were sent at the busiest moment, and sum how many in all.
func (a *arrivals) densest() (most, sum int, spread time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var first, last time.Time
	for at, n := range a.at {
		most, sum = max(most, n), sum+n
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return most, sum, last.Sub(first)
}

// flood sends n queries from one client within a time, each for a name whose servers take a second.
func flood(t *testing.T, f *front, from string, p transport.Protocol, n int, within time.Duration,
	change func(*dns.Msg)) *arrivals {
	t.Helper()
	a := &arrivals{at: map[time.Time]int{}, rc: map[int]int{}}
	c := transport.Client{Addr: netip.MustParseAddrPort(from), Protocol: p}
	for i := range n {
		q := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA)
		if change != nil {
			change(q)
		}
		packet, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		f.handle(packet, c, a.take)
		if i%10 == 9 {
			time.Sleep(within * 10 / time.Duration(n))
		}
	}
	return a
}

// slow makes every server take a second.
func slow(tr *trap) { tr.set(func(wire.Name, wire.Type) { time.Sleep(time.Second) }, func() {}) }

// Delayed answers are sent at ten a millisecond. A client that proves its address, by a cookie or a
// connection, gets all at once: nobody else can have asked in its name.
func TestCVE202433655AnswersLeaveNoDenserThanAFewAtOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		p      transport.Protocol
		cookie bool
		paced  bool
	}{
		{"UDP", transport.UDP, false, true},
		{"UDP with a cookie of ours", transport.UDP, true, false},
		{"TCP", transport.TCP, false, false},
		{"DoT", transport.DoT, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, f := newTrap(t)
				var change func(*dns.Msg)
				if c.cookie {
					change = cookieOf(f, "192.168.1.1:1000")
				}
				slow(tr)
				const n = 500
				a := flood(t, f, "192.168.1.1:1000", c.p, n, 500*time.Millisecond, change)
				time.Sleep(30 * time.Second)
				most, sum, spread := a.densest()
				if sum != n || a.rc[dns.RcodeSuccess] != n {
					t.Errorf("%d answers, %v", sum, a.rc)
				}
				if c.paced && (most > server.MaxPulse ||
					spread < n/server.MaxPulse*time.Millisecond-time.Millisecond ||
					spread > time.Second) {
					t.Errorf("%d at once, all within %v", most, spread)
				}
				if !c.paced && most != n {
					t.Errorf("%d at once of %d", most, n)
				}
			})
		})
	}
}

// A client that always sends many queries gets as many answers: only answers that pile up are
// paced.
func TestCVE202433655BusyClientsAreServedAsTheyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, f := newTrap(t)
		tr.set(func(wire.Name, wire.Type) { time.Sleep(time.Millisecond) }, func() {})
		a := &arrivals{at: map[time.Time]int{}, rc: map[int]int{}}
		c := transport.Client{Addr: netip.MustParseAddrPort("192.168.1.1:1000")}
		for i := range 2000 { // 20 names a millisecond
			packet, err := new(dns.Msg).SetQuestion(fmt.Sprintf("www%d.unsigned.example.", i),
				dns.TypeA).Pack()
			if err != nil {
				t.Fatal(err)
			}
			f.handle(packet, c, a.take)
			if i%20 == 19 {
				time.Sleep(time.Millisecond)
			}
		}
		time.Sleep(200 * time.Millisecond)
		if _, sum, _ := a.densest(); sum != 2000 {
			t.Errorf("%d answers, %v", sum, a.rc)
		}
	})
}

// A prefix has a number of places for queries whose sender may be forged, and further ones for
// clients that prove their address. A query without a place is refused at once, and others are
// served.
func TestCVE202433655MaxPerPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, f := newTrap(t)
		cookie := cookieOf(f, "192.168.1.2:1000")
		slow(tr)
		forged := flood(t, f, "192.168.1.1:1000", transport.UDP, server.MaxPerPrefix+50, 0, nil)
		if _, sum, _ := forged.densest(); sum != 50 || forged.rc[dns.RcodeServerFailure] != 50 {
			t.Errorf("%d are refused: %v", sum, forged.rc)
		}
		f.seen.mu.Lock()
		if len(f.seen.causes) != 50 || f.seen.causes[0] != cause.LimitClient {
			t.Errorf("causes %v", f.seen.causes)
		}
		f.seen.mu.Unlock()
		for _, c := range []struct {
			name, from string
			p          transport.Protocol
			change     func(*dns.Msg)
			served     bool
		}{
			{"the same prefix", "192.168.1.3:1000", transport.UDP, nil, false},
			{"a cookie of ours", "192.168.1.2:1000", transport.UDP, cookie, true},
			{"somebody else's cookie", "192.168.1.3:1000", transport.UDP, cookie, false},
			{"a connection", "192.168.1.3:1000", transport.TCP, nil, true},
			{"another prefix", "192.168.2.1:1000", transport.UDP, nil, true},
		} {
			a := flood(t, f, c.from, c.p, 1, 0, func(q *dns.Msg) {
				q.Question[0].Name = "www.unsigned.example." // the other fetch has all its waiters
				if c.change != nil {
					c.change(q)
				}
			})
			synctest.Wait()
			if _, sum, _ := a.densest(); (sum == 0) != c.served {
				t.Errorf("%s: %v", c.name, a.rc)
			}
		}
		time.Sleep(30 * time.Second) // all are answered, and their places are free
		again := flood(t, f, "192.168.1.1:1000", transport.UDP, 1, 0, nil)
		time.Sleep(30 * time.Second)
		if again.rc[dns.RcodeSuccess] != 1 {
			t.Errorf("later: %v", again.rc)
		}
	})
}

// The process has a number of places for the queries of all clients.
func TestMaxServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, f := newTrap(t)
		slow(tr)
		named := func(n int) func(*dns.Msg) {
			return func(q *dns.Msg) { q.Question[0].Name = fmt.Sprintf("n%d.unsigned.example.", n) }
		}
		for net, left := 0, server.MaxServing; left > 0; net++ {
			n := min(left, server.MaxPerPrefix)
			a := flood(t, f, fmt.Sprintf("192.168.%d.1:1000", net), transport.UDP, n, 0, named(net))
			if _, sum, _ := a.densest(); sum > 0 {
				t.Fatalf("network %d: %v", net, a.rc)
			}
			left -= n
		}
		a := flood(t, f, "192.168.200.1:1000", transport.TCP, 1, 0, named(200))
		if a.rc[dns.RcodeServerFailure] != 1 {
			t.Errorf("one more: %v", a.rc)
		}
		f.seen.mu.Lock()
		defer f.seen.mu.Unlock()
		if len(f.seen.causes) != 1 || f.seen.causes[0] != cause.Overload {
			t.Errorf("causes %v", f.seen.causes)
		}
	})
}

// cookieOf gets a cookie for a client, and returns a function that adds it to a query.
func cookieOf(f *front, from string) func(*dns.Msg) {
	f.t.Helper()
	m := f.askFrom(from, transport.UDP, "id.server.", dns.TypeTXT, func(q *dns.Msg) {
		q.Question[0].Qclass = dns.ClassCHAOS
		edns(false, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"})(q)
	})
	for _, o := range m.IsEdns0().Option {
		if c, ok := o.(*dns.EDNS0_COOKIE); ok && len(c.Cookie) == 48 {
			return edns(false, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: c.Cookie})
		}
	}
	f.t.Fatalf("no cookie in\n%v", m)
	return nil
}
