package resolver_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/cause"
	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/internal/ledger"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// far delays all replies of a world's servers. A connection takes one more round trip.
func far(rtt time.Duration) lab.Script {
	return func(in lab.Incoming) (lab.Reply, bool) {
		d := rtt
		if in.TCP {
			d *= 2
		}
		return lab.Messages(in.Honest()).After(d), true
	}
}

// Where every round trip takes long, as over a satellite, names with glue up to three levels below
// the root resolve within a client's patience, validated, from a cold cache; and a late reply is
// used: no server gets a question twice.
func TestRFC6298FarNetwork(t *testing.T) {
	for _, rtt := range []time.Duration{450, 600, 1000} { // milliseconds
		t.Run(fmt.Sprint(rtt*time.Millisecond), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				w.Script = far(rtt * time.Millisecond)
				in := newWorld(t, w, nil)
				began := time.Now()
				a := in.resolve("www.secure.example.", wire.TypeA)
				if a.Status != wire.Secure || time.Since(began) > resolver.MaxTime {
					t.Fatalf("%s %v after %v\n%s", a.RCode, a.Failure, time.Since(began),
						in.transcript())
				}
				in.transcript()
				for i := range 8 {
					in.resolve(fmt.Sprintf("x%d.unsigned.example.", i), wire.TypeA)
				}
				lines := strings.Fields(strings.ReplaceAll(in.transcript(), " ", "_"))
				slices.Sort(lines)
				if again := len(lines) - len(slices.Compact(lines)); again > 2 {
					t.Errorf("asked again %d times though all replied\n%s", again,
						strings.Join(lines, "\n"))
				}
			})
		})
	}
}

// A name that takes longer to resolve than a client waits is resolved by the client's retry: the
// time limit is not remembered against the name, and data that were cached on the way are not asked
// for again.
func TestRFC6298RetryGoesOnFromWhereItEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		for _, zone := range []string{"a.secure.example.", "b.a.secure.example.",
			"c.b.a.secure.example.", "d.c.b.a.secure.example.", "e.d.c.b.a.secure.example."} {
			w.Add(lab.Zone{Name: zone, Records: "www A 192.0.2.1"})
		}
		w.Script = far(time.Second)
		in := newWorld(t, w, nil)
		const name = "www.e.d.c.b.a.secure.example."
		first := in.resolve(name, wire.TypeA)
		if first.RCode != servFail || first.Failure.Cause != cause.LimitTime {
			t.Fatalf("the first time: %s %v", first.RCode, first.Failure)
		}
		time.Sleep(2500 * time.Millisecond) // the fetch goes on for two seconds
		in.transcript()
		if a := in.resolve(name, wire.TypeA); a.Status != wire.Secure {
			t.Errorf("the retry: %s %v", a.RCode, a.Failure)
		}
		asked := in.transcript()
		for _, known := range []string{" . NS", " . DNSKEY", " example. A", " example. DNSKEY",
			" secure.example. A"} {
			if strings.Contains(asked, known+"\n") {
				t.Errorf("asked again for%s\n%s", known, asked)
			}
		}
	})
}

// A name that takes longer than a client waits is resolved for the retry, however far below the
// root it is, and no step is asked twice for that: what was under way when the first query ended
// goes on. Servers that are not known yet may be asked a second time, as they are late for those.
func TestRFC6298NoStepIsAskedTwiceForARetry(t *testing.T) {
	for _, name := range []string{"www.a.secure.example.", "www.b.a.secure.example.",
		"www.c.b.a.secure.example.", "none.c.b.a.secure.example."} {
		for pause := range 3 {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				for _, zone := range []string{"a.secure.example.", "b.a.secure.example.",
					"c.b.a.secure.example."} {
					w.Add(lab.Zone{Name: zone, Records: "www A 192.0.2.1"})
				}
				w.Script = far(time.Second)
				in := newWorld(t, w, nil)
				if a := in.resolve(name, wire.TypeA); a.Failure == nil ||
					a.Failure.Cause != cause.LimitTime {
					t.Fatalf("the first time: %s %v", a.RCode, a.Failure)
				}
				time.Sleep(time.Duration(pause) * 400 * time.Millisecond)
				if a := in.resolve(name, wire.TypeA); a.Status != wire.Secure {
					t.Errorf("the retry: %s %v", a.RCode, a.Failure)
				}
				asked := map[string]int{}
				for l := range strings.Lines(in.transcript()) {
					if asked[l]++; asked[l] > 2 {
						t.Errorf("%s, %d ms later: asked for the third time: %s", name, pause*400,
							l)
					}
				}
			})
		}
	}
}

