// Signed queries with RD=0, CD and cookies (RFC 8945, RFC 7873).

package server_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/transport"
)

// ownCookie is a cookie of the server's, as a client has got it with a signed query.
func ownCookie(t *testing.T, f *front) string {
	t.Helper()
	m, _, err := f.signed(transport.UDP, "own.corp.", "hmac-sha256.key.", "hmac-sha256", secretOf,
		0, edns(false, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}))
	if err != nil {
		t.Fatal(err)
	}
	return cookieIn(m)
}

// cookieIn is the cookie of a response, "" if there is none.
func cookieIn(m *dns.Msg) string {
	if m.IsEdns0() != nil {
		for _, o := range m.IsEdns0().Option {
			if c, ok := o.(*dns.EDNS0_COOKIE); ok {
				return c.Cookie
			}
		}
	}
	return ""
}

// TestRFC8945TogetherWithOthers: RD=0, CD and cookies mean with a signature what they mean without,
// in the view of the key, whether the answer is resolved, from the cache or prepared; and the
// response is signed with all of it in it.
func TestRFC8945TogetherWithOthers(t *testing.T) {
	f := newSignedFront(t)
	known := ownCookie(t, f)
	if len(known) != 48 {
		t.Fatalf("the cookie of the server is %q", known)
	}
	cookies := []struct{ what, cookie string }{{"without a cookie", ""},
		{"with a client cookie", "0102030405060708"}, {"with a server cookie", known},
		{"with a forged cookie", known[:46] + "00"}, {"with half a cookie", "01020304"}}
	for _, c := range []struct {
		name   string
		noRD   bool
		cd, do bool
		want   string
	}{
		{"own.corp.", false, false, false, "NOERROR 10.0.0.9"},
		{"own.corp.", true, false, false, "NOERROR 10.0.0.9"}, // nothing is asked for it
		{"own.corp.", false, true, false, "NOERROR 10.0.0.9"},
		{"own.corp.", false, true, true, "NOERROR 10.0.0.9"},
		{"www.unsigned.example.", false, false, false, "NOERROR 192.0.2.1"},
		{"www.unsigned.example.", true, false, false, "REFUSED"}, // in the cache, too: no snooping
		{"www.expired.faulty.", false, false, false, "SERVFAIL"},
		{"www.expired.faulty.", false, true, false, "NOERROR 192.0.2.1"},
		{"www.expired.faulty.", false, true, true, "NOERROR 192.0.2.1"},
		{"no.secure.example.", false, true, true, "NXDOMAIN"},
		{"no.secure.example.", true, true, true, "REFUSED"},
	} {
		for _, with := range cookies {
			want := c.want + " signed"
			if len(with.cookie) == 8 { // RFC 7873, section 5.2.2
				want = "FORMERR signed"
			}
			what := fmt.Sprintf("%s RD=%v CD=%v DO=%v %s", c.name, !c.noRD, c.cd, c.do, with.what)
			for range 3 {
				for _, p := range []transport.Protocol{transport.UDP, transport.TCP} {
					m, _, err := f.signed(p, c.name, "hmac-sha256.key.", "hmac-sha256", secretOf, 0,
						func(q *dns.Msg) {
							q.RecursionDesired, q.CheckingDisabled = !c.noRD, c.cd
							var options []dns.EDNS0
							if with.cookie != "" {
								options = []dns.EDNS0{&dns.EDNS0_COOKIE{
									Code: dns.EDNS0COOKIE, Cookie: with.cookie}}
							}
							edns(c.do, options...)(q)
						})
					if got := saysOf(m, err); got != want {
						t.Errorf("%s over %s: %s, want %s", what, p, got, want)
					}
					if m.RecursionDesired == c.noRD || m.CheckingDisabled != c.cd {
						t.Errorf("%s over %s: RD=%v CD=%v in the response", what, p,
							m.RecursionDesired, m.CheckingDisabled)
					}
					got := cookieIn(m)
					if wants := len(with.cookie) >= 16; wants != (len(got) == 48) ||
						wants && !strings.HasPrefix(got, with.cookie[:16]) {
						t.Errorf("%s over %s: the cookie %q in the response", what, p, got)
					}
				}
			}
		}
	}
}

// TestRFC8945WrongSignatureComesFirst: a query whose signature is wrong is answered with that
// alone, whatever RD, CD and cookies it has.
func TestRFC8945WrongSignatureComesFirst(t *testing.T) {
	f := newSignedFront(t)
	for _, cookie := range []string{"0102030405060708", "01020304"} {
		for _, rd := range []bool{true, false} {
			m, _, err := f.signed(transport.UDP, "own.corp.", "hmac-sha256.key.", "hmac-sha256",
				[]byte("another secret of thirty-two oct"), 0, func(q *dns.Msg) {
					edns(true, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie})(q)
					q.RecursionDesired, q.CheckingDisabled = rd, !rd
				})
			if got := saysOf(m, err); !strings.HasPrefix(got, "NOTAUTH BADSIG") {
				t.Errorf("cookie %s, RD=%v: %s", cookie, rd, got)
			}
		}
	}
}
