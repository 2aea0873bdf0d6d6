// What is remembered of one tree of names is not used in another: stories with the operator's own
// servers beside the public ones.

package resolver_test

import (
	"context"
	"net/netip"
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

// campus is an internet with a zone campus.example., which has other names for the operator's own
// clients: a stub zone on a server of the operator's, which delegates lab.campus.example. to
// another, without glue. Both are unsigned.
type campus struct {
	*internet
	own, ownLab netip.Addr
	down        atomic.Bool // the operator's servers refuse
}

func newCampus(t *testing.T, z resolver.Zone) *campus {
	t.Helper()
	w := lab.Internet(time.Now())
	c := &campus{}
	address := func(zone string) netip.Addr {
		w.Add(lab.Zone{Name: zone, Algorithm: lab.Unsigned})
		return w.AddressOf(zone)
	}
	w.Add(lab.Zone{Name: "campus.example.", Algorithm: lab.Unsigned,
		Records: "www A 192.0.2.80;;ns.lab A 192.0.2.66"})
	w.Add(lab.Zone{Name: "lab.campus.example.", Algorithm: lab.Unsigned,
		Records: "www A 192.0.2.81;;www2 A 192.0.2.81"})
	c.own, c.ownLab = address("own.example."), address("ownlab.example.")
	w.Script = func(i lab.Incoming) (lab.Reply, bool) {
		if i.Server != c.own && i.Server != c.ownLab {
			return lab.Reply{}, false
		}
		m := new(dns.Msg).SetReply(i.Query)
		q := i.Question()
		below := dns.IsSubDomain("lab.campus.example.", strings.ToLower(q.Name))
		switch {
		case c.down.Load():
			m.Rcode = dns.RcodeRefused
		case strings.EqualFold(q.Name, "ns.lab.campus.example.") && q.Qtype == dns.TypeA:
			m.Authoritative = true
			m.Answer = []dns.RR{rr(q.Name + " 300 A " + c.ownLab.String())}
		case i.Server == c.own && below && q.Qtype != dns.TypeDS:
			m.Ns = []dns.RR{rr("lab.campus.example. 300 NS ns.lab.campus.example.")}
		case q.Qtype == dns.TypeA:
			m.Authoritative = true
			m.Answer = []dns.RR{rr(q.Name + " 300 A 10.0.0.1")}
		default:
			m.Authoritative = true
			m.Ns = []dns.RR{rr("campus.example. 60 SOA ns.campus.example. host. 1 2 3 4 60")}
		}
		return lab.Messages(m), true
	}
	c.internet = newWorld(t, w, func(cfg *resolver.Config) {
		z.Name, z.Addrs = wire.MustParseName("campus.example."),
			[]netip.AddrPort{netip.AddrPortFrom(c.own, 53)}
		cfg.Zones, cfg.Referrals = []resolver.Zone{z}, true
	})
	if err := c.parts.Anchors.AddNegative("campus.example."); err != nil {
		t.Fatal(err)
	}
	return c
}

// want asks for the address of a name.
func (c *campus) want(t *testing.T, name, address string) {
	t.Helper()
	a := c.resolve(name, wire.TypeA)
	want := netip.MustParseAddr(address).AsSlice()
	if a.RCode != noError || len(a.Sets) != 1 || !a.Sets[0].Data.Has(want) {
		t.Errorf("%s: %s %v %v, want %s\n%s", name, a.RCode, a.Sets, a.Failure, address,
			c.transcript())
	}
}

// The address that a stub zone's delegation lacks is asked for at the stub zone's servers. The
// public tree may have the name too, with the address of somebody else.
func TestMemoryGlueOfAStubZoneIsAskedForAtItsServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCampus(t, resolver.Zone{})
		c.resolve("www.secure.example.", wire.TypeA) // example. is known
		c.transcript()
		c.want(t, "www.lab.campus.example.", "10.0.0.1")
		asked := c.transcript()
		for _, line := range strings.Split(strings.TrimSpace(asked), "\n") {
			if !strings.HasPrefix(line, c.own.String()+" ") &&
				!strings.HasPrefix(line, c.ownLab.String()+" ") {
				t.Errorf("the name is asked for elsewhere:\n%s", asked)
				break
			}
		}
	})
}

// A client that asks without RD for a name of a configured zone is not referred to the public
// servers of the zone above, which do not serve the name.
func TestMemoryReferralIsOfTheNamesTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCampus(t, resolver.Zone{})
		c.resolve("www.secure.example.", wire.TypeA)
		ask := func(name string) *resolver.Answer {
			return c.r.Referral(context.Background(), question(name, wire.TypeA))
		}
		if a := ask("x.secure.example."); a == nil {
			t.Error("no referral in the public tree")
		}
		if a := ask("www.campus.example."); a != nil {
			t.Errorf("referred to %v", a.Authority)
		}
		c.want(t, "www.lab.campus.example.", "10.0.0.1")
		if a := ask("x.lab.campus.example."); a == nil ||
			a.Authority[0].Name != wire.MustParseName("lab.campus.example.") {
			t.Errorf("below a stub zone: referred to %+v", a)
		}
	})
}

// While the servers of a stub zone with `first` fail, the public tree answers. When they are back
// they answer for all other names, also below a zone that the public tree delegates; and what they
// delegate does not lead the public walk astray.
func TestMemoryOfTheFallbackEndsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCampus(t, resolver.Zone{First: true})
		c.down.Store(true)
		c.want(t, "www.lab.campus.example.", "192.0.2.81")
		c.down.Store(false)
		time.Sleep(time.Minute)
		c.want(t, "www2.lab.campus.example.", "10.0.0.1")
		c.want(t, "www.campus.example.", "10.0.0.1")
	})
	synctest.Test(t, func(t *testing.T) {
		c := newCampus(t, resolver.Zone{First: true})
		c.want(t, "host.lab.campus.example.", "10.0.0.1")
		c.down.Store(true)
		c.want(t, "www.campus.example.", "192.0.2.80")
	})
}
