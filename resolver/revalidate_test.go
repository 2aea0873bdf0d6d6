// Revalidation of NS sets (draft-ietf-dnsop-ns-revalidation): a zone's own set comes before its
// parent's, and never outlives what the parent says.

package resolver_test

import (
	"fmt"
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

// movingZone is a zone that its parent delegates to one server, and that names another itself.
type movingZone struct {
	*internet
	old, own netip.Addr
	set      []string                     // its own NS set with glue
	gone     atomic.Bool                  // the parent does not delegate it any more
	how      func(lab.Incoming) lab.Reply // what the zone's own server does; nil: it answers
}

// newMovingZone returns a world with the unsigned zone "moved.plain.". With revalidate the
// resolver asks for its NS set. The names of the set have the TTL ttl.
func newMovingZone(t *testing.T, revalidate bool, ttl int) *movingZone {
	w := lab.Internet(time.Now())
	for _, z := range []string{"old.", "own."} {
		w.Add(lab.Zone{Name: z, Algorithm: lab.Unsigned})
	}
	m := &movingZone{old: w.AddressOf("old."), own: w.AddressOf("own.")}
	m.set = []string{fmt.Sprintf("moved.plain. %d NS ns.moved.plain.", ttl),
		fmt.Sprintf("ns.moved.plain. %d A %s", ttl, m.own)}
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		q := in.Question()
		name := strings.ToLower(q.Name)
		switch {
		case !dns.IsSubDomain("moved.plain.", name), q.Qtype == dns.TypeDS:
			return lab.Reply{}, false
		case in.Server == m.own && m.how != nil:
			return m.how(in), true
		case in.Server != m.old && in.Server != m.own:
			if m.gone.Load() {
				return lab.Reply{}, false
			}
			return refer(in, "moved.plain.", "old.moved.plain.", m.old), true
		}
		r := new(dns.Msg).SetReply(in.Query)
		r.Authoritative = true
		switch {
		case q.Qtype == dns.TypeNS && name == "moved.plain.":
			for _, s := range m.set {
				if set := rr(s); set.Header().Rrtype == dns.TypeNS {
					r.Answer = append(r.Answer, set)
				} else {
					r.Extra = append(r.Extra, set)
				}
			}
		case q.Qtype == dns.TypeA && strings.HasPrefix(name, "n"):
			r.Answer = []dns.RR{rr(name + " 60 A 192.0.2.1")}
		default:
			r.Ns = []dns.RR{rr("moved.plain. 60 SOA a. b. 1 2 3 4 60")}
		}
		return lab.Messages(r), true
	}
	m.internet = newWorld(t, w, func(c *resolver.Config) { c.RevalidateNS = revalidate })
	return m
}

// ask resolves a name of the zone that was not asked for before, and returns whom it asked.
func (m *movingZone) ask(t *testing.T, name string, rc wire.RCode) (asked string) {
	t.Helper()
	m.transcript()
	if a := m.resolve(name, wire.TypeA); a.RCode != rc {
		t.Errorf("%s: %s, %v", name, a.RCode, a.Failure)
	}
	return m.transcript()
}

// The first question goes to the server that the parent names. Then the zone's own server is asked,
// until the shorter TTL of both sets ends; then the parent. Without the option the parent's stays.
func TestRevalidationPutsTheZonesOwnServersFirst(t *testing.T) {
	for _, revalidate := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := newMovingZone(t, revalidate, 120)
			if asked := m.ask(t, "n1.moved.plain.", noError); !strings.Contains(asked,
				m.old.String()+" n1.moved.plain. A") {
				t.Errorf("the parent's server was not asked first:\n%s", asked)
			}
			time.Sleep(time.Second)
			now := m.old
			if revalidate {
				now = m.own
			}
			for i := range 5 {
				name := fmt.Sprintf("n2%d.moved.plain.", i)
				asked := m.ask(t, name, noError)
				if !strings.Contains(asked, now.String()+" "+name) ||
					strings.Count(asked, "\n") > 1 {
					t.Errorf("with %v, want %v alone:\n%s", revalidate, now, asked)
				}
			}
			time.Sleep(121 * time.Second)
			asked := m.ask(t, "n3.moved.plain.", noError)
			if revalidate && !strings.Contains(asked, m.old.String()+" n3.moved.plain. A") {
				t.Errorf("after the zone's TTL the parent was not asked:\n%s", asked)
			}
		})
	}
}

