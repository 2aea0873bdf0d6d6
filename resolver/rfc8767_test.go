// RFC 8767: what has ended in the cache answers clients while fresh data cannot be had.

package resolver_test

import (
	"context"
	"slices"
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
	"bailiwick/wire"
)

// outage is what the servers of zones do instead of answering.
type outage struct {
	mu    sync.Mutex
	zones map[string]func(lab.Incoming) lab.Reply
}

// withOutages gives a world outages, none at first.
func withOutages(w *lab.World) *outage {
	o := &outage{zones: map[string]func(lab.Incoming) lab.Reply{}}
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		o.mu.Lock()
		defer o.mu.Unlock()
		name := strings.ToLower(in.Question().Name)
		for {
			if how := o.zones[name]; how != nil {
				return how(in), true
			}
			if name == "." {
				return lab.Reply{}, false
			}
			off, end := dns.NextLabel(name, 0)
			if name = name[off:]; end {
				name = "."
			}
		}
	}
	return o
}

// set makes the servers of questions at and below a name do something; nil: what they should.
func (o *outage) set(zone string, how func(lab.Incoming) lab.Reply) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.zones[zone] = how
}

// silent servers do not reply.
func silent(lab.Incoming) lab.Reply { return lab.Reply{} }

// code makes servers reply with an RCODE alone.
func code(rc int) func(lab.Incoming) lab.Reply {
	return func(in lab.Incoming) lab.Reply {
		return lab.Messages(new(dns.Msg).SetRcode(in.Query, rc))
	}
}

// lame makes servers refer to the root.
func lame(in lab.Incoming) lab.Reply {
	m := new(dns.Msg).SetReply(in.Query)
	m.Ns = []dns.RR{rr(". 300 NS ns.example.")}
	return lab.Messages(m)
}

// late makes servers reply correctly after a time.
func late(d time.Duration) func(lab.Incoming) lab.Reply {
	return func(in lab.Incoming) lab.Reply { return lab.Messages(in.Honest()).After(d) }
}

// staleWorld is the lab's internet with outages to come.
func staleWorld(t *testing.T, change func(*resolver.Config)) (*internet, *outage) {
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "short.example.", TTL: 60, Records: "www A 192.0.2.1\n" +
		"www TXT old\nalias CNAME www.long.example.\nfar CNAME www.short2.example."})
	w.Add(lab.Zone{Name: "short2.example.", TTL: 60, Records: "www A 192.0.2.2"})
	w.Add(lab.Zone{Name: "long.example.", TTL: 3600, Records: "www A 192.0.2.3"})
	w.Add(lab.Zone{Name: "zero.example.", TTL: 1, Records: "www 0 A 192.0.2.4"})
	o := withOutages(w)
	return newWorld(t, w, change), o
}

// expect checks an answer: its RCODE, its status, and why it is stale.
func expect(t *testing.T, what string, a *resolver.Answer, rc wire.RCode, status wire.Security,
	why resolver.StaleReason) {
	t.Helper()
	if a.RCode != rc || a.Status != status || a.Stale != why {
		t.Errorf("%s: %s %s, stale %q, %v", what, a.RCode, a.Status, a.Stale.Label(), a.Failure)
	}
}

