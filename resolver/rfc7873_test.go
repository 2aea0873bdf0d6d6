package resolver_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// cookieOf returns a query's COOKIE option, in hexadecimal, or "".
func cookieOf(q *dns.Msg) string {
	opt := q.IsEdns0()
	if opt == nil {
		return ""
	}
	for _, o := range opt.Option {
		if c, ok := o.(*dns.EDNS0_COOKIE); ok {
			return c.Cookie
		}
	}
	return ""
}

const (
	serverCookie  = "00112233445566778899aabbccddeeff"
	foreignCookie = "deadbeefdeadbeef" + serverCookie
)

// withCookie adds a COOKIE option to a reply.
func withCookie(m *dns.Msg, cookie string) *dns.Msg {
	if m.IsEdns0() == nil {
		m.SetEdns0(1232, true)
	}
	opt := m.IsEdns0()
	opt.Option = append(opt.Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie})
	return m
}

// forged is a reply with an address of the attacker's.
func forged(q lab.Incoming) *dns.Msg {
	m := q.Honest()
	m.Answer = []dns.RR{rr(q.Question().Name + " 60 A 203.0.113.66")}
	return m
}

// returnsCookies is a server that handles cookies correctly.
func returnsCookies(q lab.Incoming) (lab.Reply, bool) {
	m := q.Honest()
	if c := cookieOf(q.Query); c != "" {
		withCookie(m, c[:16]+serverCookie)
	}
	return lab.Messages(m), true
}

// expectAddress resolves a name that has to have the zone's address. Scripts may change afterwards.
func expectAddress(t *testing.T, in *internet, name string) {
	t.Helper()
	a := in.resolve(name, wire.TypeA)
	if a.RCode != noError || len(a.Sets) != 1 || a.Sets[0].Data.First()[0] != 192 {
		t.Errorf("%s: %s %v %v\n%s", name, a.RCode, a.Sets, a.Failure, in.transcript())
	}
	synctest.Wait() // tries that were given up have ended
}

// A reply over UDP that has another client cookie is ignored, and the right one accepted (RFC 7873,
// section 5.3).
func TestRFC7873ForeignCookieIsPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
			return lab.Messages(withCookie(forged(q), foreignCookie),
				withCookie(q.Honest(), cookieOf(q.Query)[:16]+serverCookie)), true
		}), nil)
		expectAddress(t, in, "somename.odd.example.")
		if asked := in.transcript(); strings.Contains(asked, "TCP") {
			t.Errorf("asked\n%s", asked)
		}
	})
}

// A reply without a cookie of a server that is known to send them is ignored as well.
func TestRFC7873MissingCookieIsPassedOverWhereItIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := returnsCookies
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) { return script(q) }),
			nil)
		expectAddress(t, in, "firstname.odd.example.")
		script = func(q lab.Incoming) (lab.Reply, bool) {
			r, _ := returnsCookies(q)
			r.Packets = append(lab.Messages(forged(q)).Packets, r.Packets...)
			return r, true
		}
		in.transcript()
		expectAddress(t, in, "somename.odd.example.")
		if asked := in.transcript(); strings.Contains(asked, "TCP") {
			t.Errorf("asked\n%s", asked)
		}
	})
}

// If that was not a forgery, but the server has begun to send no cookie, or always another, it is
// asked over TCP after the timeout. There a cookie protects nothing: the reply is accepted, against
// the letter of section 5.3, and the server gets no more cookies.
func TestRFC7873ServerWithoutCookiesIsHeardOverTCP(t *testing.T) {
	for name, change := range map[string]func(*dns.Msg) *dns.Msg{
		"none":    func(m *dns.Msg) *dns.Msg { return m },
		"another": func(m *dns.Msg) *dns.Msg { return withCookie(m, foreignCookie) },
		"short":   func(m *dns.Msg) *dns.Msg { return withCookie(m, "00112233") },
	} {
		for _, known := range []bool{true, name == "none"} {
			synctest.Test(t, func(t *testing.T) {
				script, cookies := returnsCookies, 0
				in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
					if cookieOf(q.Query) != "" {
						cookies++
					}
					return script(q)
				}), nil)
				if known {
					expectAddress(t, in, "firstname.odd.example.")
				}
				script = func(q lab.Incoming) (lab.Reply, bool) {
					if cookieOf(q.Query) == "" {
						return lab.Reply{}, false
					}
					return lab.Messages(change(q.Honest())), true
				}
				in.transcript()
				began := time.Now()
				expectAddress(t, in, "somename.odd.example.")
				took := time.Since(began)
				if took > 400*time.Millisecond || !strings.Contains(in.transcript(), "TCP") {
					t.Errorf("%s: took %v", name, took)
				}
				cookies = 0
				began = time.Now()
				expectAddress(t, in, "another.odd.example.")
				if took = time.Since(began); took > 0 || cookies > 0 {
					t.Errorf("%s: the next took %v, %d cookies", name, took, cookies)
				}
			})
		}
	}
}