// The servers that the zone names are silent, do not exist, or refuse: the parent's are asked, and
// clients get answers.
func TestRevalidationFallsBackToTheParentsServers(t *testing.T) {
	dead := []string{"moved.plain. 300 NS ns.moved.plain."}
	for i := range 13 {
		dead = append(dead, fmt.Sprintf("moved.plain. 300 NS ns%d.nothing.example.", i))
	}
	loop := []string{"moved.plain. 300 NS n.x.moved.plain."}
	for name, change := range map[string]func(*movingZone){
		"silent":     func(m *movingZone) { m.how = silent },
		"refuses":    func(m *movingZone) { m.how = code(dns.RcodeRefused) },
		"no address": func(m *movingZone) { m.set = m.set[:1] },
		"13 names":   func(m *movingZone) { m.set = dead },
		"no name":    func(m *movingZone) { m.set = []string{"moved.plain. 300 NS ."} },
		"a loop":     func(m *movingZone) { m.set = loop },
		"lame":       func(m *movingZone) { m.how = lame },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMovingZone(t, true, 300)
				change(m)
				m.ask(t, "n1.moved.plain.", noError)
				time.Sleep(time.Second)
				for i := range 5 {
					began := time.Now()
					m.ask(t, fmt.Sprintf("n2%d.moved.plain.", i), noError)
					if took := time.Since(began); took > 2*time.Second {
						t.Errorf("question %d took %v", i, took)
					}
				}
			})
		})
	}
}

// The parent ends the delegation. The zone goes on to answer with a TTL of a day for its own NS
// set, and clients go on to ask: its names end with the delegation (ghost domains, CVE-2012-1033).
func TestRevalidationMakesNoGhostDomain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMovingZone(t, true, 86400)
		m.ask(t, "n1.moved.plain.", noError)
		m.gone.Store(true)
		began := time.Now() // the parent's NS set has 300 s
		for i := 2; time.Since(began) < 299*time.Second; i++ {
			m.resolve("moved.plain.", wire.TypeNS)
			m.ask(t, fmt.Sprintf("n%d.moved.plain.", i), noError)
			time.Sleep(7 * time.Second)
		}
		time.Sleep(70 * time.Second)
		m.ask(t, "n.moved.plain.", nxDomain)
	})
}

// A signed zone's NS set that does not verify changes nothing.
func TestRevalidationTakesNoBogusServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "evil.", Algorithm: lab.Unsigned})
		w.Add(lab.Zone{Name: "lured.", Records: "* A 192.0.2.1"})
		attacker := w.AddressOf("evil.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			m := in.Honest()
			if q := in.Question(); !strings.EqualFold(q.Name, "lured.") || q.Qtype != dns.TypeNS {
				return lab.Reply{}, false
			}
			for _, r := range m.Answer {
				if ns, ok := r.(*dns.NS); ok {
					ns.Ns = "evil.lured."
				}
			}
			m.Extra = append(m.Extra, rr("evil.lured. 300 A "+attacker.String()))
			return lab.Messages(m), true
		}
		in := newWorld(t, w, func(c *resolver.Config) { c.RevalidateNS = true })
		for i := range 5 {
			in.resolve(fmt.Sprintf("n%d.lured.", i), wire.TypeA)
			time.Sleep(time.Second)
		}
		if asked := in.transcript(); !strings.Contains(asked, "lured. NS") ||
			strings.Contains(asked, attacker.String()) {
			t.Errorf("the attacker's server was asked, or no NS set:\n%s", asked)
		}
	})
}

