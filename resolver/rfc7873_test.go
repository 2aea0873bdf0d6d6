package resolver_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

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
