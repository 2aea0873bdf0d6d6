// RFC 9520: failures are remembered, each against its cause and nothing else.

package resolver_test

import (
	"context"
	"fmt"
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

// spender scripts the servers of the zone evil. so that each name in it costs packets: every level
// of the name is a delegation to the same server. At the end each name is an alias for what target
// returns.
func spender(target func(name string) string) lab.Script {
	var mu sync.Mutex
	depth := map[string]int{}
	return func(in lab.Incoming) (lab.Reply, bool) {
		q := in.Question()
		name := strings.ToLower(q.Name)
		if !dns.IsSubDomain("evil.", name) || name == "evil." {
			return lab.Reply{}, false
		}
		mu.Lock()
		defer mu.Unlock()
		m := new(dns.Msg).SetReply(in.Query)
		m.SetEdns0(1232, true)
		labels := dns.SplitDomainName(name)
		below := labels[len(labels)-2] // asked for first, with the name minimised
		if len(labels) == 2 {
			depth[below] = 0
		}
		if cut := depth[below] + 2; cut < len(labels) {
			depth[below]++
			zone := dns.Fqdn(strings.Join(labels[len(labels)-cut:], "."))
			m.Ns = []dns.RR{rr(zone + " 0 NS ns." + zone)}
			m.Extra = append(m.Extra, rr(fmt.Sprintf("ns.%s 0 A %s", zone, in.Server)))
			return lab.Messages(m), true
		}
		m.Authoritative = true
		m.Answer = []dns.RR{rr(name + " 0 CNAME " + target(name))}
		return lab.Messages(m), true
	}
}

// rr parses a record; it panics on a mistake of the test's author.
func rr(s string) dns.RR {
	r, err := dns.NewRR(s)
	if err != nil {
		panic(err)
	}
	return r
}

// deep returns a name of that many labels in evil., with a second label of its own for each first
// one.
func deep(first string, labels int) string {
	return first + "." + strings.Repeat(first+".", labels-2) + "evil."
}

// evilWorld is the lab's internet with evil. in it: each name there costs some thirty packets, and
// is an alias for another of the same kind, which is an alias for the victim.
func evilWorld(victim string) *lab.World {
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "evil.", Algorithm: lab.Unsigned})
	w.Script = spender(func(name string) string {
		if strings.HasPrefix(name, "a") {
			first, _, _ := strings.Cut(name, ".")
			return deep("b"+first[1:], dns.CountLabel(name))
		}
		return victim
	})
	return w
}

// An alias whose results have spent the client's budget leads to the victim's name: the limit that
// is met there is held against the query, not against the name, be it the address of a host or the
// keys of a zone.
func TestRFC9520LimitOfAnAliasIsNotHeldAgainstItsTarget(t *testing.T) {
	for _, typ := range []wire.Type{wire.TypeA, wire.TypeDNSKEY, wire.TypeDS, wire.TypeANY} {
		synctest.Test(t, func(t *testing.T) {
			in := newWorld(t, evilWorld("secure.example."), nil)
			zones := []string{"secure.example.", "example.", "."}
			limits := 0
			for labels := 24; labels <= 30; labels++ { // more and more of the budget
				in = in.withMemory(cache.DefaultMemory)
				if a := in.resolve(deep("a", labels), typ); a.Failure != nil {
					limits++
				}
				for _, k := range []wire.Type{typ, wire.TypeDS, wire.TypeDNSKEY, wire.TypeA} {
					for _, zone := range zones {
						k := cache.Key{Name: wire.MustParseName(zone), Type: k}
						if f, ok := in.cache.GetFailure(k, time.Now()); ok {
							t.Errorf("%s: remembered against %s/%s: %v", typ, zone, k.Type, f)
						}
					}
				}
				if a := in.resolve("secure.example.", typ); a.RCode != noError || a.Failure != nil {
					t.Errorf("the victim, %s: %s %v", typ, a.RCode, a.Failure)
				}
				if a := in.resolve("www.secure.example.", wire.TypeA); a.Status != wire.Secure {
					t.Errorf("a name of the victim: %s %v", a.RCode, a.Failure)
				}
			}
			if limits == 0 && typ != wire.TypeANY { // ANY does not follow an alias
				t.Errorf("%s: the attack meets no limit", typ)
			}
		})
	}
}

