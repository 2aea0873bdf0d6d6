// NAT64: servers with IPv4 alone, asked by a machine with IPv6 alone.

package resolver_test

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event/eventtest"
	"bailiwick/internal/lab"
	"bailiwick/internal/nat64"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// translator is a network of IPv6 alone with a translator; what is sent to IPv4 addresses is lost.
type translator struct {
	transport.Exchanger
	prefix nat64.Prefix

	mu     sync.Mutex
	native int // packets to IPv4 addresses
	sent   []netip.Addr
}

func (n *translator) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	n.mu.Lock()
	n.sent = append(n.sent, r.Server.Addr())
	v4, ok := n.prefix.Exact(r.Server.Addr())
	if !ok {
		n.native++
	}
	n.mu.Unlock()
	if !ok {
		return nil, transport.ErrUnreachable
	}
	r.Server = netip.AddrPortFrom(v4, r.Server.Port())
	return n.Exchanger.Exchange(ctx, r)
}

// sixOnly are the routes of a machine with IPv6 alone, but for those to its own network.
type sixOnly struct{ near netip.Prefix }

func (sixOnly) Families() (ipv4, ipv6 bool) { return false, true }
func (r sixOnly) Lead(a netip.Addr) bool    { return r.near.Contains(a) }

// behindTranslator is a world whose servers have public IPv4 addresses alone, and a resolver with
// IPv6 alone.
func behindTranslator(t *testing.T, prefix string, change func(*resolver.Config)) (*internet,
	*translator, *eventtest.Recorder) {
	t.Helper()
	p, err := nat64.ParsePrefix(prefix)
	if err != nil {
		t.Fatal(err)
	}
	w := lab.NewIn(time.Now(), [2]byte{9, 53})
	w.Add(lab.Zone{Name: "example."})
	w.Add(lab.Zone{Name: "old.example.", Records: "www A 192.0.2.1"})
	net, seen := &translator{Exchanger: w, prefix: p}, &eventtest.Recorder{}
	in := newNetwork(t, w, net, func(c *resolver.Config) {
		c.IPv4, c.IPv6, c.NAT64 = resolver.FamilyAuto, resolver.FamilyAuto, p
		if change != nil {
			change(c)
		}
	})
	in.parts.Routes = sixOnly{netip.MustParsePrefix("10.9.0.0/16")}
	in.parts.Events = seen
	return in.withMemory(1 << 24), net, seen
}

// Every packet goes through the translator, whatever the length of its prefix. What is known and
// told of a server is of its own address.
func TestNAT64ServersAreAskedThroughTheTranslator(t *testing.T) {
	for _, prefix := range []string{"64:ff9b::/96", "2001:db8:122::/48"} {
		synctest.Test(t, func(t *testing.T) {
			in, net, seen := behindTranslator(t, prefix, nil)
			a := in.resolve("www.old.example.", wire.TypeA)
			if a.Status != wire.Secure || net.native > 0 || len(net.sent) < 7 {
				t.Errorf("%s: %v %v; %d packets, %d without the translator", prefix, a.Status,
					a.Failure, len(net.sent), net.native)
			}
			known, n := in.r.KnownServers(resolver.Which{Limit: 10})
			for _, s := range known {
				if !s.Addr.Is4() || s.RTT < 0 {
					t.Errorf("%s: known: %+v", prefix, s)
				}
			}
			if n != 3 {
				t.Errorf("%s: %d servers are known", prefix, n)
			}
			told := 0
			for _, e := range seen.Take() {
				if e.Server.IsValid() {
					told++
					if !e.Server.Addr().Is4() {
						t.Errorf("%s: told of %v", prefix, e.Server)
					}
				}
			}
			if told == 0 {
				t.Errorf("%s: no server in any event", prefix)
			}
		})
	}
}

// Without a prefix nothing can be asked, and the reason is told. With IPv4 in use nothing goes
// through the translator.
func TestNAT64IsForMachinesWithoutIPv4(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, net, _ := behindTranslator(t, "64:ff9b::/96", func(c *resolver.Config) {
			c.NAT64 = nat64.Prefix{}
		})
		a := in.resolve("www.old.example.", wire.TypeA)
		if a.Failure == nil || a.Failure.Cause != cause.NoServers || len(net.sent) > 0 {
			t.Errorf("without a prefix: %v, %d packets", a.Failure, len(net.sent))
		}
		in, net, _ = behindTranslator(t, "64:ff9b::/96", func(c *resolver.Config) {
			c.IPv4 = resolver.FamilyOn
		})
		in.resolve("www.old.example.", wire.TypeA)
		if net.native == 0 || net.native != len(net.sent) {
			t.Errorf("with IPv4: %d of %d packets without the translator", net.native,
				len(net.sent))
		}
		in, net, _ = behindTranslator(t, "64:ff9b::/96", func(c *resolver.Config) {
			c.IPv4 = resolver.FamilyOff
		})
		if a := in.resolve("www.old.example.", wire.TypeA); a.Status != wire.Secure ||
			net.native > 0 {
			t.Errorf("with IPv4 off: %v, %d packets without the translator", a.Failure, net.native)
		}
	})
}

// Servers that the operator names are asked through the translator too, but for those of this
// machine and of a network that it has a route to.
func TestNAT64NearServersAreAskedDirectly(t *testing.T) {
	for addr, want := range map[string]string{"127.0.0.1": "127.0.0.1", "10.9.0.1": "10.9.0.1",
		"10.8.0.1": "64:ff9b::10.8.0.1", "9.9.9.9": "64:ff9b::9.9.9.9",
		"2001:db8::1": "2001:db8::1"} {
		synctest.Test(t, func(t *testing.T) {
			in, net, _ := behindTranslator(t, "64:ff9b::/96", func(c *resolver.Config) {
				c.Zones = []resolver.Zone{{Name: wire.MustParseName("corp."), Forward: true,
					Addrs: []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr(addr), 53)}}}
			})
			in.resolve("www.corp.", wire.TypeA)
			net.mu.Lock()
			defer net.mu.Unlock()
			if len(net.sent) == 0 || net.sent[0] != netip.MustParseAddr(want) {
				t.Errorf("%s: sent to %v, want %s", addr, net.sent, want)
			}
		})
	}
}
