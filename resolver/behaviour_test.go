// Which servers the resolver asks, how often, and what it caches.

package resolver_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/internal/recorder"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// A cold resolution asks no more than it needs: one question for each cut, with the name minimised,
// and the keys of each zone.
func TestTranscriptOfAColdResolution(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		in.resolve("www.secure.example.", wire.TypeA)
		lines := strings.Split(strings.TrimSpace(in.transcript()), "\n")
		if len(lines) != 7 {
			t.Fatalf("asked\n%s", strings.Join(lines, "\n"))
		}
		slices.Sort(lines[1:3]) // a zone's keys are fetched in parallel to its data
		slices.Sort(lines[3:5])
		slices.Sort(lines[5:])
		want := "127.53.0.2 . NS\n127.53.0.2 . DNSKEY\n127.53.0.2 example. A\n" +
			"127.53.0.3 example. DNSKEY\n127.53.0.3 secure.example. A\n" +
			"127.53.0.8 secure.example. DNSKEY\n127.53.0.8 www.secure.example. A"
		if got := strings.Join(lines, "\n"); got != want {
			t.Errorf("asked\n%s\nwant\n%s", got, want)
		}
		in.resolve("txt.secure.example.", wire.TypeTXT)
		if got, want := in.transcript(), "127.53.0.8 txt.secure.example. TXT\n"; got != want {
			t.Errorf("with all zones known, asked\n%swant\n%s", got, want)
		}
		in.resolve("txt.secure.example.", wire.TypeTXT)
		if got := in.transcript(); got != "" {
			t.Errorf("with the answer known, asked\n%s", got)
		}
	})
}

// CD=1 returns bogus data, and no other query ever gets them (RFC 4035, section 3.2.2).
func TestCheckingDisabledPoisonsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		for range 2 {
			cd := in.ask("www.forging.faulty.", wire.TypeA,
				resolver.Options{CheckingDisabled: true})
			if cd.RCode != noError || cd.Status == wire.Secure || len(cd.Sets) != 1 {
				t.Fatalf("CD=1: %s %s", cd.RCode, cd.Status)
			}
			if a := in.resolve("www.forging.faulty.", wire.TypeA); a.RCode != servFail {
				t.Fatalf("CD=0 after CD=1: %s", a.RCode)
			}
		}
		// Validated data are used for queries with CD=1.
		in.resolve("www.secure.example.", wire.TypeA)
		in.transcript()
		if a := in.ask("www.secure.example.", wire.TypeA,
			resolver.Options{CheckingDisabled: true}); a.Status != wire.Secure ||
			in.transcript() != "" {
			t.Errorf("checked data do not serve CD=1: %s", a.Status)
		}
	})
}

// RFC 9520: a failure is remembered with its first cause, and tried again later.
func TestFailuresAreRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		for _, name := range []string{"www.expired.faulty.", "www.refusing.faulty.",
			"www.dead.faulty."} {
			first := in.resolve(name, wire.TypeA)
			in.transcript()
			again := in.resolve(name, wire.TypeA)
			if asked := in.transcript(); asked != "" || again.Failure.Cause != first.Failure.Cause {
				t.Errorf("%s: asked again\n%s and heard %v, first %v", name, asked, again.Failure,
					first.Failure)
			}
			time.Sleep(6 * time.Minute)
			in.resolve(name, wire.TypeA)
			if in.transcript() == "" {
				t.Errorf("%s: never tried again", name)
			}
		}
	})
}

// Equal questions are asked once, however many wait.
func TestOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if a := in.resolve("www.slow.faulty.", wire.TypeA); a.Status != wire.Secure {
					t.Errorf("got %s %v", a.RCode, a.Failure)
				}
			})
		}
		wg.Wait()
		if n := strings.Count(in.transcript(), "www.slow.faulty. A"); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// A zone with a trust anchor of its own is secure though its delegation is not, whatever is cached
