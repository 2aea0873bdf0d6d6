// What a client waits for new names, in a world of near and far servers, in virtual time.

package resolver_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// spread is a world of top level zones and hosters, each with two servers 4 to 200 ms away, most of
// them near, and of signed zones that the hosters serve under names of their own.
type spread struct {
	world *lab.World
	zones []string
	best  []time.Duration // by zone: the round trips of the nearest servers on the way
}

const (
	spreadTops    = 8
	spreadHosters = 24
)

// newSpread returns such a world of n zones. Until far is called all servers are near.
func newSpread(n int) (s *spread, far func()) {
	s = &spread{world: lab.New(time.Now())}
	random := rand.New(rand.NewPCG(20, 1))
	rtts := map[netip.Addr]time.Duration{}
	two := func(zone lab.Zone) (nearest time.Duration) {
		zone.Servers = []lab.ServerFaults{nil, nil}
		zone.TTL = 86400
		s.world.Add(zone)
		at := s.world.Servers()
		for _, a := range at[len(at)-2:] {
			f := random.Float64()
			rtts[a] = 4*time.Millisecond + time.Duration(f*f*float64(196*time.Millisecond))
		}
		return min(rtts[at[len(at)-2]], rtts[at[len(at)-1]])
	}
	var tops, hosters []time.Duration
	for i := range spreadTops {
		tops = append(tops, two(lab.Zone{Name: fmt.Sprintf("t%d.", i)}))
	}
	for i := range spreadHosters {
		hosters = append(hosters, two(lab.Zone{Name: hosterOf(i), Records: "www A 192.0.2.1"}))
	}
	for i := range n {
		top, hoster := random.IntN(spreadTops), random.IntN(spreadHosters)
		name := fmt.Sprintf("z%d.t%d.", i, top)
		s.world.Add(lab.Zone{Name: name, On: hosterOf(hoster), Records: "www A 192.0.2.1"})
		s.zones, s.best = append(s.zones, name), append(s.best, tops[top]+hosters[hoster])
	}
	var mu sync.Mutex
	return s, func() {
		s.world.Script = func(in lab.Incoming) (lab.Reply, bool) {
			mu.Lock()
			defer mu.Unlock()
			jitter := time.Duration(random.Int64N(int64(2 * time.Millisecond)))
			return lab.Messages(in.Honest()).After(rtts[in.Server] + jitter), true
		}
	}
}

func hosterOf(i int) string { return fmt.Sprintf("hoster%d.t%d.", i, i%spreadTops) }

// hosted is a world in which hoster.example. has two servers, and customer.example. is delegated to
// the name of the first alone. referrals may change what example.'s servers say about hoster.
func hosted(referrals func(m *dns.Msg)) *lab.World {
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	w.Add(lab.Zone{Name: "hoster.example.", Algorithm: lab.Unsigned, Records: "www A 192.0.2.1",
		Servers: []lab.ServerFaults{nil, nil}})
	w.Add(lab.Zone{Name: "customer.example.", Algorithm: lab.Unsigned, On: "hoster.example.",
		Records: "* A 192.0.2.1"})
	example := w.AddressOf("example.")
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		m := in.Honest()
		if in.Server != example || in.Question().Qtype == dns.TypeDS {
			return lab.Reply{}, false
		}
		switch name := strings.ToLower(in.Question().Name); {
		case dns.IsSubDomain("customer.example.", name):
			m.Ns = slices.DeleteFunc(m.Ns, func(r dns.RR) bool {
				ns, ok := r.(*dns.NS)
				return ok && ns.Ns != "ns1.hoster.example."
			})
			m.Extra = nil
			m.SetEdns0(1232, true)
		case dns.IsSubDomain("hoster.example.", name) && referrals != nil:
			referrals(m)
		}
		return lab.Messages(m), true
	}
	return w
}

// The glue of a hoster's own delegation serves for its customers' zones: their first question waits
// for no look-up of a name server, and no packet is spent on one.
func TestGlueOfAHosterServesForItsCustomers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, hosted(nil), nil)
		in.resolve("www.hoster.example.", wire.TypeA)
		in.transcript()
		expectAddress(t, in, "www.customer.example.")
		if sent := in.transcript(); strings.Contains(sent, "ns1.hoster.example.") {
			t.Errorf("the name server was looked up\n%s", sent)
		}
	})
}

