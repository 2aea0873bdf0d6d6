// Refreshes whose answer contradicts the cached data.

package resolver_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// RFC 2181, section 5.4.1: the answer of a refresh replaces the cached data and denials of its
// question, though their TTL has not ended. Else it would be asked for again and again until then.
// Other types of the name stay.
func TestRFC2181ARefreshReplacesWhatItContradicts(t *testing.T) {
	const address, alias = "A 192.0.2.1", "CNAME www.unsigned.example."
	const denied = "NXDOMAIN"
	for _, c := range []struct {
		name  string
		first string // the answer to A: data, none, or a denial
		then  string
		ttl   int    // of then
		want  string // of what is known afterwards
	}{
		{"an address is denied", address, denied, 60, denied},
		{"an address is no more", address, "", 60, "NOERROR"},
		{"an address becomes an alias", address, alias, 60, "CNAME"},
		{"an alias is denied", alias, denied, 60, denied},
		{"an alias becomes an address", alias, address, 60, "A"},
		{"an alias becomes an address for this time", alias, address, 0, "A"},
		{"an address is denied for this time", address, denied, 0, denied},
		{"an address becomes an alias for this time", address, alias, 0, "CNAME"},
		{"an alias is denied for this time", alias, denied, 0, denied},
		{"a denial becomes an address for this time", denied, address, 0, "A"},
		{"an empty reply without SOA takes nothing", address, "", -1, "A"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const name = "turns.unsigned.example."
				var turned atomic.Bool
				w := lab.Internet(time.Now())
				w.Script = func(in lab.Incoming) (lab.Reply, bool) {
					q := in.Question()
					if !strings.EqualFold(q.Name, name) {
						return lab.Reply{}, false
					}
					m := new(dns.Msg).SetReply(in.Query)
					data, ttl := c.first, 300
					if turned.Load() {
						data, ttl = c.then, c.ttl
					}
					if q.Qtype == dns.TypeTXT {
						data, ttl = `TXT "x"`, 300
					}
					switch m.Authoritative = true; {
					case data != "" && data != denied:
						m.Answer = []dns.RR{refreshRR(t, fmt.Sprint(q.Name, " ", ttl, " ", data))}
					case ttl >= 0:
						m.Ns = []dns.RR{refreshRR(t, fmt.Sprintf("unsigned.example. %d SOA a. b. "+
							"1 2 3 4 %d", ttl, ttl))}
					}
					if data == denied {
						m.Rcode = dns.RcodeNameError
					}
					return lab.Messages(m), true
				}
				in := newWorld(t, w, func(c *resolver.Config) { c.Prefetch = true })
				in.resolve(name, wire.TypeA)
				if c.first == address {
					in.resolve(name, wire.TypeTXT)
				}
				turned.Store(true)
				time.Sleep(280 * time.Second)
				in.resolve(name, wire.TypeA)
				synctest.Wait()
				in.transcript()
				a := in.resolve(name, wire.TypeA)
				synctest.Wait()
				got := a.RCode.String()
				if len(a.Sets) > 0 {
					got = a.Sets[0].Type.String()
				}
				if asked := in.transcript(); got != c.want ||
					strings.Contains(asked, name) && c.ttl > 0 {
					t.Errorf("%s, want %s; asked:\n%s", got, c.want, asked)
				}
				if c.first != address || c.then == alias {
					return
				}
				if a := in.resolve(name, wire.TypeTXT); len(a.Sets) != 1 {
					t.Errorf("TXT: %s", a.RCode)
				}
			})
		})
	}
}

func refreshRR(t *testing.T, text string) dns.RR {
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Error(err)
	}
	return rr
}
