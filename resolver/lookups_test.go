// Name servers' addresses: both families, and how many are looked up (RFC 8305; CVE-2020-8616).

package resolver_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// dual is a world whose servers have addresses of both families: 64:ff9b::a.b.c.d is a.b.c.d. One
// of the families may be dead, with silence or with an error.
type dual struct {
	*lab.World
	dead4, dead6 bool
	silent       bool
}

func (d *dual) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	a := r.Server.Addr().Unmap()
	if a.Is4() && d.dead4 || a.Is6() && d.dead6 {
		if !d.silent {
			return nil, transport.ErrUnreachable
		}
		ctx, cancel := context.WithTimeout(ctx, r.Timeout)
		defer cancel()
		<-ctx.Done()
		return nil, transport.ErrTimeout
	}
	if a.Is6() {
		b := a.As16()
		r.Server = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[12:])), r.Server.Port())
	}
	return d.World.Exchange(ctx, r)
}

// six is the IPv6 address of a server of a dual world.
func six(a netip.Addr) netip.Addr {
	b := netip.MustParseAddr("64:ff9b::").As16()
	four := a.As4()
	copy(b[12:], four[:])
	return netip.AddrFrom16(b)
}

// unglued is a world in which unglued.example. is delegated to names of names.example. without
// addresses. names.example. has both families for each name; a name that begins with dead does
// not exist.
func unglued(names ...string) *lab.World {
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	w.Add(lab.Zone{Name: "unglued.example.", Algorithm: lab.Unsigned, Records: "*.w A 192.0.2.1"})
	server := w.AddressOf("unglued.example.")
	var records []string
	for _, n := range names {
		if !strings.HasPrefix(n, "dead") {
			records = append(records, fmt.Sprintf("%s A %s;;%s AAAA %s", n, server, n, six(server)))
		}
	}
	w.Add(lab.Zone{Name: "names.example.", Algorithm: lab.Unsigned,
		Records: strings.Join(records, ";;")})
	example, root := w.AddressOf("example."), w.AddressOf(".")
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		m := in.Honest()
		if in.Server == example &&
			dns.IsSubDomain("unglued.example.", strings.ToLower(in.Question().Name)) &&
			in.Question().Qtype != dns.TypeDS {
			m.Ns, m.Extra = nil, nil
			m.SetEdns0(1232, true)
			for _, n := range names {
				m.Ns = append(m.Ns, rr("unglued.example. 300 NS "+n+".names.example."))
			}
		}
		if in.Server == root || in.Server == example { // glue of both families
			for _, r := range m.Extra {
				if a, ok := r.(*dns.A); ok {
					four, _ := netip.AddrFromSlice(a.A.To4())
					m.Extra = append(m.Extra, rr(a.Hdr.Name+" 300 AAAA "+six(four).String()))
				}
			}
		}
		return lab.Messages(m), true
	}
	return w
}

// A host or a path of which one family is dead: the other family's addresses of an unglued name
// server are looked up too, before the zone is given up, at the first question of each zone.
func TestBothFamiliesAreTriedBeforeAZoneIsGivenUp(t *testing.T) {
	for _, net := range []dual{{dead4: true}, {dead6: true}, {dead4: true, silent: true},
		{dead6: true, silent: true}} {
		synctest.Test(t, func(t *testing.T) {
			w := unglued("ns1")
			net := &dual{World: w, dead4: net.dead4, dead6: net.dead6, silent: net.silent}
			in := newNetwork(t, w, net, func(c *resolver.Config) {
				c.IPv6 = resolver.FamilyOn
				for i := range c.Hints {
					c.Hints[i].Addrs = append(c.Hints[i].Addrs, six(c.Hints[i].Addrs[0]))
				}
			})
			ok := false
			for i := range 2 { // a silent family may cost the first client its patience
				a := in.resolve(fmt.Sprintf("a%d.w.unglued.example.", i), wire.TypeA)
				ok = a.RCode == noError
				if !ok && (i == 1 || !net.silent) {
					t.Errorf("%+v: query %d: %s %v\n%s", *net, i, a.RCode, a.Failure,
						in.transcript())
				}
			}
		})
	}
}