// While a zone's servers are silent, refuse, fail or are lame, clients get what has ended, with a
// TTL of 30 s and the reason. The refresh is not tried again for 30 s; meanwhile clients get the
// answer at once. When the servers are back, the answer is fresh again.
func TestRFC8767StaleAnswerWhileServersFail(t *testing.T) {
	for name, c := range map[string]struct {
		how  func(lab.Incoming) lab.Reply
		why  cause.Cause
		when resolver.StaleReason
	}{
		"silent":   {silent, cause.None, resolver.StaleLate},
		"SERVFAIL": {code(dns.RcodeServerFailure), cause.ServerFailed, resolver.StaleFailed},
		"REFUSED":  {code(dns.RcodeRefused), cause.ServerRefused, resolver.StaleFailed},
		"lame":     {lame, cause.Lame, resolver.StaleFailed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, o := staleWorld(t, nil)
				in.resolve("www.short.example.", wire.TypeA)
				time.Sleep(70 * time.Second)
				o.set("short.example.", c.how)
				in.transcript()

				began := time.Now()
				a := in.resolve("www.short.example.", wire.TypeA)
				expect(t, "the first", a, noError, wire.Secure, c.when)
				took := time.Since(began)
				if c.when == resolver.StaleLate && took != 1800*time.Millisecond ||
					c.when != resolver.StaleLate && took > time.Second {
					t.Errorf("after %v", took)
				}
				f := a.Failure
				if a.Sets[0].TTL != 30 || f == nil || f.Cause != cause.StaleAnswer {
					t.Errorf("TTL %d, %v", a.Sets[0].TTL, f)
				}
				if c.why != cause.None && (f.Under == nil || f.Under.Cause != c.why) {
					t.Errorf("%v, want %v", f, c.why)
				}

				time.Sleep(5 * time.Second) // the fetch has ended
				in.transcript()
				for range 4 {
					began = time.Now()
					a = in.resolve("www.short.example.", wire.TypeA)
					expect(t, "within 30 s", a, noError, wire.Secure, resolver.StaleRecheck)
					if time.Since(began) != 0 {
						t.Errorf("within 30 s: after %v", time.Since(began))
					}
					time.Sleep(5 * time.Second)
				}
				if asked := in.transcript(); strings.Contains(asked, "www.short.example.") {
					t.Errorf("asked again within 30 s:\n%s", asked)
				}

				o.set("short.example.", nil)
				time.Sleep(10 * time.Second)
				in.resolve("www.short.example.", wire.TypeA)
				time.Sleep(time.Second)
				a = in.resolve("www.short.example.", wire.TypeA)
				expect(t, "afterwards", a, noError, wire.Secure, resolver.StaleNone)
				if a.Sets[0].TTL != 59 || a.Failure != nil {
					t.Errorf("afterwards: TTL %d, %v", a.Sets[0].TTL, a.Failure)
				}
			})
		})
	}
}

// A client waits for 1.8 s and no longer. The fetch goes on although that client leaves, and its
// result is stored. A client that comes when the fetch is that old is answered at once.
func TestRFC8767FetchGoesOnAfterTheClientTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, o := staleWorld(t, nil)
		in.resolve("www.short.example.", wire.TypeA)
		time.Sleep(70 * time.Second)
		o.set("short.example.", late(3*time.Second))
		ctx, cancel := context.WithCancel(context.Background())
		began, done := time.Now(), make(chan *resolver.Answer)
		q := wire.Question{Name: wire.MustParseName("www.short.example."), Type: wire.TypeA,
			Class: wire.ClassIN}
		go func() { done <- in.r.Resolve(ctx, q, resolver.Options{}) }()
		a := <-done
		expect(t, "at the timer", a, noError, wire.Secure, resolver.StaleLate)
		if took := time.Since(began); took != 1800*time.Millisecond {
			t.Errorf("after %v", took)
		}
		cancel()
		a = in.resolve("www.short.example.", wire.TypeA)
		expect(t, "the next client", a, noError, wire.Secure, resolver.StaleLate)
		if took := time.Since(began); took != 1800*time.Millisecond {
			t.Errorf("the next client: after %v", took)
		}
		time.Sleep(2 * time.Second)
		a = in.resolve("www.short.example.", wire.TypeA)
		expect(t, "later", a, noError, wire.Secure, resolver.StaleNone)
		if a.Sent != 0 {
			t.Errorf("%d packets for what the fetch has stored", a.Sent)
		}
	})
}