// Glue that leads nowhere costs no more than a try: the zone of the name knows better.
func TestWrongGlueOfAHosterLeadsToALookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, hosted(func(m *dns.Msg) {
			for i, r := range m.Extra {
				if r.Header().Name == "ns1.hoster.example." {
					m.Extra[i] = rr("ns1.hoster.example. 300 A 203.0.113.66")
				}
			}
		}), nil)
		in.resolve("www.hoster.example.", wire.TypeA)
		expectAddress(t, in, "www.customer.example.")
	})
}

// RFC 2181, section 5.4.1: the address that a name's own zone gives ranks above glue, which is not
// asked beside it.
func TestRFC2181GlueOfAHosterIsNotAskedBesideItsAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := hosted(nil)
		example, glue := w.AddressOf("example."), w.AddressOf("hoster.example.")
		script := w.Script
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			q := in.Question()
			if !strings.EqualFold(q.Name, "ns1.hoster.example.") || in.Server == example {
				return script(in)
			}
			m := in.Honest()
			m.Answer = []dns.RR{rr(q.Name + " 300 A " + w.Servers()[3].String())}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		in.resolve("ns1.hoster.example.", wire.TypeA)
		in.transcript()
		expectAddress(t, in, "www.customer.example.")
		for _, line := range strings.Split(in.transcript(), "\n") {
			if strings.HasPrefix(line, glue.String()+" www.customer.") {
				t.Errorf("the glue was asked: %s", line)
			}
		}
	})
}

// RFC 2181, section 5.4.1: so does its denial. The glue of a name that its own zone says to have no
// address is the last resort, after the other servers.
func TestRFC2181GlueOfAHosterIsTheLastResortAfterADenial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := hosted(nil)
		example, glue := w.AddressOf("example."), w.AddressOf("hoster.example.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			q, m := in.Question(), in.Honest()
			name := strings.ToLower(q.Name)
			switch {
			case in.Server == example && dns.IsSubDomain("customer.example.", name) &&
				q.Qtype != dns.TypeDS:
				m.Extra = nil // both servers, without glue
				m.SetEdns0(1232, true)
				return lab.Messages(m), true
			case in.Server == example:
				return lab.Reply{}, false
			case name == "ns1.hoster.example.":
				m.Answer = nil
				m.Ns = []dns.RR{rr("hoster.example. 300 SOA . . 1 2 3 4 300")}
			}
			if in.Server != glue { // if the choice were by the round trip, the glue would win
				return lab.Messages(m).After(100 * time.Millisecond), true
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		for _, qtype := range []wire.Type{wire.TypeA, wire.TypeAAAA} {
			in.resolve("ns1.hoster.example.", qtype)
		}
		in.resolve("ns2.hoster.example.", wire.TypeA)
		in.transcript()
		for _, host := range []string{"a", "b", "c", "d"} {
			expectAddress(t, in, host+".customer.example.")
		}
		if sent := in.transcript(); strings.Contains(sent, glue.String()+" ") {
			t.Errorf("the glue was asked:\n%s", sent)
		}
	})
}

// What a new name takes is what the nearest servers on its way take, nearly always: the addresses
// of all servers of a zone are known without a look-up, and one that is not the best known is asked
// rarely if it is far. A name costs a question to its top level zone and two to its own, for the
// data and the keys.
func TestNewNamesTakeTheNearestServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, far := newSpread(800)
		in := newWorld(t, s.world, nil)
		for i := range spreadHosters {
			in.resolve("www."+hosterOf(i), wire.TypeA)
		}
		in.transcript()
		far()
		var wg sync.WaitGroup
		extra := make([]time.Duration, len(s.zones))
		for i, z := range s.zones {
			wg.Go(func() {
				began := time.Now()
				if a := in.resolve("www."+z, wire.TypeA); a.Status != wire.Secure {
					t.Errorf("%s: %s %v", z, a.RCode, a.Failure)
				}
				extra[i] = time.Since(began) - s.best[i]
			})
			time.Sleep(5 * time.Millisecond)
		}
		wg.Wait()
		slices.Sort(extra)
		n := len(extra)
		packets := float64(strings.Count(in.transcript(), "\n")) / float64(n)
		t.Logf("beyond the nearest: median %v, p90 %v, p99 %v; %.2f packets", extra[n/2],
			extra[n*9/10], extra[n*99/100], packets)
		if extra[n/2] > 10*time.Millisecond || extra[n*9/10] > 80*time.Millisecond ||
			packets > 3.2 {
			t.Error("too much")
		}
	})
}