// Cached addresses of one family do not prevent the look-up of the other.
func TestSecondFamilyIsTriedWhenTheFirstIsCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := unglued("ns1")
		net := &dual{World: w}
		in := newNetwork(t, w, net, func(c *resolver.Config) { c.IPv6 = resolver.FamilyOn })
		in.resolve("ns1.names.example.", wire.TypeA)
		w2 := w.AddressOf("unglued.example.")
		script := w.Script
		w.Script = func(i lab.Incoming) (lab.Reply, bool) { return script(i) }
		refuse := &refusing{dual: net, server: w2}
		in2 := newNetwork(t, w, refuse, func(c *resolver.Config) { c.IPv6 = resolver.FamilyOn })
		in2.resolve("ns1.names.example.", wire.TypeA)
		if a := in2.resolve("a.w.unglued.example.", wire.TypeA); a.RCode != noError {
			t.Errorf("got %s %v\n%s", a.RCode, a.Failure, in2.transcript())
		}
	})
}

// refusing is a network on which one server cannot be reached over IPv4.
type refusing struct {
	*dual
	server netip.Addr
}

func (r *refusing) Exchange(ctx context.Context, q transport.Request) ([]byte, error) {
	if q.Server.Addr() == r.server {
		return nil, transport.ErrUnreachable
	}
	return r.dual.Exchange(ctx, q)
}

// CVE-2020-8616: a delegation names hosts that do not exist and one that does. A retry gets
// further, as cached denials cost nothing, and no client query causes more than its share of
// look-ups at the names' zone.
func TestCVE2020_8616DeadNamesBesideAGoodOne(t *testing.T) {
	for dead := 1; dead <= 12; dead++ {
		synctest.Test(t, func(t *testing.T) {
			names := []string{"ns1"}
			for i := range dead {
				names = append(names, fmt.Sprintf("dead%d", i))
			}
			w := unglued(names...)
			in := newWorld(t, w, nil)
			in.resolve("names.example.", wire.TypeSOA)
			in.transcript()
			good := false
			for i := range 4 { // each learns of five that do not exist
				a := in.resolve(fmt.Sprintf("a%d.w.unglued.example.", i), wire.TypeA)
				if n := strings.Count(in.transcript(),
					" dead"); n > resolver.MaxFailedLookupsPerZone {
					t.Errorf("%d dead names: %d look-ups for one query", dead, n)
				}
				good = a.RCode == noError
				time.Sleep(time.Second)
			}
			if !good {
				t.Errorf("%d dead names beside a good one: not resolved when all are known", dead)
			}
		})
	}
}