// of the delegation; a zone below an unsigned one never is.
func TestIslandOfSecurity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "below.unsigned.example.", Records: "www A 192.0.2.9"})
		in := newWorld(t, w, nil)
		if err := in.parts.Anchors.Add(w.AnchorOf("nods.example.")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			in.resolve("nods.example.", wire.TypeDS)
			in.resolve("unsigned.example.", wire.TypeDS)
			if a := in.resolve("www.nods.example.", wire.TypeA); a.Status != wire.Secure {
				t.Errorf("the island: %s %v", a.Status, a.Failure)
			}
			in.transcript()
			if a := in.resolve("www.below.unsigned.example.",
				wire.TypeA); a.Status != wire.Insecure {
				t.Errorf("below an unsigned zone: %s %v", a.Status, a.Failure)
			}
			if asked := in.transcript(); strings.Contains(asked,
				"below.unsigned.example. DNSKEY") || strings.Contains(asked,
				"below.unsigned.example. DS") {
				t.Errorf("keys that nobody can trust are asked for\n%s", asked)
			}
			time.Sleep(301 * time.Second)
		}
	})
}

// A secure delegation's keys are fetched in parallel to the answer that they will validate: one
// round trip in place of two, and no additional question.
func TestKeysAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		in := newWorld(t, w, nil)
		in.resolve("www.lossy.faulty.", wire.TypeNS) // the zones above are known
		in.transcript()
		began := time.Now()
		if a := in.resolve("www.slow.faulty.", wire.TypeA); a.Status != wire.Secure {
			t.Fatalf("got %s %v", a.RCode, a.Failure)
		}
		if took := time.Since(began); took >= 2*w.SlowBy {
			t.Errorf("took %v, a round trip takes %v", took, w.SlowBy)
		}
		asked := in.transcript()
		for _, q := range []string{"www.slow.faulty. A", "slow.faulty. DNSKEY"} {
			if n := strings.Count(asked, q); n != 1 {
				t.Errorf("%s: asked %d times\n%s", q, n, asked)
			}
		}
	})
}

// Whatever the servers do, a client is answered within five seconds, and a query spends no more
// than its budget.
func TestBudgetHolds(t *testing.T) {
	for _, name := range []string{"www.dead.faulty.", "www.one-good.faulty.",
		"www.referral-bomb.faulty.", "www.loop-a.faulty.", "c0.aliases.faulty.",
		"www.no-tcp.faulty.", "www.spoofed.faulty."} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := newInternet(t)
				began := time.Now()
				in.resolve(name, wire.TypeA)
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("took %v", took)
				}
				if n := strings.Count(in.transcript(), "\n"); n > resolver.MaxQueries {
					t.Errorf("%d packets", n)
				}
			})
		})
	}
}

// NXNSAttack (CVE-2020-8616): a referral to forty servers without addresses asks for a few of them.
func TestReferralBomb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		in.resolve("www.referral-bomb.faulty.", wire.TypeA)
		if n := strings.Count(in.transcript(),
			"victim"); n > 2*resolver.MaxFailedLookupsPerDelegation {
			t.Errorf("the victim heard %d questions", n)
		}
	})
}

// RFC 8198 and RFC 8020: names that are proven not to exist are not asked for again.
func TestAggressiveDenial(t *testing.T) {
	for _, zone := range []string{"secure.example.", "nsec3.example."} {
		synctest.Test(t, func(t *testing.T) {
			in := newInternet(t)
			in.resolve("no."+zone, wire.TypeA)
			in.resolve("nn."+zone, wire.TypeA)
			in.transcript()
			for _, name := range []string{"no." + zone, "x.y.no." + zone} {
				if a := in.resolve(name, wire.TypeA); a.RCode != nxDomain ||
					a.Status != wire.Secure {
					t.Errorf("%s: %s %s", name, a.RCode, a.Status)
				}
			}
			if got := in.transcript(); got != "" {
				t.Errorf("asked\n%s", got)
			}
		})
	}
}