// A client that waits for a fetch which another client's spent budget ends goes on with its own.
func TestRFC9520WaiterGoesOnWithItsOwnBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := evilWorld("www.slow.faulty.")
		in := newWorld(t, w, nil)
		in.resolve("www.lossy.faulty.", wire.TypeNS) // the zones above are known
		var wg sync.WaitGroup
		ctx, cancel := context.WithCancel(context.Background())
		q := wire.Question{Name: wire.MustParseName(deep("b", 24)), Type: wire.TypeA,
			Class: wire.ClassIN}
		wg.Go(func() { in.r.Resolve(ctx, q, resolver.Options{}) })
		synctest.Wait() // the fetch of the victim's address is under way, for the attacker
		if asked := in.transcript(); !strings.Contains(asked, "www.slow.faulty. A") {
			t.Fatal(asked, "the attacker has not reached the victim")
		}
		wg.Go(func() {
			if a := in.resolve("www.slow.faulty.", wire.TypeA); a.Status != wire.Secure {
				t.Errorf("the waiter: %s %v", a.RCode, a.Failure)
			}
		})
		synctest.Wait()
		cancel() // the leader's resolution ends
		wg.Wait()
	})
}

// A limit that is met because other servers of the zone could not be asked any more leaves the
// first servers' failure in the answer, but it is not remembered.
func TestRFC9520FailureBeforeALimitIsNotTheNames(t *testing.T) {
	f := cause.New(cause.ServerRefused, wire.Root, "")
	if got := f.HeldAgainst(); got != cause.ScopeName {
		t.Errorf("refused: %v", got)
	}
	synctest.Test(t, func(t *testing.T) {
		w := evilWorld("www.one-good.faulty.")
		in := newWorld(t, w, nil)
		in.resolve("www.lossy.faulty.", wire.TypeNS)
		for i := range 40 { // some end at the first servers of the victim, which are bad
			in.resolve(deep(fmt.Sprintf("a%d", i), 29), wire.TypeA)
			k := cache.Key{Name: wire.MustParseName("www.one-good.faulty."), Type: wire.TypeA}
			if f, ok := in.cache.GetFailure(k, time.Now()); ok {
				t.Fatalf("after %d queries for other names: %v", i+1, f)
			}
			time.Sleep(301 * time.Second)
		}
	})
}