// Without a client timer clients wait for the outcome; with one of 0 none waits.
func TestRFC8767ClientTimerIsConfigurable(t *testing.T) {
	for _, c := range []struct{ timeout, took time.Duration }{
		{0, 0}, {500 * time.Millisecond, 500 * time.Millisecond}, {5 * time.Second, 0}} {
		synctest.Test(t, func(t *testing.T) {
			in, o := staleWorld(t, func(cfg *resolver.Config) {
				cfg.Stale.ClientTimeout = c.timeout
			})
			in.resolve("www.short.example.", wire.TypeA)
			time.Sleep(70 * time.Second)
			o.set("short.example.", silent)
			began := time.Now()
			a := in.resolve("www.short.example.", wire.TypeA)
			took := time.Since(began)
			if c.timeout < resolver.MaxTime {
				expect(t, c.timeout.String(), a, noError, wire.Secure, resolver.StaleLate)
				if took != c.took {
					t.Errorf("%v: after %v", c.timeout, took)
				}
			} else {
				expect(t, c.timeout.String(), a, noError, wire.Secure, resolver.StaleFailed)
				if took < 2*time.Second || took > resolver.MaxTime {
					t.Errorf("%v: after %v", c.timeout, took)
				}
			}
		})
	}
}

// With a client timer of 0 the stale answer starts the refresh, so that the next is fresh.
func TestRFC8767StaleAtOnceIsRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, _ := staleWorld(t, func(cfg *resolver.Config) { cfg.Stale.ClientTimeout = 0 })
		in.resolve("www.short.example.", wire.TypeA)
		time.Sleep(70 * time.Second)
		a := in.resolve("www.short.example.", wire.TypeA)
		expect(t, "at first", a, noError, wire.Secure, resolver.StaleLate)
		synctest.Wait()
		time.Sleep(time.Second)
		a = in.resolve("www.short.example.", wire.TypeA)
		expect(t, "then", a, noError, wire.Secure, resolver.StaleNone)
	})
}

// When the 30 s are over, one refresh is tried in the background, and the client that causes it
// does not wait for a zone that was dead a moment ago. Later clients wait as if nothing had failed.
func TestRFC8767RecheckKeepsNoClientWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, o := staleWorld(t, nil)
		in.resolve("www.short.example.", wire.TypeA)
		time.Sleep(70 * time.Second)
		o.set("short.example.", code(dns.RcodeServerFailure))
		in.resolve("www.short.example.", wire.TypeA)
		for range 20 { // the failure is remembered for longer and longer
			time.Sleep(31 * time.Second)
			in.transcript()
			began := time.Now()
			a := in.resolve("www.short.example.", wire.TypeA)
			expect(t, "at the recheck", a, noError, wire.Secure, resolver.StaleRecheck)
			if took := time.Since(began); took != 0 {
				t.Errorf("the client waited for %v", took)
			}
			synctest.Wait()
			if asked := in.transcript(); asked == "" {
				t.Error("nothing was asked")
			}
		}
		time.Sleep(10 * time.Minute)
		a := in.resolve("www.short.example.", wire.TypeA)
		expect(t, "long after", a, noError, wire.Secure, resolver.StaleFailed)
	})
}

// Bogus data are not hidden by older ones, not even later, when the servers have become silent.
func TestRFC8767NeverAfterABogusVerdict(t *testing.T) {
	forged := func(in lab.Incoming) lab.Reply {
		m := in.Honest()
		for _, rr := range m.Answer {
			if a, ok := rr.(*dns.A); ok {
				a.A[3]++
			}
		}
		return lab.Messages(m)
	}
	synctest.Test(t, func(t *testing.T) {
		in, o := staleWorld(t, nil)
		in.resolve("www.short.example.", wire.TypeA)
		time.Sleep(70 * time.Second)
		o.set("short.example.", forged)
		for range 2 {
			a := in.resolve("www.short.example.", wire.TypeA)
			expect(t, "bogus", a, servFail, wire.Bogus, resolver.StaleNone)
			if a.Failure == nil || a.Failure.Cause != cause.SignatureInvalid {
				t.Error(a.Failure)
			}
		}
		time.Sleep(2 * time.Minute)
		o.set("short.example.", silent)
		a := in.resolve("www.short.example.", wire.TypeA)
		if a.RCode != servFail || a.Stale != resolver.StaleNone {
			t.Errorf("silent afterwards: %s, %v", a.RCode, a.Failure)
		}
	})
	// The verdict may be on a refresh, while the data have not ended yet.
	synctest.Test(t, func(t *testing.T) {
		in, o := staleWorld(t, func(c *resolver.Config) { c.Prefetch = true })
		in.resolve("www.short.example.", wire.TypeA)
		time.Sleep(57 * time.Second)
		o.set("short.example.", forged)
		a := in.resolve("www.short.example.", wire.TypeA)
		expect(t, "before the end", a, noError, wire.Secure, resolver.StaleNone)
		time.Sleep(10 * time.Second)
		o.set("short.example.", silent)
		a = in.resolve("www.short.example.", wire.TypeA)
		expect(t, "at once after the end", a, servFail, wire.Bogus, resolver.StaleNone)
		time.Sleep(time.Minute)
		for range 2 {
			a = in.resolve("www.short.example.", wire.TypeA)
			if a.RCode != servFail || a.Stale != resolver.StaleNone {
				t.Errorf("silent afterwards: %s, %v", a.RCode, a.Failure)
			}
		}
	})
}