// A compact denial (RFC 9824) is one from the cache as well, for every type.
func TestCompactDenialFromTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		for _, typ := range []wire.Type{wire.TypeA, wire.TypeTXT, wire.TypeDS} {
			if a := in.resolve("no.compact.example.", typ); a.RCode != nxDomain ||
				!a.Compact || a.Status != wire.Secure || len(a.Sets) != 0 {
				t.Errorf("%s: %s %s", typ, a.RCode, a.Status)
			}
		}
	})
}

// Data end with their TTL, and are asked for again.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		in.resolve("www.secure.example.", wire.TypeA)
		time.Sleep(100 * time.Second)
		in.transcript()
		if a := in.resolve("www.secure.example.", wire.TypeA); a.Sets[0].TTL != 200 ||
			in.transcript() != "" {
			t.Errorf("after 100 of 300 s: TTL %d", a.Sets[0].TTL)
		}
		time.Sleep(201 * time.Second)
		in.resolve("www.secure.example.", wire.TypeA)
		if in.transcript() == "" {
			t.Error("served after its end")
		}
	})
}

// In the last tenth of its lifetime an answer is resolved anew, once, while clients get the old
// one.
func TestPrefetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, lab.Internet(time.Now()), func(c *resolver.Config) { c.Prefetch = true })
		in.resolve("www.unsigned.example.", wire.TypeA)
		time.Sleep(280 * time.Second)
		in.transcript()
		for range 5 {
			if a := in.resolve("www.unsigned.example.", wire.TypeA); a.Sets[0].TTL > 20 &&
				a.Sets[0].TTL != 300 {
				t.Errorf("TTL %d", a.Sets[0].TTL)
			}
		}
		synctest.Wait()
		if n := strings.Count(in.transcript(), "www.unsigned.example. A"); n != 1 {
			t.Errorf("asked %d times", n)
		}
		if a := in.resolve("www.unsigned.example.", wire.TypeA); a.Sets[0].TTL != 300 {
			t.Errorf("TTL %d after the refresh", a.Sets[0].TTL)
		}
	})
}

// Beyond the limit on resolutions the oldest are ended, and their failures have the cause.
func TestMaxFlightsOldestGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, lab.Internet(time.Now()), func(c *resolver.Config) { c.MaxFlights = 1 })
		done := make(chan *resolver.Answer)
		go func() { done <- in.resolve("www.dead.faulty.", wire.TypeA) }()
		synctest.Wait()
		if a := in.resolve("www.secure.example.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("the newer: %s %v", a.RCode, a.Failure)
		}
		if a := <-done; a.RCode != servFail || a.Failure.Cause != cause.Overload {
			t.Errorf("the older: %s %v", a.RCode, a.Failure)
		}
		// The failure is not remembered against the name.
		if a := in.resolve("www.dead.faulty.", wire.TypeA); a.Failure.Cause != cause.Timeout {
			t.Errorf("later: %v", a.Failure)
		}
	})
}

// A client that leaves does not end the fetch that others wait for.
func TestClientGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			q := wire.Question{Name: wire.MustParseName("www.slow.faulty."), Type: wire.TypeA,
				Class: wire.ClassIN}
			in.r.Resolve(ctx, q, resolver.Options{})
		}()
		synctest.Wait()
		cancel()
		synctest.Wait()
		if a := in.resolve("www.slow.faulty.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("got %s %v", a.RCode, a.Failure)
		}
	})
}