// A server that is silent to questions with a cookie is asked without, unless it has ever returned
// one, and after a few names at the first try.
func TestRFC7873SilenceToCookies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
			return lab.Reply{}, cookieOf(q.Query) != ""
		}), nil)
		for i := range 5 {
			expectAddress(t, in, fmt.Sprintf("somename%d.odd.example.", i))
		}
		in.transcript()
		began := time.Now()
		expectAddress(t, in, "another.odd.example.")
		if took := time.Since(began); took > 0 {
			t.Errorf("took %v\n%s", took, in.transcript())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		script, without := returnsCookies, 0
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
			if cookieOf(q.Query) == "" && !q.TCP {
				without++
			}
			return script(q)
		}), nil)
		expectAddress(t, in, "firstname.odd.example.")
		script = silence
		in.resolve("somename.odd.example.", wire.TypeA)
		synctest.Wait()
		if without > 0 {
			t.Errorf("asked %d times without cookie after silence", without)
		}
	})
}

// A server that does not know the option has to pass over it (RFC 6891, section 6.1.2). One that
// answers it with an error, or denies the name, is asked again without, and after two names it is
// not sent cookies any more.
func TestRFC7873ErrorToCookies(t *testing.T) {
	for _, rcode := range []int{dns.RcodeServerFailure, dns.RcodeRefused, dns.RcodeNameError} {
		synctest.Test(t, func(t *testing.T) {
			cookies, asked := 0, 0
			in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
				if asked++; cookieOf(q.Query) == "" {
					return lab.Reply{}, false
				}
				cookies++
				return lab.Messages(new(dns.Msg).SetRcode(q.Query, rcode)), true
			}), nil)
			for i, name := range []string{"firstname", "secondname", "thirdname", "fourthname"} {
				cookies, asked = 0, 0
				expectAddress(t, in, name+".odd.example.")
				if i >= 2 && (cookies > 0 || asked > 1) {
					t.Errorf("%s, %s: %d questions, %d cookies", dns.RcodeToString[rcode], name,
						asked, cookies)
				}
			}
		})
	}
}

// A server that knows EDNS begins to deny names, or to fail, where the query has a cookie, and
// leaves out the OPT record then: what stands before it may be new. It is asked again without the
// cookie, and after two names at the first try. A denial with OPT is not asked for twice.
func TestRFC7873ErrorToCookiesLater(t *testing.T) {
	for _, rcode := range []int{dns.RcodeServerFailure, dns.RcodeRefused, dns.RcodeNameError} {
		synctest.Test(t, func(t *testing.T) {
			began, keeps, asked := false, false, 0
			in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
				if asked++; !began || cookieOf(q.Query) == "" {
					return lab.Reply{}, false
				}
				m := new(dns.Msg).SetRcode(q.Query, rcode)
				if keeps {
					m.SetEdns0(1232, false)
				}
				return lab.Messages(m), true
			}), nil)
			for i := range 3 {
				expectAddress(t, in, fmt.Sprintf("first%d.odd.example.", i))
			}
			began, keeps, asked = true, true, 0
			in.resolve("denied.odd.example.", wire.TypeA)
			if asked != 1 {
				t.Errorf("%s with OPT: asked %d times", dns.RcodeToString[rcode], asked)
			}
			time.Sleep(time.Minute)
			keeps = false
			for i := range 3 {
				asked = 0
				expectAddress(t, in, fmt.Sprintf("later%d.odd.example.", i))
			}
			if asked != 1 {
				t.Errorf("%s: asked %d times when it is known", dns.RcodeToString[rcode], asked)
			}
		})
	}
}