// A later denial replaces the data for stale answers, too, and later data the denial, whichever
// type they have; so does an answer that is not kept, with a TTL of 0.
func TestRFC8767LatestAnswerIsTheOneThatIsStale(t *testing.T) {
	answer := func(records ...string) func(lab.Incoming) lab.Reply {
		return func(in lab.Incoming) lab.Reply {
			m := new(dns.Msg).SetReply(in.Query)
			m.Authoritative = true
			for _, s := range records {
				if s == "NXDOMAIN" {
					m.Rcode = dns.RcodeNameError
				} else if r := rr(s); r.Header().Rrtype == dns.TypeSOA {
					m.Ns = append(m.Ns, r)
				} else if strings.EqualFold(r.Header().Name, in.Question().Name) {
					m.Answer = append(m.Answer, r)
				}
			}
			return lab.Messages(m)
		}
	}
	const soa, soa0 = "plain. 60 SOA a. b. 1 2 3 4 60", "plain. 0 SOA a. b. 1 2 3 4 0"
	a, cname := answer("www.plain. 60 A 192.0.2.7"), answer("www.plain. 60 CNAME other.plain.",
		"other.plain. 60 A 192.0.2.8")
	nxdomain, nodata := answer("NXDOMAIN", soa), answer(soa)
	for name, c := range map[string]struct {
		first, second func(lab.Incoming) lab.Reply
		rc            wire.RCode
		sets          int
	}{
		"data, then NXDOMAIN":   {a, nxdomain, nxDomain, 0},
		"data, then NODATA":     {a, nodata, noError, 0},
		"data, then an alias":   {a, cname, noError, 2},
		"NXDOMAIN, then data":   {nxdomain, a, noError, 1},
		"NODATA, then NXDOMAIN": {nodata, nxdomain, nxDomain, 0},
		"an alias, then data":   {cname, a, noError, 1},
		// PowerDNS/pdns 12393 and 13353
		"an alias, then NODATA":      {cname, nodata, noError, 0},
		"an alias, then NXDOMAIN":    {cname, nxdomain, nxDomain, 0},
		"data, then NXDOMAIN, TTL 0": {a, answer("NXDOMAIN", soa0), servFail, 0},
		"data, then NODATA, TTL 0":   {a, answer(soa0), servFail, 0},
		"data, then data, TTL 0":     {a, answer("www.plain. 0 A 192.0.2.9"), servFail, 0},
		"NXDOMAIN, then data, TTL 0": {nxdomain, answer("www.plain. 0 A 192.0.2.9"), servFail, 0},
		"data, then an alias, TTL 0": {a, answer("www.plain. 0 CNAME other.plain.",
			"other.plain. 60 A 192.0.2.8"), servFail, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, o := staleWorld(t, nil)
				in.resolve("first.plain.", wire.TypeA) // the delegation is known
				for _, how := range []func(lab.Incoming) lab.Reply{c.first, c.second} {
					o.set("www.plain.", how)
					o.set("other.plain.", how)
					in.resolve("www.plain.", wire.TypeA)
					time.Sleep(100 * time.Second)
				}
				o.set("www.plain.", code(dns.RcodeServerFailure))
				o.set("other.plain.", code(dns.RcodeServerFailure))
				got := in.resolve("www.plain.", wire.TypeA)
				if got.RCode != c.rc || len(got.Sets) != c.sets ||
					(got.Stale != resolver.StaleNone) != (c.rc != servFail) {
					t.Errorf("%s, %d sets, stale %s, %v", got.RCode, len(got.Sets),
						got.Stale.Label(), got.Failure)
				}
				want := cause.StaleAnswer
				if c.rc == nxDomain {
					want = cause.StaleNXDomain
				}
				if c.rc != servFail && got.Failure.Cause != want {
					t.Error(got.Failure)
				}
			})
		})
	}
}