// A fetch that lingers ends after two seconds if nobody asks again, and holds nothing then.
func TestLingerTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		for _, zone := range []string{"a.secure.example.", "b.a.secure.example.",
			"c.b.a.secure.example.", "d.c.b.a.secure.example.", "e.d.c.b.a.secure.example."} {
			w.Add(lab.Zone{Name: zone, Records: "www A 192.0.2.1"})
		}
		w.Script = far(time.Second)
		l := ledger.New(1 << 20)
		in := newWorld(t, w, nil).withLedger(l)
		in.resolve("www.e.d.c.b.a.secure.example.", wire.TypeA)
		synctest.Wait()
		if in.r.Stats().Fetches == 0 || l.Held(ledger.Upstream) == 0 {
			t.Error("nothing goes on")
		}
		time.Sleep(2100 * time.Millisecond)
		synctest.Wait()
		in.transcript()
		time.Sleep(10 * time.Second)
		if n := in.r.Stats().Fetches; n != 0 || l.Held(ledger.Upstream) != 0 ||
			in.transcript() != "" {
			t.Errorf("%d fetches go on, and %d bytes are held", n, l.Held(ledger.Upstream))
		}
	})
}

// Where all servers have been silent for long, nothing goes on: the retry would find the same.
func TestLingerTimeIsForServersThatReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, manyServers(lab.Dead), nil)
		if a := in.resolve("www.many.", wire.TypeA); a.RCode != servFail {
			t.Fatalf("got %s", a.RCode)
		}
		synctest.Wait()
		if n := in.r.Stats().Fetches; n != 0 {
			t.Errorf("%d fetches go on", n)
		}
	})
}

// One authority that takes a second, or nearly two, is waited for.
func TestRFC6298SlowAuthority(t *testing.T) {
	for _, rtt := range []time.Duration{time.Second, 1900 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			w.SlowBy = rtt
			in := newWorld(t, w, nil)
			if a := in.resolve("www.slow.faulty.", wire.TypeA); a.Status != wire.Secure {
				t.Errorf("%v: %s %v\n%s", rtt, a.RCode, a.Failure, in.transcript())
			}
		})
	}
}

// pair is a zone with two servers, whose behaviour a test sets.
func pair(first, second lab.Script) (w *lab.World, zone string) {
	w = lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "pair.example.", Algorithm: lab.Unsigned, Records: "* A 192.0.2.1",
		Servers: []lab.ServerFaults{nil, nil}})
	at := w.Servers()[len(w.Servers())-2:]
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		switch {
		case in.Server == at[0] && first != nil:
			return first(in)
		case in.Server == at[1] && second != nil:
			return second(in)
		}
		return lab.Reply{}, false
	}
	return w, "pair.example."
}

func silence(lab.Incoming) (lab.Reply, bool) { return lab.Reply{}, true }

// A zone has a server that is silent or slow, and a quick one: the quick one is asked in parallel,
// not afterwards, and soon as the first.
func TestRFC6298SlowServerBesideAQuickOne(t *testing.T) {
	for name, script := range map[string]lab.Script{"silent": silence,
		"slow": far(2 * time.Second)} {
		synctest.Test(t, func(t *testing.T) {
			w, zone := pair(script, far(20*time.Millisecond))
			in := newWorld(t, w, nil)
			var took []time.Duration
			for i := range 60 {
				began := time.Now()
				if a := in.resolve(fmt.Sprintf("n%d.%s", i, zone), wire.TypeA); a.RCode != noError {
					t.Fatalf("%s: %s %v", name, a.RCode, a.Failure)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			if took[30] > 20*time.Millisecond || took[59] > time.Second {
				t.Errorf("%s: median %v, worst %v", name, took[30], took[59])
			}
		})
	}
}

// A near server that loses a packet is asked again as soon as if it were the only one, though a
// distant one is asked meanwhile.
func TestRFC6298FarServerDoesNotHoldUpTheNearOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lost atomic.Bool
		w, zone := pair(func(q lab.Incoming) (lab.Reply, bool) {
			if lost.Swap(false) {
				return lab.Reply{}, true
			}
			return lab.Messages(q.Honest()).After(4 * time.Millisecond), true
		}, far(350*time.Millisecond))
		in := newWorld(t, w, nil)
		for i := range 40 {
			in.resolve(fmt.Sprintf("n%d.%s", i, zone), wire.TypeA)
		}
		lost.Store(true)
		began := time.Now()
		for i := 0; lost.Load(); i++ { // now and then the far one is asked first
			began = time.Now()
			expectAddress(t, in, fmt.Sprintf("m%d.%s", i, zone))
		}
		if took := time.Since(began); took > 200*time.Millisecond {
			t.Errorf("took %v\n%s", took, in.transcript())
		}
	})
}