// An alias whose zone has used up the look-ups of name servers' addresses leads to a name of which
// one server refuses, or answers without authority. The other, whose address may not be looked up
// any more, was not asked. So the refusal is not held against the name, and the answer is not
// cached.
func TestRFC9520FailureBeforeALimitOfLookupsIsNotTheNames(t *testing.T) {
	for _, weak := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := unglued("ns1")
			w.Add(lab.Zone{Name: "refuser.", Algorithm: lab.Unsigned})
			w.Add(lab.Zone{Name: "evil.", Algorithm: lab.Unsigned})
			refuser, evil := w.AddressOf("refuser."), w.AddressOf("evil.")
			example, honest := w.AddressOf("example."), w.Script
			w.Script = func(i lab.Incoming) (lab.Reply, bool) {
				name := strings.ToLower(i.Question().Name)
				m := new(dns.Msg).SetReply(i.Query)
				m.SetEdns0(1232, true)
				refer := func(zone, glued string, servers ...string) {
					m.Extra = append(m.Extra, rr(glued+" 300 A "+refuser.String()))
					for _, ns := range append(servers, glued) {
						m.Ns = append(m.Ns, rr(zone+" 300 NS "+ns))
					}
				}
				switch {
				case i.Server == refuser && weak && i.Question().Qtype == dns.TypeA &&
					name == "a.w.unglued.example.":
					m.Answer = []dns.RR{rr(name + " 300 A 192.0.2.66")}
				case i.Server == refuser && weak && dns.IsSubDomain("unglued.example.", name):
					m.Authoritative = true // an empty non-terminal
					m.Ns = []dns.RR{rr("unglued.example. 300 SOA ns. host. 1 2 3 4 5")}
				case i.Server == refuser:
					m.Rcode = dns.RcodeRefused
				case i.Server == example && i.Question().Qtype != dns.TypeDS &&
					dns.IsSubDomain("unglued.example.", name):
					refer("unglued.example.", "ns.unglued.example.", "ns1.names.example.")
				case i.Server == evil && name == "burn.evil.":
					var dead []string
					for n := range resolver.MaxFailedLookupsPerZone {
						dead = append(dead, fmt.Sprintf("dead%d.names.example.", n))
					}
					refer("burn.evil.", "ns.evil.", dead...)
				case i.Server == evil && name == "ns.evil.": // the right address, looked up last
					m.Authoritative, m.Answer = true, []dns.RR{rr(name + " 300 A " + evil.String())}
				case i.Server == evil && name == "alias.burn.evil.":
					m.Authoritative, m.Answer = true, []dns.RR{rr(name +
						" 0 CNAME a.w.unglued.example.")}
				default:
					return honest(i)
				}
				return lab.Messages(m), true
			}
			in := newWorld(t, w, nil)
			// the servers to ask for the addresses are cached
			in.resolve("names.example.", wire.TypeSOA)
			a := in.resolve("alias.burn.evil.", wire.TypeA)
			if refused := a.Failure != nil &&
				a.Failure.Cause == cause.ServerRefused; refused == weak {
				t.Fatalf("the attack: %s %v\n%s", a.RCode, a.Failure, in.transcript())
			}
			k := cache.Key{Name: wire.MustParseName("a.w.unglued.example."), Type: wire.TypeA}
			if f, ok := in.cache.GetFailure(k, time.Now()); ok {
				t.Errorf("remembered against the victim: %v", f)
			}
			if _, state := in.cache.LookupRRset(k, time.Now()); state.Good() {
				t.Error("what the first server says without authority is kept")
			}
			if a := in.resolve("a.w.unglued.example.", wire.TypeA); a.RCode != noError ||
				a.Failure != nil {
				t.Errorf("the victim: %s %v", a.RCode, a.Failure)
			}
		})
	}
}

// The client's own question, begun with a full budget, is remembered with its limit, and for the
// same time however often it fails.
func TestRFC9520OwnLimitIsRememberedForAsLongEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := evilWorld("www.plain.")
		in := newWorld(t, w, nil)
		name := deep("a", 40) // more referrals than are followed
		for i := range 6 {
			a := in.resolve(name, wire.TypeA)
			if a.Failure == nil || a.Failure.HeldAgainst() != cause.ScopeQuery {
				t.Fatalf("no limit: %s %v", a.RCode, a.Failure)
			}
			in.transcript()
			if in.resolve(name, wire.TypeA); in.transcript() != "" {
				t.Fatalf("failure %d is not remembered", i)
			}
			time.Sleep(cache.FailureTTL)
			if in.resolve(name, wire.TypeA); in.transcript() == "" {
				t.Fatalf("failure %d is remembered for longer than %v", i, cache.FailureTTL)
			}
			time.Sleep(cache.FailureTTL)
		}
	})
}

// Failures by cause: how long each is remembered when it repeats.
func TestRFC9520Backoff(t *testing.T) {
	for _, c := range []struct {
		name  string
		first time.Duration
		last  time.Duration
	}{
		{"www.refusing.faulty.", cache.FailureTTL, cache.FailureMaxTTL},
		{"www.lame.faulty.", cache.FailureTTL, cache.FailureMaxTTL},
		{"www.dead.faulty.", cache.FailureTTL, cache.SilenceMaxTTL},
		{"www.expired.faulty.", cache.BogusTTL, cache.BogusTTL},
	} {
		synctest.Test(t, func(t *testing.T) {
			in := newInternet(t)
			k := cache.Key{Name: wire.MustParseName(c.name), Type: wire.TypeA}
			for i := range 12 {
				go func() {
					time.Sleep(10 * time.Millisecond)
					// others reply
					in.resolve(fmt.Sprintf("x%d.wild.unsigned.example.", i), wire.TypeA)
				}()
				in.resolve(c.name, wire.TypeA)
				f, ok := in.cache.Failures.Get(k)
				if !ok {
					t.Fatalf("%s: not remembered", c.name)
				}
				left := time.Duration(f.Expires-time.Now().Unix()) * time.Second
				if i == 0 && left != c.first || i == 11 && left != c.last || left > c.last {
					t.Errorf("%s, failure %d: remembered for %v", c.name, i, left)
				}
				time.Sleep(left)
			}
		})
	}
}

