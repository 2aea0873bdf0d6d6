// RFC 8767 in what others have reported of stale answers.

package resolver_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// NLnetLabs/unbound 994: the servers of the zone above are out of reach, and DS and keys have
// ended. The zone's own servers answer, which nobody can validate: the answer is the old one. The
// same where the zone's servers give data and no keys.
func TestRFC8767WithoutTheChainOfTrust(t *testing.T) {
	for name, dead := range map[string]string{"no DS": "short.example. DS",
		"no keys": "short.example. DNSKEY"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in, o := staleWorld(t, nil)
				in.resolve("www.short.example.", wire.TypeA)
				time.Sleep(2 * time.Hour)
				o.set("short.example.", func(in lab.Incoming) lab.Reply {
					q := in.Question()
					if strings.ToLower(q.Name)+" "+dns.TypeToString[q.Qtype] == dead {
						return code(dns.RcodeServerFailure)(in)
					}
					m := in.Honest()
					m.Ns = slices.DeleteFunc(m.Ns, func(rr dns.RR) bool { // nor has a referral
						sig, is := rr.(*dns.RRSIG)
						return name == "no DS" && (rr.Header().Rrtype == dns.TypeDS ||
							is && sig.TypeCovered == dns.TypeDS)
					})
					return lab.Messages(m)
				})
				a := in.resolve("www.short.example.", wire.TypeA)
				expect(t, name, a, noError, wire.Secure, resolver.StaleFailed)
			})
		})
	}
}

// coredns/coredns 3586: a stale denial that is asked for without a pause gives way to data as soon
// as there are some.
func TestRFC8767StaleDenialUnderAHail(t *testing.T) {
	for _, timeout := range []time.Duration{0, 1800 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			in, o := staleWorld(t, func(c *resolver.Config) { c.Stale.ClientTimeout = timeout })
			answer := func(in lab.Incoming) lab.Reply {
				m := new(dns.Msg).SetRcode(in.Query, dns.RcodeNameError)
				m.Authoritative = true
				m.Ns = []dns.RR{rr("plain. 20 SOA a. b. 1 2 3 4 20")}
				return lab.Messages(m)
			}
			in.resolve("first.plain.", wire.TypeA)
			o.set("new.plain.", answer)
			if a := in.resolve("new.plain.", wire.TypeA); a.RCode != nxDomain {
				t.Fatal(a.RCode, a.Failure)
			}
			o.set("new.plain.", func(in lab.Incoming) lab.Reply {
				m := new(dns.Msg).SetReply(in.Query)
				m.Authoritative = true
				m.Answer = []dns.RR{rr("new.plain. 20 A 192.0.2.9")}
				return lab.Messages(m)
			})
			for range 200 { // a hundred seconds
				in.resolve("new.plain.", wire.TypeA)
				time.Sleep(time.Second / 2)
			}
			a := in.resolve("new.plain.", wire.TypeA)
			if a.RCode != noError || len(a.Sets) != 1 {
				t.Errorf("client timeout %v: %s %v", timeout, a.RCode, a.Failure)
			}
		})
	}
}

// CVE-2022-3924, CVE-2023-2911 (BIND): clients that wait for the refresh of stale data have to give
// way to others. They get the stale data, once, and all queries end.
func TestRFC8767ClientsThatGiveWay(t *testing.T) {
	for _, timeout := range []time.Duration{0, 1800 * time.Millisecond, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			in, o := staleWorld(t, func(c *resolver.Config) {
				c.MaxFlights, c.Stale.ClientTimeout = 20, timeout
			})
			names := []string{"www.short.example.", "www.short2.example.", "www.secure.example."}
			for _, name := range names {
				in.resolve(name, wire.TypeA)
			}
			time.Sleep(10 * time.Minute)
			o.set(".", silent)
			var wg sync.WaitGroup
			for i := range 200 {
				name := names[i%len(names)]
				wg.Go(func() {
					a := in.resolve(name, wire.TypeA)
					if a.RCode != noError || a.Stale == resolver.StaleNone {
						t.Errorf("client timeout %v: %s %v", timeout, a.RCode, a.Failure)
					}
				})
				wg.Go(func() { in.resolve(fmt.Sprintf("n%d.example.", i), wire.TypeA) })
			}
			wg.Wait()
			time.Sleep(10 * time.Second)
			if s := in.r.Stats(); s.Fetches > 0 {
				t.Errorf("%d fetches never end", s.Fetches)
			}
		})
	}
}

// CVE-2022-3736 (BIND): a question for RRSIG where there are stale data.
func TestRFC8767QuestionForRRSIG(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, o := staleWorld(t, nil)
		in.resolve("www.short.example.", wire.TypeA)
		in.resolve("www.short.example.", wire.TypeRRSIG)
		time.Sleep(70 * time.Second)
		o.set("short.example.", silent)
		for range 3 {
			for _, typ := range []wire.Type{wire.TypeRRSIG, wire.TypeANY} {
				a := in.resolve("www.short.example.", typ)
				if a.RCode != servFail || a.Stale != resolver.StaleNone {
					t.Errorf("%s: %s %v", typ, a.RCode, a.Failure)
				}
			}
		}
	})
}

// CVE-2022-3080, CVE-2025-40777 (BIND): a stale alias with a client timeout of 0, and a target that
// is stale, fresh, or not known.
func TestRFC8767StaleAliasAtOnce(t *testing.T) {
	for _, target := range []string{"stale", "fresh", "unknown"} {
		synctest.Test(t, func(t *testing.T) {
			in, o := staleWorld(t, func(c *resolver.Config) { c.Stale.ClientTimeout = 0 })
			in.resolve("far.short.example.", wire.TypeA)
			time.Sleep(70 * time.Second)
			switch target {
			case "fresh":
				in.r.Flush(wire.MustParseName("www.short2.example."), false)
				in.resolve("www.short2.example.", wire.TypeA)
			case "unknown":
				in.r.Flush(wire.MustParseName("www.short2.example."), false)
			}
			o.set("short.example.", code(dns.RcodeServerFailure))
			for range 3 {
				a := in.resolve("far.short.example.", wire.TypeA)
				if a.RCode != noError || len(a.Sets) != 2 || a.Stale == resolver.StaleNone {
					t.Errorf("target %s: %s, %d sets, stale %s, %v", target, a.RCode, len(a.Sets),
						a.Stale.Label(), a.Failure)
				}
				time.Sleep(time.Second)
			}
		})
	}
}

// NLnetLabs/unbound 1424: behind a stale alias the target is the one that a direct question gets.
func TestRFC8767TargetBehindAStaleAliasIsFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, o := staleWorld(t, nil)
		in.resolve("far.short.example.", wire.TypeA)
		time.Sleep(70 * time.Second)
		o.set("short.example.", code(dns.RcodeServerFailure))
		in.transcript()
		alias := in.resolve("far.short.example.", wire.TypeA)
		expect(t, "the alias", alias, noError, wire.Secure, resolver.StaleFailed)
		if in.transcript() == "" || alias.Sets[0].TTL != 30 || alias.Sets[1].TTL != 60 {
			t.Errorf("the target was not asked for: %v", alias.Sets)
		}
		direct := in.resolve("www.short2.example.", wire.TypeA)
		expect(t, "the target", direct, noError, wire.Secure, resolver.StaleNone)
		if !direct.Sets[0].Data.Equal(alias.Sets[1].Data) {
			t.Error("they differ")
		}
	})
}