// Other settings give the same verdicts.
func TestSameVerdictsWithOtherSettings(t *testing.T) {
	for name, change := range map[string]func(*resolver.Config){
		"no minimisation":     func(c *resolver.Config) { c.Minimise = resolver.MinimiseOff },
		"strict minimisation": func(c *resolver.Config) { c.Minimise = resolver.MinimiseStrict },
		"no priming":          func(c *resolver.Config) { c.Prime = false },
		"plain letter case":   func(c *resolver.Config) { c.CaseRandomisation = false },
		"no cookies":          func(c *resolver.Config) { c.Cookies = false },
		"no derived denials": func(c *resolver.Config) {
			c.AggressiveNSEC,
				c.HardenBelowNXDomain = false, false
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := newWorld(t, lab.Internet(time.Now()), change)
				for _, c := range outcomes {
					a := in.resolve(c.name, c.qtype)
					got := none
					if a.Failure != nil {
						got = a.Failure.Cause
					}
					if a.RCode != c.rcode || a.Status != c.status || got != c.cause {
						t.Errorf("%s/%s: got %s %s %s, want %s %s %s", c.name, c.qtype, a.RCode,
							a.Status, got, c.rcode, c.status, c.cause)
					}
					time.Sleep(time.Second)
				}
			})
		})
	}
}

// A tiny cache makes answers slow, never wrong.
func TestEvictionBreaksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		small := in.withMemory(cache.MinMemory / 16)
		for range 2 {
			for _, c := range outcomes {
				if a := small.resolve(c.name, c.qtype); a.RCode != c.rcode || a.Status != c.status {
					t.Errorf("%s/%s: got %s %s %v, want %s %s", c.name, c.qtype, a.RCode, a.Status,
						a.Failure, c.rcode, c.status)
				}
			}
		}
		if s := small.cache.RRsets.Stats(); s.Evictions == 0 {
			t.Error("nothing was evicted")
		}
	})
}

// An internet of IPv6 addresses alone.
func TestIPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.NewV6(time.Now())
		w.Add(lab.Zone{Name: "example.", Records: "www AAAA 2001:db8::1"})
		in := newWorld(t, w, func(c *resolver.Config) {
			c.IPv4, c.IPv6 = resolver.FamilyOff, resolver.FamilyOn
		})
		if a := in.resolve("www.example.", wire.TypeAAAA); a.Status != wire.Secure {
			t.Errorf("got %s %v", a.RCode, a.Failure)
		}
		off := newWorld(t, w, nil)
		if a := off.resolve("www.example.", wire.TypeAAAA); a.RCode != servFail ||
			a.Failure.Cause != cause.NoServers {
			t.Errorf("with IPv6 off: %s %v", a.RCode, a.Failure)
		}
	})
}

// spoofer answers every question to one zone's servers with forged messages.
type spoofer struct {
	*lab.World
	change func(*wire.Message, []byte) []byte
}

func (s spoofer) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	b, err := s.World.Exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	m, perr := wire.Parse(b)
	if perr != nil {
		return b, nil
	}
	return s.change(m, b), nil
}

// add puts a set into a section of a message.
func add(m *wire.Message, b []byte, section int, sets ...*wire.RRset) []byte {
	out := wire.NewBuilder(wire.MaxMessageLen, m.ID, m.Flags, m.QName, m.Question.Type,
		m.Question.Class)
	for i, sec := range [][]*wire.RRset{m.Answer, m.Authority, m.Additional} {
		if i+1 == section {
			sec = append(sec, sets...)
		}
		for _, s := range sec {
			out.Add(i+1, s, true)
		}
	}
	if m.EDNS.Present {
		out.OPT(1232, 0, true, m.EDNS.Options)
	}
	return out.Finish()
}