// CVE-2020-8616: a delegation to names in many zones costs no more look-ups than its limit, and
// neither does a delegation to names of zones that are delegated in the same way, all of them
// together.
func TestCVE2020_8616LookupsAreBounded(t *testing.T) {
	for query, want := range map[string]int{
		"www.flat.attacker.":   resolver.MaxFailedLookupsPerDelegation,
		"www.nested.attacker.": resolver.MaxFailedLookups,
	} {
		synctest.Test(t, func(t *testing.T) {
			const victims = 8
			w := lab.New(time.Now())
			w.Add(lab.Zone{Name: "attacker.", Algorithm: lab.Unsigned})
			for i := range victims {
				w.Add(lab.Zone{Name: fmt.Sprintf("victim%d.", i), Algorithm: lab.Unsigned})
			}
			attacker := w.AddressOf("attacker.")
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				labels := dns.SplitDomainName(strings.ToLower(in.Question().Name))
				if in.Server != attacker || len(labels) < 2 {
					return lab.Reply{}, false
				}
				m := new(dns.Msg).SetReply(in.Query)
				m.SetEdns0(1232, true)
				zone := labels[len(labels)-2]
				for i := range resolver.MaxNameServers {
					ns := fmt.Sprintf("dead-%s-%d.victim%d.", zone, i, i%victims)
					if zone == "nested" {
						ns = fmt.Sprintf("ns.inner%d.attacker.", i)
					}
					m.Ns = append(m.Ns, rr(zone+".attacker. 0 NS "+ns))
				}
				return lab.Messages(m), true
			}
			in := newWorld(t, w, nil)
			for i := range victims {
				in.resolve(fmt.Sprintf("victim%d.", i), wire.TypeSOA)
			}
			in.transcript()
			if a := in.resolve(query, wire.TypeA); a.Failure == nil ||
				a.Failure.HeldAgainst() != cause.ScopeQuery {
				t.Errorf("%s: got %s %v", query, a.RCode, a.Failure)
			}
			names := map[string]bool{}
			for _, e := range w.Transcript() {
				if strings.HasPrefix(e.Name, "dead") {
					names[e.Name] = true
				}
			}
			if len(names) > want || len(names) < want-2 { // inner names that failed count too
				t.Errorf("%s: %d names of servers are looked up, the limit is %d", query,
					len(names), want)
			}
		})
	}
}

// The zone of a name server gives a wrong address, and its parent's glue is right: the glue is the
// last resort.
func TestParentsGlueIsTheLastResort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example."})
		w.Add(lab.Zone{Name: "names.example.", Algorithm: lab.Unsigned})
		w.Add(lab.Zone{Name: "hosted.example.", On: "names.example.", Algorithm: lab.Unsigned,
			Records: "*.w A 192.0.2.1"})
		server := w.AddressOf("names.example.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if in.Server == w.AddressOf("example.") &&
				dns.IsSubDomain("hosted.example.", strings.ToLower(in.Question().Name)) {
				m := in.Honest()
				m.Extra = nil // no glue, as it is not below the cut
				m.SetEdns0(1232, true)
				return lab.Messages(m), true
			}
			if in.Server != server || in.Question().Qtype != dns.TypeA ||
				!strings.EqualFold(in.Question().Name, "ns1.names.example.") {
				return lab.Reply{}, false
			}
			m := new(dns.Msg).SetReply(in.Query)
			m.SetEdns0(1232, true)
			m.Authoritative, m.Answer = true, []dns.RR{rr(in.Question().Name +
				" 300 A 127.53.99.99")}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		if a := in.resolve("a.w.hosted.example.", wire.TypeA); a.RCode != noError {
			t.Errorf("got %s %v\n%s", a.RCode, a.Failure, in.transcript())
		}
	})
}

// The address of one of a zone's two servers is looked up for seconds, and not found. Meanwhile
// another client asks for the other one's address. It is in the cache then, not yet known to the
// question that waits, and is used by it, in whichever order the two are looked up.
func TestAddressesThatOthersFindMeanwhileAreUsed(t *testing.T) {
	for range 8 { // the order is random
		synctest.Test(t, func(t *testing.T) {
			w := unglued("ns1", "ns2")
			honest := w.Script
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				if strings.EqualFold(in.Question().Name, "ns1.names.example.") {
					return lab.Reply{}, true
				}
				return honest(in)
			}
			in := newWorld(t, w, nil)
			done := make(chan *resolver.Answer)
			go func() { done <- in.resolve("a.w.unglued.example.", wire.TypeA) }()
			time.Sleep(500 * time.Millisecond)
			if a := in.resolve("ns2.names.example.", wire.TypeA); a.RCode != noError {
				t.Errorf("%s %v", a.RCode, a.Failure)
			}
			if a := <-done; a.RCode != noError {
				t.Errorf("%s %v\n%s", a.RCode, a.Failure, in.transcript())
			}
		})
	}
}