// The late reply of a server that is known to be quick is used, with TCP or without.
func TestRFC6298QuickServerThatIsSlowOnce(t *testing.T) {
	// If all is lost for longer, three questions are all that a server gets (RFC 9520, section
	// 3.1).
	for _, pause := range []time.Duration{300 * time.Millisecond, 900 * time.Millisecond,
		2 * time.Second} {
		for _, lost := range []bool{false, pause < time.Second} {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				w.Script = far(5 * time.Millisecond)
				in := newWorld(t, w, nil)
				for i := range 5 {
					in.resolve(fmt.Sprintf("x%d.unsigned.example.", i), wire.TypeA)
				}
				began := time.Now()
				w.Script = func(q lab.Incoming) (lab.Reply, bool) {
					if q.TCP {
						return lab.Reply{Err: transport.ErrUnreachable}, true
					}
					if left := pause - time.Since(began); left > 0 && lost {
						return lab.Reply{}, true
					} else if left > 0 {
						return lab.Messages(q.Honest()).After(left), true
					}
					return lab.Reply{}, false
				}
				a := in.resolve("www.unsigned.example.", wire.TypeA)
				if a.RCode != noError {
					t.Errorf("%v, lost %v: %s %v after %v\n%s", pause, lost, a.RCode, a.Failure,
						time.Since(began), in.transcript())
				}
				in.transcript()
				in.resolve("txt.unsigned.example.", wire.TypeTXT) // it is not dead either
				if n := strings.Count(in.transcript(), "\n"); n != 1 {
					t.Errorf("%v, lost %v: the next question takes %d packets", pause, lost, n)
				}
			})
		}
	}
}

// A fifth, and a half, of all packets are lost, in both directions and over TCP: names resolve, and
// the median time is short.
func TestRFC6298Loss(t *testing.T) {
	for _, c := range []struct {
		loss           float64
		failures       int
		median, p99    time.Duration
		packetsPerName int
	}{{0, 0, 30 * time.Millisecond, 100 * time.Millisecond, 1},
		{0.2, 0, 60 * time.Millisecond, 1500 * time.Millisecond, 2},
		{0.5, 6, 500 * time.Millisecond, 5 * time.Second, 4}} {
		t.Run(fmt.Sprint(c.loss), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				w.Add(lab.Zone{Name: "lost.example.", Algorithm: lab.Unsigned,
					Records: "* A 192.0.2.1",
					Servers: []lab.ServerFaults{nil, nil}})
				random := rand.New(rand.NewPCG(1, 2))
				var mu sync.Mutex
				lose := func() bool {
					mu.Lock()
					defer mu.Unlock()
					return random.Float64() < c.loss
				}
				w.Script = func(q lab.Incoming) (lab.Reply, bool) {
					d := 20 * time.Millisecond
					if q.TCP { // the kernel sends again
						for d = 2 * d; lose(); d += 500 * time.Millisecond {
						}
					} else if there, back := lose(), lose(); there || back {
						return lab.Reply{}, true
					}
					return lab.Messages(q.Honest()).After(d), true
				}
				in := newWorld(t, w, nil)
				for range 20 {
					in.resolve("warm.lost.example.", wire.TypeA)
				}
				in.transcript()
				var took []time.Duration
				failed := 0
				for i := range 300 {
					began := time.Now()
					if a := in.resolve(fmt.Sprintf("n%d.lost.example.", i),
						wire.TypeA); a.RCode != noError {
						failed++
					}
					took = append(took, time.Since(began))
				}
				slices.Sort(took)
				sent := strings.Count(in.transcript(), "\n")
				t.Logf("failed %d, median %v, p99 %v, packets %d", failed, took[150], took[296],
					sent)
				if failed > c.failures || took[150] > c.median || took[296] > c.p99 ||
					sent > 300*c.packetsPerName {
					t.Errorf("failed %d, median %v, p99 %v, packets %d", failed, took[150],
						took[296], sent)
				}
			})
		})
	}
}