// A denial of a name above, by a signed zone, came later than the data: they are no more.
func TestRFC8767LaterDenialAboveEndsStaleData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "gone.example.", TTL: 60, Records: "www.sub A 192.0.2.1"})
		o := withOutages(w)
		in := newWorld(t, w, nil)
		in.resolve("www.sub.gone.example.", wire.TypeA)
		time.Sleep(70 * time.Second)
		in.cache.PutNegative(cache.Key{Name: wire.MustParseName("sub.gone.example.")},
			&cache.Negative{NXDomain: true, Status: wire.Secure,
				Zone: wire.MustParseName("gone.example.")}, 60, time.Now())
		time.Sleep(70 * time.Second)
		o.set("gone.example.", code(dns.RcodeServerFailure))
		a := in.resolve("www.sub.gone.example.", wire.TypeA)
		if a.RCode != servFail || a.Stale != resolver.StaleNone {
			t.Errorf("%s %v", a.RCode, a.Failure)
		}
	})
}

// Each step of an alias chain is stale by itself: the alias, its target, or both.
func TestRFC8767EachStepOfAnAliasChain(t *testing.T) {
	for _, c := range []struct {
		name, dead string
		wait       time.Duration
		ttls       [2]uint32
	}{
		{"alias.short.example.", "short.example.", 70 * time.Second, [2]uint32{30, 3530}},
		{"far.short.example.", "short2.example.", 70 * time.Second, [2]uint32{60, 30}},
		{"far.short.example.", "example.", 70 * time.Second, [2]uint32{30, 30}},
	} {
		synctest.Test(t, func(t *testing.T) {
			in, o := staleWorld(t, nil)
			in.resolve(c.name, wire.TypeA)
			time.Sleep(c.wait)
			o.set(c.dead, code(dns.RcodeServerFailure))
			a := in.resolve(c.name, wire.TypeA)
			expect(t, c.name, a, noError, wire.Secure, resolver.StaleFailed)
			if len(a.Sets) != 2 || a.Sets[0].TTL != c.ttls[0] || a.Sets[1].TTL != c.ttls[1] {
				t.Errorf("%s without %s: %v", c.name, c.dead, a.Sets)
			}
		})
	}
}

// RFC 6672, section 3.1: the DNAME comes before the CNAME that was made from it, in stale answers
// too. It has ended like the CNAME, and has the TTL of stale data.
func TestRFC6672StaleAliasHasItsDNAME(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "tree.example.", Algorithm: lab.Unsigned, TTL: 60,
			Records: "d DNAME long.example."})
		w.Add(lab.Zone{Name: "long.example.", TTL: 3600, Records: "www A 192.0.2.3"})
		o := withOutages(w)
		in := newWorld(t, w, nil)
		want := []wire.Type{wire.TypeDNAME, wire.TypeCNAME, wire.TypeA}
		if a := in.resolve("www.d.tree.example.", wire.TypeA); !slices.Equal(types(a.Sets), want) {
			t.Fatalf("fresh: %v", types(a.Sets))
		}
		time.Sleep(70 * time.Second)
		o.set("tree.example.", silent)
		a := in.resolve("www.d.tree.example.", wire.TypeA)
		expect(t, "stale", a, noError, wire.Insecure, resolver.StaleLate)
		if !slices.Equal(types(a.Sets), want) || a.Sets[0].TTL != 30 {
			t.Errorf("stale: %v, TTL %d", types(a.Sets), a.Sets[0].TTL)
		}
	})
}