// cable is a link to a world that can be cut.
type cable struct {
	*lab.World
	mu  sync.Mutex
	out bool
}

func (c *cable) pull(out bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = out
}

func (c *cable) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	c.mu.Lock()
	out := c.out
	c.mu.Unlock()
	if out {
		return nil, transport.ErrUnreachable
	}
	return c.World.Exchange(ctx, r)
}

// A laptop's link is down while clients keep asking for the same names. The first reply after its
// return ends all failures of that time, and all names resolve within five seconds.
func TestRFC9520LinkThatWasDownIsHeldAgainstNobody(t *testing.T) {
	names := []string{"www.secure.example.", "www.unsigned.example.", "www.nsec3.example.",
		"www.plain.",
		"www.lossy.faulty."}
	for _, atStart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			line := &cable{World: w}
			in := newNetwork(t, w, line, nil)
			if !atStart {
				in.resolve("txt.secure.example.", wire.TypeTXT) // some zones are known
				in.resolve("www.lossy.faulty.", wire.TypeNS)
			}
			line.pull(true)
			for range 80 {
				for _, n := range names {
					if a := in.resolve(n, wire.TypeA); a.RCode != servFail {
						t.Fatalf("%s without a link: %s", n, a.RCode)
					}
				}
				time.Sleep(500 * time.Millisecond)
			}
			line.pull(false)
			time.Sleep(cache.LinkTTL)
			for _, n := range names {
				if a := in.resolve(n, wire.TypeA); a.RCode != noError {
					t.Errorf("known zones: %v, %s after the link's return: %s %v", !atStart, n,
						a.RCode, a.Failure)
				}
			}
		})
	}
}

// One reply from any server is enough, also for a name whose failure has just been remembered.
func TestRFC9520FirstReplyEndsFailuresOfTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		line := &cable{World: w}
		in := newNetwork(t, w, line, nil)
		in.resolve("txt.secure.example.", wire.TypeTXT)
		in.resolve("www.plain.", wire.TypeA)
		line.pull(true)
		k := cache.Key{Name: wire.MustParseName("www.secure.example."), Type: wire.TypeA}
		in.resolve("www.secure.example.", wire.TypeA)
		f, ok := in.cache.GetFailure(k, time.Now())
		if !ok || f.HeldAgainst() != cause.ScopeLink {
			t.Fatalf("remembered: %v", f)
		}
		line.pull(false)
		if a := in.resolve("nic.example.", wire.TypeA); a.RCode != noError {
			t.Fatalf("another name: %s %v", a.RCode, a.Failure)
		}
		if a := in.resolve("www.secure.example.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("the name: %s %v", a.RCode, a.Failure)
		}
	})
}

// Keys that cannot be fetched because the link went down do not make a zone bogus. They are asked
// for ahead of the answer, which is the last reply that gets through. The tries that are sent after
// it decide.
func TestRFC9520LinkLostBeforeTheKeysIsNotBogus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		line := &cable{World: w}
		asked := make(chan struct{})
		var once sync.Once
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			q := in.Question()
			keys := strings.EqualFold(q.Name, "secure.example.") && q.Qtype == dns.TypeDNSKEY
			switch {
			case keys:
				once.Do(func() { close(asked) })
			case strings.EqualFold(q.Name, "www.secure.example."):
				<-asked
				line.pull(true)
			}
			return lab.Reply{}, keys
		}
		in := newNetwork(t, w, line, nil)
		a := in.resolve("www.secure.example.", wire.TypeA)
		if a.RCode != servFail || a.Status == wire.Bogus ||
			a.Failure.HeldAgainst() != cause.ScopeLink {
			t.Errorf("got %s %v, held against %d", a.RCode, a.Failure, a.Failure.HeldAgainst())
		}
		w.Script = nil
		line.pull(false)
		time.Sleep(cache.LinkTTL)
		if a := in.resolve("www.secure.example.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("with the link back: %s %v", a.RCode, a.Failure)
		}
	})
}