// Zones whose servers the operator names are not asked for their NS sets, nor are those below.
func TestRevalidationSparesConfiguredZones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "own.secure.example.", Records: "www A 192.0.2.1"})
		in := newWorld(t, w, func(c *resolver.Config) {
			c.RevalidateNS = true
			c.Zones = []resolver.Zone{{Name: wire.MustParseName("secure.example."),
				Addrs: []netip.AddrPort{netip.AddrPortFrom(w.AddressOf("secure.example."), 53)}}}
		})
		if a := in.resolve("www.own.secure.example.", wire.TypeA); a.RCode != noError {
			t.Fatal(a.RCode, a.Failure)
		}
		synctest.Wait()
		asked := in.transcript()
		for _, zone := range []string{" secure.example. NS", " own.secure.example. NS"} {
			if strings.Contains(asked, zone) {
				t.Errorf("asked for%s:\n%s", zone, asked)
			}
		}
	})
}

// counting is an Observer that counts the packets of revalidation.
type counting struct {
	resolver.Observer
	packets, zones atomic.Int64
}

// Revalidated counts.
func (c *counting) Revalidated(packets int) {
	c.packets.Add(int64(packets))
	c.zones.Add(1)
}

// All servers of the zone are silent but to clients' questions: asking for the NS set ends after
// maxRevalidation packets, and is not repeated while the delegation lasts.
func TestMaxRevalidation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		z := shortLived("silent.example.", 6, "* A 192.0.2.1")
		z.Algorithm, z.TTL = lab.Unsigned, 300
		w.Add(z)
		var asked atomic.Int64
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			q := in.Question()
			if !strings.EqualFold(q.Name, "silent.example.") || q.Qtype != dns.TypeNS {
				return lab.Reply{}, false
			}
			asked.Add(1)
			return lab.Reply{}, true
		}
		seen := &counting{Observer: resolver.NoObserver}
		in := newWorld(t, w, func(c *resolver.Config) { c.RevalidateNS = true })
		in.parts.Observer = seen
		in = in.withMemory(1 << 20)
		for i := range 20 {
			a := in.resolve(fmt.Sprintf("n%d.silent.example.", i), wire.TypeA)
			if a.RCode != noError {
				t.Error(a.RCode, a.Failure)
			}
			time.Sleep(2 * time.Second)
		}
		if n := asked.Load(); n == 0 || n > resolver.MaxRevalidation {
			t.Errorf("%d packets", n)
		}
		// One more for the set of example., and those for the keys that it is validated with.
		if zones, packets := seen.zones.Load(), seen.packets.Load(); zones != 2 ||
			packets <= asked.Load() || packets > asked.Load()+4 {
			t.Errorf("counted %d packets of %d zones", packets, zones)
		}
	})
}

// What it costs: 40 zones of two names each, half of them signed, from an empty cache.
func TestRevalidationCostsOnePacketForEachZone(t *testing.T) {
	const zones = 40
	packets := map[bool]int{}
	for _, revalidate := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			for i := range zones {
				z := lab.Zone{Name: fmt.Sprintf("z%d.example.", i), Records: "* A 192.0.2.1"}
				if i%2 == 0 {
					z.Algorithm = lab.Unsigned
				}
				w.Add(z)
			}
			in := newWorld(t, w, func(c *resolver.Config) { c.RevalidateNS = revalidate })
			for i := range zones {
				for _, host := range []string{"a", "b"} {
					in.resolve(fmt.Sprintf("%s.z%d.example.", host, i), wire.TypeA)
				}
			}
			synctest.Wait()
			packets[revalidate] = strings.Count(in.transcript(), "\n")
		})
	}
	t.Logf("%.2f packets per name without, %.2f with", float64(packets[false])/(2*zones),
		float64(packets[true])/(2*zones))
	if extra := packets[true] - packets[false]; extra < zones || extra > zones+3 {
		t.Errorf("%d packets more for %d zones and the two above", extra, zones)
	}
}