// known resolves two names, and returns the cookies that the server got with the second.
func (c *cookieWorld) known(in *internet) (client, server string) {
	c.t.Helper()
	for range 2 {
		c.names++
		expectAddress(c.t, in, fmt.Sprintf("name%d.odd.example.", c.names))
	}
	return c.last[:16], c.last[16:]
}

// cookieWorld is an internet with a server that handles cookies, and remembers the last one.
type cookieWorld struct {
	t     *testing.T
	in    *internet
	clk   *clock.Fake
	last  string
	names int
}

func newCookieWorld(t *testing.T) *cookieWorld {
	c := &cookieWorld{t: t, clk: clock.NewFake(time.Now())}
	c.in = newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) {
		c.last = cookieOf(q.Query)
		return returnsCookies(q)
	}), nil)
	c.in.parts.Clock = c.clk
	c.in = c.in.withMemory(cache.DefaultMemory)
	return c
}

// After a restart the first question to a server carries its cookie, and ours: the secret of ours
// is saved with what is known of servers. Their cookies were of no use without it.
func TestRFC7873CookiesOutliveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCookieWorld(t)
		c.in.r.SetNetwork("192.0.2.1")
		client, server := c.known(c.in)
		if server != serverCookie {
			t.Fatalf("the server got %s %s", client, server)
		}
		var file bytes.Buffer
		if err := c.in.r.Save(&file); err != nil {
			t.Fatal(err)
		}
		restart := func(network string) string {
			t.Helper()
			after := c.in.withMemory(cache.DefaultMemory)
			after.r.SetNetwork(network)
			if _, err := after.r.Restore(t.Context(), bytes.NewReader(file.Bytes())); err != nil {
				t.Fatal(err)
			}
			c.names++
			expectAddress(t, after, fmt.Sprintf("name%d.odd.example.", c.names))
			return c.last
		}
		if got := restart("192.0.2.1"); got != client+server {
			t.Errorf("after a restart the server got %s", got)
		}
		if got := restart("198.51.100.1"); len(got) != 16 || got == client {
			t.Errorf("in another network the server got %s", got)
		}
		c.clk.Advance(25 * time.Hour)
		if got := restart("192.0.2.1"); len(got) != 16 || got == client {
			t.Errorf("a day later the server got %s", got)
		}
	})
}

// In another network servers get another cookie of ours, without their own, so that they do not
// recognise us (RFC 9018, section 3).
func TestRFC9018AnotherNetworkAnotherCookie(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCookieWorld(t)
		c.in.r.SetNetwork("192.0.2.1")
		home, _ := c.known(c.in)
		c.in.r.SetNetwork("198.51.100.1")
		c.names++
		expectAddress(t, c.in, fmt.Sprintf("name%d.odd.example.", c.names))
		if len(c.last) != 16 || c.last == home {
			t.Errorf("in another network the server gets %s after %s", c.last, home)
		}
		away, server := c.known(c.in)
		if away == home || server != serverCookie {
			t.Errorf("then it gets %s %s", away, server)
		}
		c.in.r.SetNetwork("198.51.100.1")
		if again, server := c.known(c.in); again != away || server != serverCookie {
			t.Errorf("in the same network it gets %s %s", again, server)
		}
	})
}

// The secret of our cookies is another one each day.
func TestRFC7873ClientSecretOfADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCookieWorld(t)
		first, _ := c.known(c.in)
		c.clk.Advance(23 * time.Hour)
		if same, server := c.known(c.in); same != first || server != serverCookie {
			t.Errorf("within a day %s becomes %s %s", first, same, server)
		}
		c.clk.Advance(time.Hour)
		c.names++
		expectAddress(t, c.in, fmt.Sprintf("name%d.odd.example.", c.names))
		if len(c.last) != 16 || c.last == first {
			t.Errorf("a day later the server gets %s", c.last)
		}
		if next, server := c.known(c.in); next == first || server != serverCookie {
			t.Errorf("then it gets %s %s", next, server)
		}
	})
}
