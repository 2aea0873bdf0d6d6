// When answers end: after their TTLs, and secure ones by the time of day at which their signatures
// end (RFC 4035, section 5.3.3). The lab signs for 30 days. Its TTLs are 300 s, and 60 s for
// denials.

package server_test

import (
	"encoding/binary"
	"encoding/hex"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/resolver"
)

// dayQuestions has a question for each way in which an answer is cached.
var dayQuestions = []struct {
	what   string
	name   string
	qtype  uint16
	life   uint32
	secure bool
}{
	{"data", "www.secure.example.", dns.TypeA, 300, true},
	{"data from a wildcard", "x.wild.secure.example.", dns.TypeA, 60, true},
	{"an alias", "alias.secure.example.", dns.TypeA, 300, true},
	{"an alias made from a DNAME", "leaf.tree.secure.example.", dns.TypeA, 300, true},
	{"a zone's keys", "secure.example.", dns.TypeDNSKEY, 300, true},
	{"a delegation's DS", "secure.example.", dns.TypeDS, 300, true},
	{"no such type", "www.secure.example.", dns.TypeTXT, 60, true},
	{"no such name", "gone.secure.example.", dns.TypeA, 60, true},
	{"no such name, by NSEC3", "gone.nsec3.example.", dns.TypeA, 60, true},
	{"no such type, by NSEC3", "www.nsec3.example.", dns.TypeTXT, 60, true},
	{"no DS", "unsigned.example.", dns.TypeDS, 60, true},
	{"unsigned data", "www.unsigned.example.", dns.TypeA, 300, false},
	{"an unsigned denial", "gone.unsigned.example.", dns.TypeA, 60, false},
}

// leastTTL returns the shortest TTL of an answer, for which it may be kept.
func leastTTL(m *dns.Msg) uint32 {
	ttl := ^uint32(0)
	for _, s := range [][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range s {
			ttl = min(ttl, rr.Header().Ttl)
		}
	}
	return ttl
}

// askedThrice asks until the answer is prepared, with and without DO.
func (f *front) askedThrice(name string, qtype uint16) {
	f.t.Helper()
	for range 3 {
		for _, do := range []bool{false, true} {
			if m := f.ask(name, qtype, edns(do)); m.Rcode == dns.RcodeServerFailure {
				f.t.Fatalf("%s: %v", name, m)
			}
		}
	}
}

func TestAClockThatIsSetBackMakesNothingLiveOn(t *testing.T) {
	for _, q := range dayQuestions {
		for _, by := range []time.Duration{-50 * 24 * time.Hour, -time.Hour, -time.Second,
			time.Second,
			time.Hour, 20 * 24 * time.Hour} {
			f := newFront(t, nil)
			f.askedThrice(q.name, q.qtype)
			f.clock.Step(by)
			f.clock.Advance(20 * time.Second)
			for _, do := range []bool{false, true} {
				if m := f.ask(q.name, q.qtype, edns(do)); leastTTL(m) != q.life-20 {
					t.Errorf("%s, set by %v, DO %v: after 20 s of %d the TTL is %d", q.what, by, do,
						q.life,
						leastTTL(m))
				}
			}
			f.clock.Step(-by) // so that fetched data are valid again
			f.clock.Advance(time.Duration(q.life-20) * time.Second)
			for _, do := range []bool{false, true} {
				if m := f.ask(q.name, q.qtype, edns(do)); leastTTL(m) != q.life {
					t.Errorf("%s, set by %v, DO %v: after %d s the TTL is %d", q.what, by, do,
						q.life, leastTTL(m))
				}
			}
		}
	}
}

func TestRFC4035SecureDataEndWithTheirSignatures(t *testing.T) {
	for _, aggressive := range []bool{true, false} {
		for _, q := range dayQuestions {
			f := newFrontWith(t, nil, func(c *resolver.Config) { c.AggressiveNSEC = aggressive })
			f.askedThrice(q.name, q.qtype)

			// The time of day is set to 40 s before the signatures end: no TTL is longer than that.
			f.clock.Step(30*24*time.Hour - 40*time.Second)
			want := q.life
			if q.secure {
				want = 40
			}
			for range 3 {
				for _, do := range []bool{false, true} {
					if m := f.ask(q.name, q.qtype, edns(do)); leastTTL(m) != want {
						t.Errorf("%s: 40 s before its signatures end, DO %v: TTL %d, want %d\n%v",
							q.what, do,
							leastTTL(m), want, m)
					}
				}
			}

			// Then it is set beyond: the lab still serves data whose signatures have ended; data
			// without signatures are still cached.
			f.clock.Step(41 * time.Second) // at 40 they are valid for the last second
			for _, do := range []bool{false, true} {
				switch m := f.ask(q.name, q.qtype, edns(do)); {
				case q.secure && (m.Rcode != dns.RcodeServerFailure || m.AuthenticatedData):
					t.Errorf("%s is served although its signatures have ended, DO %v:\n%v", q.what,
						do, m)
				case !q.secure && leastTTL(m) != q.life:
					t.Errorf("%s: TTL %d, although nothing of it has ended", q.what, leastTTL(m))
				}
			}
		}
	}
}

// Ended records do not deny other names, neither from the list of denials nor as a span's prepared
// answer (RFC 8198, section 5.4).
func TestRFC8198DenialsEndWithTheirSignatures(t *testing.T) {
	for _, zone := range []string{"secure.example.", "nsec3.example."} {
		f := newFront(t, nil)
		for _, n := range []string{"gone", "gone0", "gone1", "gone2"} {
			f.askedThrice(n+"."+zone, dns.TypeA)
		}
		f.clock.Step(30*24*time.Hour + time.Second)
		for _, n := range []string{"gone1", "gone2", "gone3"} {
			if m := f.ask(n+"."+zone, dns.TypeA, edns(true)); m.Rcode != dns.RcodeServerFailure {
				t.Errorf("%s%s is denied by what has ended:\n%v", n, zone, m)
			}
		}
	}
}

// cookieTime returns when a server cookie was made.
func cookieTime(t *testing.T, hexadecimal string) uint32 {
	t.Helper()
	b, err := hex.DecodeString(hexadecimal)
	if err != nil || len(b) != 24 {
		t.Fatalf("cookie %s", hexadecimal)
	}
	return binary.BigEndian.Uint32(b[12:])
}

// A server cookie has the time of day: the client may send it to another server, or after a restart
// (RFC 9018, section 4.3).
func TestRFC9018CookiesAreOfTheTimeOfDay(t *testing.T) {
	f := newFront(t, nil)
	cookie := func() (at uint32) {
		m := f.ask("www.unsigned.example.", dns.TypeA,
			edns(false, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}))
		for _, o := range m.IsEdns0().Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				at = cookieTime(t, c.Cookie)
			}
		}
		return at
	}
	before := cookie()
	f.clock.Step(time.Hour)
	if got := cookie() - before; got != 3600 {
		t.Errorf("the time of day went on by an hour, the cookies' by %d s", got)
	}
}