// A limit that ends a validation is not held against the server that replied.
func TestRFC9520LimitIsNotHeldAgainstServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, evilWorld("www.secure.example."), nil)
		zones := map[string]string{"127.53.0.2": ".", "127.53.0.3": "example.",
			"127.53.0.8": "secure.example."}
		heard := false
		for labels := 24; labels <= 29; labels++ {
			one := in.withMemory(cache.DefaultMemory)
			one.resolve(deep("a", labels), wire.TypeA)
			heard = heard || strings.Contains(in.transcript(), "127.53.0.8 www.secure.example. A")
			for server, zone := range zones {
				if one.r.Held(netip.MustParseAddr(server), wire.MustParseName(zone)) {
					t.Errorf("%d labels: a fault is held against the server of %s", labels, zone)
				}
			}
		}
		if !heard {
			t.Error("no query has come as far as the victim's server")
		}
	})
}

// An alias whose server takes nearly all of a client's time leads to the victim's name: that the
// rest of the time was too short is not remembered against the name, and other clients that wait
// for it go on.
func TestRFC9520TimeSpentByAnAliasIsNotHeldAgainstItsTarget(t *testing.T) {
	for _, spent := range []time.Duration{4300 * time.Millisecond, 4600 * time.Millisecond,
		4790 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.Add(lab.Zone{Name: "evil.", Algorithm: lab.Unsigned})
			evil := w.AddressOf("evil.")
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				q := in.Question()
				if in.Server != evil || !strings.HasPrefix(strings.ToLower(q.Name), "a.") {
					return lab.Reply{}, false
				}
				m := new(dns.Msg).SetReply(in.Query)
				m.SetEdns0(1232, true)
				m.Authoritative, m.Answer = true, []dns.RR{rr(q.Name + " 0 CNAME www.slow.faulty.")}
				return lab.Messages(m).After(spent), true
			}
			in := newWorld(t, w, nil)
			in.resolve("evil.", wire.TypeSOA)
			var wg sync.WaitGroup
			wg.Go(func() { in.resolve("a.evil.", wire.TypeA) })
			time.Sleep(spent + 5*time.Millisecond) // the victim is being asked for the attacker
			wg.Go(func() {
				if a := in.resolve("www.slow.faulty.", wire.TypeA); a.Status != wire.Secure {
					t.Errorf("after %v, the waiter: %s %v", spent, a.RCode, a.Failure)
				}
			})
			wg.Wait()
			for _, name := range []string{"www.slow.faulty.", "slow.faulty.", "faulty."} {
				for _, typ := range []wire.Type{wire.TypeA, wire.TypeDNSKEY, wire.TypeDS} {
					k := cache.Key{Name: wire.MustParseName(name), Type: typ}
					if f, ok := in.cache.GetFailure(k, time.Now()); ok {
						t.Errorf("after %v, remembered against %s/%s: %v", spent, name, typ, f)
					}
				}
			}
		})
	}
}

// A closed port is reported by the host itself, so the path works: the failure is the name's own,
// and not the link's, though no other server replies meanwhile.
func TestRFC9520ClosedPortIsNotTheLinks(t *testing.T) {
	for err, want := range map[error]cause.Scope{transport.ErrRefused: cause.ScopeName,
		transport.ErrUnreachable: cause.ScopeLink} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			in := newWorld(t, w, nil)
			in.resolve("www.plain.", wire.TypeA)
			w.Script = func(i lab.Incoming) (lab.Reply, bool) { return lab.Reply{Err: err}, true }
			a := in.resolve("txt.plain.", wire.TypeTXT)
			if a.RCode != servFail || a.Failure.Cause != cause.Unreachable ||
				a.Failure.HeldAgainst() != want {
				t.Errorf("%v: %s %v, held against %d", err, a.RCode, a.Failure,
					a.Failure.HeldAgainst())
			}
		})
	}
}