// What names are resolved and validated with is never stale: keys and DS that have ended are
// asked for, for clients too, and so are addresses of name servers.
func TestRFC8767NothingStaleResolvesOrValidates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, o := staleWorld(t, nil)
		for _, typ := range []wire.Type{wire.TypeDNSKEY, wire.TypeDS} {
			in.resolve("short.example.", typ)
		}
		time.Sleep(2 * time.Hour)
		o.set("example.", code(dns.RcodeServerFailure))
		for _, typ := range []wire.Type{wire.TypeDNSKEY, wire.TypeDS} {
			a := in.resolve("short.example.", typ)
			if a.RCode != servFail || a.Stale != resolver.StaleNone {
				t.Errorf("%s: %s %v", typ, a.RCode, a.Failure)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "hosts.example.", TTL: 60, Algorithm: lab.Unsigned})
		w.Add(lab.Zone{Name: "hosted.", On: "hosts.example.", Glueless: "hosts.example.", TTL: 60,
			Algorithm: lab.Unsigned,
			Records:   "www A 192.0.2.1\nnew A 192.0.2.2\nnewer A 192.0.2.3"})
		o := withOutages(w)
		in := newWorld(t, w, nil)
		a := in.resolve("www.hosted.", wire.TypeA)
		if a.RCode != noError {
			t.Fatal(a.RCode, a.Failure)
		}
		asked := in.transcript()
		if !strings.Contains(asked, "hosts.example. A") {
			t.Fatal("the address of the server was not looked up:\n" + asked)
		}
		in.resolve("ns1.hosts.example.", wire.TypeA) // a client asks for it as well
		time.Sleep(time.Hour)
		o.set("hosts.example.", code(dns.RcodeServerFailure))
		for _, name := range []string{"new.hosted.", "newer.hosted."} {
			if a = in.resolve(name, wire.TypeA); a.RCode != servFail {
				t.Errorf("%s: resolved with a stale address: %s", name, a.RCode)
			}
		}
	})
}

// AD is for data whose signatures have not ended by the time of day. Other stale data are served
// without.
func TestRFC8767ADWhileTheSignaturesLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, o := staleWorld(t, nil)
		in.resolve("www.short.example.", wire.TypeA)
		in.resolve("none.short.example.", wire.TypeA)
		o.set("example.", code(dns.RcodeServerFailure))
		e, _ := in.cache.RRsets.Get(cache.Key{Name: wire.MustParseName("www.short.example."),
			Type: wire.TypeA})
		left := time.Until(time.Unix(int64(e.Set.Until), 0))
		in.cache.SetMaxStale(365 * 24 * time.Hour)
		time.Sleep(left - time.Hour)
		a := in.resolve("www.short.example.", wire.TypeA)
		expect(t, "before their end", a, noError, wire.Secure, resolver.StaleFailed)
		a = in.resolve("none.short.example.", wire.TypeA)
		expect(t, "a denial", a, nxDomain, wire.Secure, resolver.StaleFailed)
		time.Sleep(2 * time.Hour)
		a = in.resolve("www.short.example.", wire.TypeA)
		expect(t, "after it", a, noError, wire.Insecure, resolver.StaleFailed)
		a = in.resolve("none.short.example.", wire.TypeA)
		expect(t, "a denial", a, nxDomain, wire.Insecure, resolver.StaleFailed)
	})
}

// Stale data are used for a day after their end by default, and not if that is switched off.
func TestRFC8767StaleDataHaveAnAge(t *testing.T) {
	for _, c := range []struct {
		enabled bool
		max     time.Duration
		after   time.Duration
		stale   bool
	}{
		{true, cache.DefaultMaxStale, 23 * time.Hour, true},
		{true, cache.DefaultMaxStale, 25 * time.Hour, false},
		{true, time.Hour, 59 * time.Minute, true},
		{true, time.Hour, 62 * time.Minute, false},
		{false, cache.DefaultMaxStale, time.Hour, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			in, o := staleWorld(t, func(cfg *resolver.Config) { cfg.Stale.Enabled = c.enabled })
			in.cache.SetMaxStale(c.max)
			in.resolve("www.short.example.", wire.TypeA)
			time.Sleep(c.after)
			o.set("example.", code(dns.RcodeServerFailure))
			a := in.resolve("www.short.example.", wire.TypeA)
			if (a.Stale != resolver.StaleNone) != c.stale || (a.RCode == noError) != c.stale {
				t.Errorf("%+v: %s %v", c, a.RCode, a.Failure)
			}
		})
	}
}