// Records outside the server's bailiwick are never believed: promiscuous NS sets with an answer
// (CVE-2025-11411), addresses of other zones, an NS set for the parent.
func TestPoisonIsNotKept(t *testing.T) {
	rr := func(name string, t wire.Type, rdata []byte) *wire.RRset {
		s := &wire.RRset{Name: wire.MustParseName(name), Type: t, Class: wire.ClassIN, TTL: 86400}
		s.Data = s.Data.Append(rdata)
		return s
	}
	evil := []byte{203, 0, 113, 66}
	ns := []byte(wire.MustParseName("ns.evil.example").Wire())
	for name, c := range map[string]struct {
		section int
		sets    []*wire.RRset
	}{
		"NS of the zone beside an answer": {wire.SectionAuthority,
			[]*wire.RRset{rr("unsigned.example.", wire.TypeNS, ns)}},
		"NS of the parent": {wire.SectionAuthority,
			[]*wire.RRset{rr("example.", wire.TypeNS, ns)}},
		"NS of a sibling": {wire.SectionAuthority,
			[]*wire.RRset{rr("secure.example.", wire.TypeNS, ns)}},
		"address of another zone": {wire.SectionAnswer,
			[]*wire.RRset{rr("www.plain.", wire.TypeA, evil)}},
		"address as glue": {wire.SectionAdditional,
			[]*wire.RRset{rr("www.plain.", wire.TypeA, evil)}},
		"address of the server": {wire.SectionAdditional,
			[]*wire.RRset{rr("ns1.unsigned.example.", wire.TypeA, evil)}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				ex := spoofer{w, func(m *wire.Message, b []byte) []byte {
					if m.Question.Name == wire.MustParseName("www.unsigned.example.") {
						return add(m, b, c.section, c.sets...)
					}
					return b
				}}
				in := newNetwork(t, w, ex, nil)
				in.resolve("www.unsigned.example.", wire.TypeA)
				for _, name := range []string{"www.plain.", "txt.unsigned.example.",
					"www.secure.example.", "nic.example."} {
					typ := wire.TypeA
					if strings.HasPrefix(name, "txt") {
						typ = wire.TypeTXT
					}
					a := in.resolve(name, typ)
					if a.RCode != noError || typ == wire.TypeA && a.Sets[0].Data.Has(evil) {
						t.Errorf("%s: %s %v", name, a.RCode, a.Failure)
					}
				}
				for _, e := range w.Transcript() {
					if e.Server.String() == "203.0.113.66" {
						t.Errorf("asked %v", e)
					}
				}
			})
		})
	}
}

// A delegation ends when the parent's TTL does, whatever the child's own NS set says (ghost
// domains, CVE-2012-1033).
func TestDelegationEndsWithTheParents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		in.resolve("www.unsigned.example.", wire.TypeA)
		for range 5 { // keep asking the child, for its NS too
			time.Sleep(50 * time.Second)
			in.resolve("unsigned.example.", wire.TypeNS)
			in.resolve("x.wild.unsigned.example.", wire.TypeA)
		}
		time.Sleep(51 * time.Second)
		in.transcript()
		in.resolve("www.unsigned.example.", wire.TypeAAAA)
		if got := in.transcript(); !strings.Contains(got, "127.53.0.2 example. A") {
			t.Errorf("the delegations outlive 300 s; asked\n%s", got)
		}
	})
}

func BenchmarkColdResolution(b *testing.B) {
	w := lab.Internet(time.Now())
	for b.Loop() {
		in := newWorld(b, w, nil)
		in.resolve("www.secure.example.", wire.TypeA)
	}
}

// Without and with a recording of the resolution that fails nowhere.
func BenchmarkMiss(b *testing.B) {
	for _, keep := range []int{0, recorder.Default().Keep} {
		b.Run(fmt.Sprintf("keep=%d", keep), func(b *testing.B) {
			in := newWorld(b, lab.Internet(time.Now()),
				func(c *resolver.Config) { c.AggressiveNSEC = false })
			in.resolve("www.secure.example.", wire.TypeA)
			b.ReportAllocs()
			q := question("www.secure.example.", wire.TypeA)
			r := recorder.New(recorder.Config{Keep: keep})
			for b.Loop() {
				in.cache.RRsets.Remove(cache.Key{Name: q.Name, Type: q.Type})
				o, course := resolver.Options{}, r.Begin()
				if course != nil {
					o.Events = course
				}
				in.r.Start(context.Background(), q, o, func(*resolver.Answer) {})
				if course != nil {
					course.End(q, netip.Addr{}, nil)
				}
			}
		})
	}
}
