// Delegations that the parent has changed since they were cached.

package resolver_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// outdatedWorld is an internet in which child.example. is known, with a delegation that lasts for
// 300 s, and what its parent proves of its DS for 60 s. There may be an a.child.example. below.
func outdatedWorld(t *testing.T, parent, child lab.Zone, below ...lab.Zone) (*internet,
	netip.Addr) {
	t.Helper()
	w := lab.New(time.Now())
	parent.Name, child.Name = "example.", "child.example."
	w.Add(parent)
	if child.Records == "" {
		child.Records = "* A 192.0.2.1"
	}
	w.Add(child)
	for _, z := range below {
		z.Name = "a.child.example."
		w.Add(z)
	}
	w.Script = shortTrust(nil)
	in := newWorld(t, w, nil)
	if a := in.resolve("first.child.example.", wire.TypeA); a.RCode != noError {
		t.Fatalf("got %s %v", a.RCode, a.Failure)
	}
	return in, w.AddressOf("child.example.")
}

// shortTrust gives the DS and DNSKEY sets of a world a TTL of 60 s. Another script is asked first.
func shortTrust(first lab.Script) lab.Script {
	rests := func(t uint16) bool { return t == dns.TypeDS || t == dns.TypeDNSKEY }
	return func(in lab.Incoming) (lab.Reply, bool) {
		if first != nil {
			if r, ok := first(in); ok {
				return r, true
			}
		}
		m := in.Honest()
		for _, r := range append(m.Answer, m.Ns...) {
			sig, signed := r.(*dns.RRSIG)
			if rests(r.Header().Rrtype) || signed && rests(sig.TypeCovered) {
				r.Header().Ttl = 60
			}
		}
		return lab.Messages(m), true
	}
}

// RFC 4035, section 5.2: no DS without a delegation. The parent has withdrawn a zone whose
// delegation is cached: when the proof that it is unsigned, or its DS, has ended, the parent denies
// that the name is a zone. The cached delegation is not used any more, and the parent has the
// answer, whether it denies the name or has data there.
func TestRFC4035ParentThatDeniesTheCutEndsItsDelegation(t *testing.T) {
	unsigned := lab.Zone{Algorithm: lab.Unsigned}
	for what, c := range map[string]struct {
		parent, child lab.Zone
		instead       string // what the parent has in place of the zone
		ask           string
		rcode         wire.RCode
	}{
		"unsigned": {lab.Zone{}, unsigned, "", "second.child", nxDomain},
		"signed":   {lab.Zone{}, lab.Zone{}, "", "second.child", nxDomain},
		"data": {lab.Zone{}, unsigned, "second.child.example. 300 A 192.0.2.9", "second.child",
			noError},
		"apex":  {lab.Zone{}, unsigned, "child.example. 300 MX 1 m.example.", "child", noError},
		"NSEC3": {lab.Zone{Denial: lab.NSEC3}, unsigned, "", "second.child", nxDomain},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, former := outdatedWorld(t, c.parent, c.child)
				var instead []dns.RR
				if c.instead != "" {
					instead = []dns.RR{rr(c.instead)}
				}
				in.world.Withdraw("child.example.", instead...)
				for i := range 3 {
					time.Sleep(61 * time.Second) // DS and denials end, the delegation does not
					in.transcript()
					a := in.resolve(c.ask+".example.", wire.TypeA)
					asked := in.transcript()
					if a.RCode != c.rcode || a.Status != wire.Secure {
						t.Fatalf("got %s, %s, %v\n%s", a.RCode, a.Status, a.Failure, asked)
					}
					if i > 0 && strings.Contains(asked, former.String()) {
						t.Errorf("the former servers are asked\n%s", asked)
					}
				}
			})
		})
	}
}

// The delegation of a zone below the one that has gone is in the cache as well, and ends with it.
func TestRFC4035ParentThatDeniesACutEndsTheDelegationsBelow(t *testing.T) {
	for _, instead := range [][]dns.RR{nil, {rr("b.a.child.example. 300 A 192.0.2.9")}} {
		synctest.Test(t, func(t *testing.T) {
			unsigned := lab.Zone{Algorithm: lab.Unsigned, Records: "* A 192.0.2.1"}
			in, _ := outdatedWorld(t, lab.Zone{}, unsigned, unsigned)
			in.resolve("first.a.child.example.", wire.TypeA)
			in.world.Withdraw("child.example.", instead...)
			time.Sleep(61 * time.Second)
			for _, name := range []string{"b.a.child.example.", "c.a.child.example."} {
				if a := in.resolve(name, wire.TypeA); a.Status != wire.Secure {
					t.Errorf("%s: got %s, %s, %v", name, a.RCode, a.Status, a.Failure)
				}
			}
		})
	}
}