// forwarding has a resolver ask forwarders for everything.
func forwarding(t *testing.T, w *lab.World, addrs ...netip.Addr) *internet {
	return newWorld(t, w, func(c *resolver.Config) {
		z := resolver.Zone{Name: wire.Root, Forward: true}
		for _, a := range addrs {
			z.Addrs = append(z.Addrs, netip.AddrPortFrom(a, 53))
		}
		c.Zones = []resolver.Zone{z}
	})
}

// A forwarder answers from its cache in a millisecond and takes seconds for the rest: it is waited
// for, and not asked more often than needed.
func TestRFC6298ForwarderTakesSecondsForAMiss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		at := w.Servers()[0]
		var n, wait atomic.Int64
		w.Script = func(q lab.Incoming) (lab.Reply, bool) {
			m := q.Honest()
			m.Rcode, m.Answer, m.Ns = 0, nil, nil
			m.Answer = append(m.Answer, rr(q.Question().Name+" 60 IN TXT hit"))
			if q.Question().Qtype != dns.TypeSOA { // a probe, as it may be down
				n.Add(1)
			}
			if strings.HasPrefix(strings.ToLower(q.Question().Name), "miss") {
				return lab.Messages(m).After(time.Duration(wait.Load())), true
			}
			return lab.Messages(m).After(time.Millisecond), true
		}
		in := forwarding(t, w, at)
		for i := range 20 {
			in.ask(fmt.Sprintf("hit%d.test.", i), wire.TypeTXT,
				resolver.Options{CheckingDisabled: true})
		}
		n.Store(0)
		wait.Store(int64(300 * time.Millisecond))
		for i := range 5 {
			in.ask(fmt.Sprintf("miss%d.test.", i), wire.TypeA,
				resolver.Options{CheckingDisabled: true})
		}
		if n.Load() != 5 {
			t.Errorf("%d questions for 5 names that take 300 ms", n.Load())
		}
		n.Store(0)
		wait.Store(int64(4500 * time.Millisecond))
		for i := range 5 {
			a := in.ask(fmt.Sprintf("miss%d.test.", i), wire.TypeMX,
				resolver.Options{CheckingDisabled: true})
			if a.RCode != noError {
				t.Errorf("%s %v", a.RCode, a.Failure)
			}
		}
		if n.Load() > 5*resolver.MaxTriesPerServer {
			t.Errorf("%d questions for 5 names", n.Load())
		}
	})
}

// A dead forwarder next to one that works costs little time.
func TestRFC6298DeadForwarder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		dead, good := w.Servers()[0], w.Servers()[1]
		w.Script = func(q lab.Incoming) (lab.Reply, bool) {
			if q.Server == dead {
				return lab.Reply{}, true
			}
			m := q.Honest()
			m.Rcode, m.Ns = 0, nil
			m.Answer = append(m.Answer[:0], rr(q.Question().Name+" 60 IN TXT hit"))
			return lab.Messages(m).After(5 * time.Millisecond), true
		}
		in := forwarding(t, w, dead, good)
		began, names := time.Now(), 200
		for i := range names {
			a := in.ask(fmt.Sprintf("n%d.test.", i), wire.TypeTXT,
				resolver.Options{CheckingDisabled: true})
			if a.RCode != noError {
				t.Fatalf("%s %v", a.RCode, a.Failure)
			}
		}
		if mean := time.Since(began) / time.Duration(names); mean > 50*time.Millisecond {
			t.Errorf("%v a name", mean)
		}
	})
}
