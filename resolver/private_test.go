// Private and unroutable addresses of name servers (RFC 6890).

package resolver_test

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// listening is a network that reports which server is asked, one at a time.
type listening struct {
	*lab.World
	heard func(netip.Addr)
}

func (l listening) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	l.heard(r.Server.Addr())
	return l.World.Exchange(ctx, r)
}

// routesOwn reports whether a route other than the default one leads to all addresses, or to none.
type routesOwn bool

func (routesOwn) Families() (ipv4, ipv6 bool) { return true, true }
func (r routesOwn) Lead(netip.Addr) bool      { return bool(r) }

// RFC 6890: a public delegation leads to private addresses. They are asked only where a route
// other than the default one leads there, or the operator says so. Those that the operator names
// are always asked.
func TestRFC6890PrivateServersOfThePublicTree(t *testing.T) {
	const near, far = routesOwn(true), routesOwn(false)
	for _, c := range []struct {
		name   string
		glue   string
		routes routesOwn
		change func(*resolver.Config)
		asked  bool
		cause  cause.Cause
	}{
		{"no route", "10.1.2.3", far, nil, false, cause.PrivateServers},
		{"a route", "10.1.2.3", near, nil, true, cause.Unreachable},
		{"refused", "192.168.7.8", near, func(c *resolver.Config) {
			c.PrivateServers = resolver.PrivateRefuse
		}, false, cause.PrivateServers},
		{"allowed", "10.1.2.3", far, func(c *resolver.Config) {
			c.PrivateServers = resolver.PrivateAllow
		}, true, cause.Unreachable},
		{"link-local", "169.254.169.254", far, nil, false, cause.PrivateServers},
		{"shared", "100.64.0.1", far, nil, false, cause.PrivateServers},
		{"public", "8.9.10.11", far, nil, true, cause.Unreachable},
		{"this host", "0.0.0.0", near, nil, false, cause.NoServers},
		{"multicast", "224.0.0.251", near, nil, false, cause.NoServers},
		{"broadcast", "255.255.255.255", near, nil, false, cause.NoServers},
		{"a stub zone's", "8.9.10.11", far, func(c *resolver.Config) {
			a := netip.AddrPortFrom(netip.MustParseAddr("10.9.9.9"), 53)
			c.Zones = []resolver.Zone{{Name: wire.MustParseName("inner.plain."),
				Addrs: []netip.AddrPort{a}}}
		}, true, cause.Unreachable},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			plain := w.AddressOf("plain.")
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				if in.Server != plain || !dns.IsSubDomain("inner.plain.",
					strings.ToLower(in.Question().Name)) {
					return lab.Reply{}, false
				}
				m := new(dns.Msg).SetReply(in.Query)
				m.SetEdns0(1232, true)
				m.Ns = []dns.RR{rr("inner.plain. 300 NS ns.inner.plain.")}
				m.Extra = append(m.Extra, rr("ns.inner.plain. 300 A "+c.glue))
				return lab.Messages(m), true
			}
			var mu sync.Mutex
			var asked []string
			in := newNetwork(t, w, listening{w, func(a netip.Addr) {
				mu.Lock()
				defer mu.Unlock()
				asked = append(asked, a.String())
			}}, c.change)
			in.parts.Routes = c.routes
			in = in.withMemory(cache.DefaultMemory)
			a := in.resolve("www.inner.plain.", wire.TypeA)
			far := strings.Join(asked, " ")
			if got := strings.Contains(far, c.glue) || strings.Contains(far,
				"10.9.9.9"); got != c.asked {
				t.Errorf("%s: asked %v, want %v: %s", c.name, got, c.asked, far)
			}
			if a.RCode != servFail || a.Failure.Cause != c.cause {
				t.Errorf("%s: %s %v, want %v", c.name, a.RCode, a.Failure, c.cause)
			}
		})
	}
}