// A zone has moved to other servers: it is signed there, or its former servers refuse it, or are
// lame. What its parent says now is followed, and the former servers are not asked again
// (PowerDNS/pdns issue 150: only such a server was left in the cache, and the zone was lost).
func TestDelegationThatHasMovedIsFollowed(t *testing.T) {
	refuse := func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, dns.RcodeRefused) }
	upward := func(q *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		m.Ns = []dns.RR{rr(". 300 NS ns.example.")}
		return m
	}
	for what, c := range map[string]struct {
		before, after uint8
		former        func(*dns.Msg) *dns.Msg
		status        wire.Security
	}{
		"signed now":  {lab.Unsigned, 0, nil, wire.Secure},
		"other keys":  {0, dns.ED25519, nil, wire.Secure},
		"refused":     {lab.Unsigned, lab.Unsigned, refuse, wire.Insecure},
		"lame":        {0, lab.Unsigned, upward, wire.Insecure},
		"all changes": {0, dns.ED25519, refuse, wire.Secure},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, former := outdatedWorld(t, lab.Zone{},
					lab.Zone{Algorithm: c.before, TTL: 60})
				in.world.Move(lab.Zone{Name: "child.example.", Algorithm: c.after,
					Records: "* A 192.0.2.2"})
				in.world.Script = shortTrust(func(i lab.Incoming) (lab.Reply, bool) {
					if c.former == nil || i.Server != former {
						return lab.Reply{}, false
					}
					return lab.Messages(c.former(i.Query)), true
				})
				time.Sleep(241 * time.Second) // only delegations are left
				for _, name := range []string{"second", "third", "fourth"} {
					in.transcript()
					a := in.resolve(name+".child.example.", wire.TypeA)
					asked := in.transcript()
					if a.RCode != noError || a.Status != c.status {
						t.Fatalf("%s: got %s, %s, %v\n%s", name, a.RCode, a.Status, a.Failure,
							asked)
					}
					if name != "second" && strings.Contains(asked, former.String()) {
						t.Errorf("the former servers are asked\n%s", asked)
					}
				}
			})
		})
	}
}

// A zone whose servers all fail, and that its parent has not changed, costs its parent one question
// in 30 s, whatever names are asked for. One that is delegated to other servers each time, which
// fail as well, costs each question one more cut.
func TestDelegationInDoubtIsAskedForOnceInAWhile(t *testing.T) {
	for _, moving := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			in, _ := outdatedWorld(t, lab.Zone{}, lab.Zone{Algorithm: lab.Unsigned,
				Records: "first A 192.0.2.1"})
			w := in.world
			parent := w.AddressOf("example.")
			n := byte(4)
			w.Script = func(i lab.Incoming) (lab.Reply, bool) {
				name := strings.ToLower(i.Question().Name)
				switch {
				case !dns.IsSubDomain("child.example.", name):
					return lab.Reply{}, false
				case i.Server != parent:
					return lab.Messages(new(dns.Msg).SetRcode(i.Query, dns.RcodeRefused)), true
				case moving:
					m := i.Honest()
					for _, r := range m.Extra {
						if a, ok := r.(*dns.A); ok {
							n ^= 4 ^ 2 // the servers of the root and the zone, in turn
							a.A = netip.AddrFrom4([4]byte{127, 53, 0, n}).AsSlice()
						}
					}
					return lab.Messages(m), true
				}
				return lab.Reply{}, false
			}
			time.Sleep(10 * time.Second)
			in.transcript()
			for i := range 50 {
				in.resolve(fmt.Sprintf("n%d.child.example.", i), wire.TypeA)
				time.Sleep(time.Second)
			}
			if asked := strings.Count(in.transcript(), parent.String()); asked > 3 || asked < 2 {
				t.Errorf("moving %v: the parent was asked %d times in 50 s", moving, asked)
			}
		})
	}
}

// A delegation that the resolution itself has learnt is as good as it gets, even if its TTL of 0
// keeps it out of the cache, or its servers take seconds to be of no use: the parent is not asked a
// second time.
func TestDelegationThatWasJustLearntIsNotInDoubt(t *testing.T) {
	for ttl, slow := range map[uint32]time.Duration{0: 0, 300: 2500 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.New(time.Now())
			w.Add(lab.Zone{Name: "example."})
			w.Add(lab.Zone{Name: "child.example.", Algorithm: lab.Unsigned})
			parent, child := w.AddressOf("example."), w.AddressOf("child.example.")
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				m := in.Honest()
				switch in.Server {
				case child:
					refused := new(dns.Msg).SetRcode(in.Query, dns.RcodeRefused)
					return lab.Messages(refused).After(slow), true
				case parent:
					for _, r := range m.Ns {
						if r.Header().Rrtype == dns.TypeNS {
							r.Header().Ttl = ttl
						}
					}
				}
				return lab.Messages(m), true
			}
			in := newWorld(t, w, nil)
			if a := in.resolve("www.child.example.", wire.TypeA); a.RCode != servFail {
				t.Errorf("got %s", a.RCode)
			}
			asked := in.transcript()
			if n := strings.Count(asked, parent.String()+" child.example. A"); n != 1 {
				t.Errorf("TTL %d: the parent was asked %d times\n%s", ttl, n, asked)
			}
		})
	}
}