// A client that sets CD gets validated data that are stale, and none that never were validated.
func TestRFC8767CheckingDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, o := staleWorld(t, nil)
		cd := resolver.Options{CheckingDisabled: true}
		in.resolve("www.short.example.", wire.TypeA)
		in.ask("www.short.example.", wire.TypeTXT, cd)
		time.Sleep(70 * time.Second)
		o.set("example.", code(dns.RcodeServerFailure))
		a := in.ask("www.short.example.", wire.TypeA, cd)
		expect(t, "validated", a, noError, wire.Secure, resolver.StaleFailed)
		a = in.ask("www.short.example.", wire.TypeTXT, cd)
		if a.RCode != servFail || a.Stale != resolver.StaleNone {
			t.Errorf("never validated: %s %v", a.RCode, a.Failure)
		}
	})
}

// Data with TTL 0 are never kept, so that they cannot be stale.
func TestRFC8767NothingWithTTLZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, o := staleWorld(t, nil)
		if a := in.resolve("www.zero.example.", wire.TypeA); a.RCode != noError {
			t.Fatal(a.RCode, a.Failure)
		}
		time.Sleep(2 * time.Second)
		o.set("example.", code(dns.RcodeServerFailure))
		a := in.resolve("www.zero.example.", wire.TypeA)
		if a.RCode != servFail || a.Stale != resolver.StaleNone {
			t.Errorf("%s %v", a.RCode, a.Failure)
		}
	})
}

// A question without RD is only a look into the cache: it gets no stale data, and fetches none.
func TestRFC8767QuestionsWithoutRD(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, _ := staleWorld(t, func(c *resolver.Config) { c.Stale.ClientTimeout = 0 })
		in.resolve("www.short.example.", wire.TypeA)
		time.Sleep(70 * time.Second)
		in.transcript()
		q := wire.Question{Name: wire.MustParseName("www.short.example."), Type: wire.TypeA,
			Class: wire.ClassIN}
		if a := in.r.Known(q, false, false, &resolver.Checks{}); a != nil {
			t.Errorf("without RD: %s, stale %s", a.RCode, a.Stale.Label())
		}
		synctest.Wait()
		if asked := in.transcript(); asked != "" {
			t.Error("without RD, asked:\n" + asked)
		}
		if a := in.r.Known(q, false, true, &resolver.Checks{}); a == nil ||
			a.Stale != resolver.StaleLate {
			t.Errorf("with RD: %v", a)
		}
	})
}

// If no server of any zone replies, the machine's own connection may be down. The first reply ends
// the wait for the recheck of all names at once: an hour of silence is over in seconds.
func TestRFC8767FreshSoonAfterAllServersWereSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, o := staleWorld(t, nil)
		ctx, stop := context.WithCancel(context.Background())
		watched := make(chan struct{})
		go func() { defer close(watched); in.r.Watch(ctx, func(*cause.Failure) {}) }()
		names := []string{"www.short.example.", "www.short2.example.", "www.long.example."}
		for _, name := range names {
			in.resolve(name, wire.TypeA)
		}
		time.Sleep(30 * time.Second)
		o.set(".", silent)
		for end := time.Now().Add(2 * time.Hour); time.Now().Before(end); {
			time.Sleep(7 * time.Second)
			for _, name := range names {
				began := time.Now()
				a := in.resolve(name, wire.TypeA)
				if a.RCode != noError || a.Status != wire.Secure ||
					time.Since(began) > 1800*time.Millisecond {
					t.Fatalf("%s: %s %s %v after %v", name, a.RCode, a.Status, a.Failure,
						time.Since(began))
				}
			}
		}
		o.set(".", nil)
		time.Sleep(5 * time.Second)
		for _, name := range names {
			a := in.resolve(name, wire.TypeA)
			expect(t, name, a, noError, wire.Secure, resolver.StaleNone)
		}
		stop()
		<-watched
	})
}
