// Realms: what some clients get of a name by their own servers or exceptions, others never do.

package resolver_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// houses is an internet with two enterprises that share a resolver. Both have a zone corp.example.
// of their own, as the Internet has, and other private zones. House 1 forwards them, house 2 has
// stub zones and falls back to the Internet. Realm 0 is of all other clients.
type houses struct {
	*internet
	own  [3]netip.Addr  // of the houses' servers
	down [3]atomic.Bool // these servers refuse
	// change may alter the realms of the next resolver.
	change func(realms []resolver.Realm)
}

// zonesOf are the private zones of the houses, and their exceptions from validation.
var zonesOf = [3][]string{1: {"corp.example.", "corp.", "nowhere.secure.example.",
	"www.iterated.example.", "lan.tree.example."}, 2: {"corp.example.", "two."}}

func newHouses(t testing.TB) *houses {
	t.Helper()
	w := lab.Internet(time.Now())
	h := &houses{}
	w.Add(lab.Zone{Name: "corp.example.", Algorithm: lab.Unsigned,
		Records: "www A 192.0.2.80;;public A 192.0.2.81;;*.wild A 192.0.2.82;;" +
			"out CNAME www.secure.example."})
	w.Add(lab.Zone{Name: "alias.", Records: "www CNAME www.corp.example.;;" +
		"no CNAME private2.corp.example.;;deep CNAME tree.alias.;;tree DNAME corp.example.;;" +
		"void CNAME host.corp."})
	w.Add(lab.Zone{Name: "tree.example.", Records: "@ DNAME secure.example.;;x TXT a"})
	w.Add(lab.Zone{Name: "hosted.", Algorithm: lab.Unsigned, Glueless: "corp.example.",
		On:      "corp.example.",
		Records: "www A 192.0.2.90;;www.priv A 192.0.2.91"})
	for i := 1; i <= 2; i++ {
		zone := fmt.Sprintf("house%d.example.", i)
		w.Add(lab.Zone{Name: zone, Algorithm: lab.Unsigned})
		h.own[i] = w.AddressOf(zone)
	}
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if q := in.Question(); dns.CanonicalName(q.Name) == "ring.unsigned.example." {
			m := new(dns.Msg).SetReply(in.Query)
			m.Authoritative = true
			m.Answer = []dns.RR{rr(q.Name + " 0 CNAME host-ring.corp.example.")}
			return lab.Messages(m), true
		}
		for i := 1; i <= 2; i++ {
			if in.Server == h.own[i] {
				return lab.Messages(h.answer(i, in.Query)).After(20 * time.Millisecond), true
			}
		}
		return lab.Reply{}, false
	}
	h.internet = newWorld(t, w, func(c *resolver.Config) { c.Referrals = true })
	h.begin()
	return h
}

// answer answers from the private zones of a house: its own address for names that begin with www,
// host, ns or private and its number; all else does not exist.
func (h *houses) answer(house int, q *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	m.SetEdns0(1232, true)
	m.Authoritative, m.RecursionAvailable = true, true
	name, t := strings.ToLower(q.Question[0].Name), q.Question[0].Qtype
	for _, z := range zonesOf[house] {
		if h.down[house].Load() || !dns.IsSubDomain(z, name) {
			continue
		}
		soa := rr(z + " 60 SOA ns." + z + " host." + z + " 1 2 3 4 60")
		first := name[:strings.Index(name, ".")]
		switch {
		case first == "fail":
			m.Rcode = dns.RcodeServerFailure
		case first == "host-ring" && house == 1:
			m.Answer = []dns.RR{rr(q.Question[0].Name + " 0 CNAME ring.unsigned.example.")}
		case strings.HasPrefix(name, "inner."+z) && t == dns.TypeNS:
			m.Answer = []dns.RR{rr(name + " 60 NS ns.inner." + z)}
		case name != z && first != "www" && !strings.HasPrefix(first, "host") &&
			!strings.HasPrefix(first, "ns") && first != fmt.Sprintf("private%d", house):
			m.Rcode, m.Ns = dns.RcodeNameError, []dns.RR{soa}
		case t == dns.TypeA:
			m.Answer = []dns.RR{rr(fmt.Sprintf("%s 60 A 10.0.0.%d", q.Question[0].Name, house))}
		default:
			m.Ns = []dns.RR{soa}
		}
		return m
	}
	m.Rcode = dns.RcodeRefused
	return m
}

// realms are those of the houses.
func (h *houses) realms() (list []resolver.Realm) {
	for i := 1; i <= 2; i++ {
		_, anchors := labtest.Resolver(h.world)
		own := resolver.Realm{Anchors: anchors}
		for _, z := range zonesOf[i] {
			own.Zones = append(own.Zones, resolver.Zone{Name: wire.MustParseName(z),
				Addrs:   []netip.AddrPort{netip.AddrPortFrom(h.own[i], 53)},
				Forward: i == 1, First: i == 2})
			anchors.Except(wire.MustParseName(z), trustanchor.Insecure)
		}
		list = append(list, own)
	}
	list[0].Anchors.Except(wire.MustParseName("expired.faulty."), trustanchor.Negative)
	list[0].Anchors.Except(wire.MustParseName("priv.hosted."), trustanchor.Negative)
	list[1].Anchors.Except(wire.MustParseName("expired.faulty."), trustanchor.Permissive)
	list[1].Anchors.Except(wire.MustParseName("nsec3.example."), trustanchor.Insecure)
	if h.change != nil {
		h.change(list)
	}
	return list
}

// begin has the resolver begin anew, with nothing in its caches.
func (h *houses) begin() {
	h.parts.Realms = h.realms()
	h.internet = h.withMemory(cache.DefaultMemory)
}

// in asks a question in a realm, and tells the answer. With CD the status does not count: a client
// that sets it gets what was validated for others as well as what was not.
func (h *houses) in(realm int, name string, t wire.Type, cd bool) string {
	a := h.r.In(realm).Resolve(context.Background(), question(name, t),
		resolver.Options{CheckingDisabled: cd})
	if cd {
		a.Status = wire.Unchecked
	}
	return telling(a)
}

// telling writes what an answer says, without its TTLs.
func telling(a *resolver.Answer) string {
	if a == nil {
		return "nothing"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", a.RCode, a.Status)
	for _, s := range a.Sets {
		for d := range s.Data.All() {
			fmt.Fprintf(&b, " %s/%s=%x", s.Name, s.Type, d)
		}
	}
	if a.Failure != nil {
		fmt.Fprintf(&b, " (%s)", a.Failure.Cause.Label())
	}
	return b.String()
}

// realmQuestions are of every kind that one realm could learn from another: answers, denials of
// names and types, names below denied ones and in denied spans, aliases that lead into the private
// zones and out of them, cuts, keys and their absence, failures, exceptions from validation.
var realmQuestions = []struct {
	what, name string
	t          wire.Type
}{
	{"data at the same name", "www.corp.example.", wire.TypeA},
	{"a type that one has", "www.corp.example.", wire.TypeMX},
	{"a name that the Internet has", "public.corp.example.", wire.TypeA},
	{"a name that one house has", "private1.corp.example.", wire.TypeA},
	{"a name that the other has", "private2.corp.example.", wire.TypeA},
	{"a name below a denied one", "host.private1.corp.example.", wire.TypeA},
	{"a wildcard's name", "a.wild.corp.example.", wire.TypeA},
	{"a name below the wildcard's that is private", "host.wild.corp.example.", wire.TypeA},
	{"the zone's own name", "corp.example.", wire.TypeA},
	{"the zone's SOA record", "corp.example.", wire.TypeSOA},
	{"the zone's DS records", "corp.example.", wire.TypeDS},
	{"the zone's keys", "corp.example.", wire.TypeDNSKEY},
	{"the zone's servers", "corp.example.", wire.TypeNS},
	{"an alias into the zone", "www.alias.", wire.TypeA},
	{"an alias to a name that one has", "no.alias.", wire.TypeA},
	{"a DNAME into the zone", "www.tree.alias.", wire.TypeA},
	{"a DNAME to a name that one has", "private1.tree.alias.", wire.TypeA},
	{"an alias that one leads back", "ring.unsigned.example.", wire.TypeA},
	{"an alias out of the zone", "out.corp.example.", wire.TypeA},
	{"an alias to a domain that one has", "void.alias.", wire.TypeA},
	{"a domain that the root denies", "host.corp.", wire.TypeA},
	{"a name in a denied span", "host.nowhere.secure.example.", wire.TypeA},
	{"the apex in a denied span", "nowhere.secure.example.", wire.TypeA},
	{"a private zone at a signed name", "www.iterated.example.", wire.TypeA},
	{"a private zone below a DNAME", "host.lan.tree.example.", wire.TypeA},
	{"a name below that DNAME", "www.tree.example.", wire.TypeA},
	{"a failure", "fail.corp.example.", wire.TypeA},
	{"a zone that is bogus for some", "www.expired.faulty.", wire.TypeA},
	{"its keys", "expired.faulty.", wire.TypeDNSKEY},
	{"its DS records", "expired.faulty.", wire.TypeDS},
	{"a zone that one does not validate", "www.nsec3.example.", wire.TypeA},
	{"a denial there", "no.nsec3.example.", wire.TypeA},
	{"a zone with a server's name in it", "www.hosted.", wire.TypeA},
	{"that server's name", "ns1.corp.example.", wire.TypeA},
	{"an exception below that zone", "www.priv.hosted.", wire.TypeA},
	{"what all share", "www.secure.example.", wire.TypeA},
	{"a denial that all share", "no.secure.example.", wire.TypeA},
}

// differs reports that a realm gets something else than it would have got without the others.
const differs = "%s, %s %s in realm %d, cd %v:\n got %s\nwant %s"

// Whatever one realm has asked for before, another gets what it would have got without that: from
// the servers, from the cache, and when it is asked again.
func TestRealmsLearnNothingFromEachOther(t *testing.T) {
	for _, c := range realmQuestions {
		for _, cd := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				h := newHouses(t)
				var truth [3]string
				for realm := range truth {
					h.begin()
					truth[realm] = h.in(realm, c.name, c.t, cd)
				}
				for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0, 1}} {
					h.begin()
					for range 2 {
						for _, realm := range order {
							if got := h.in(realm, c.name, c.t, cd); got != truth[realm] {
								t.Errorf(differs, c.what, c.name, c.t, realm, cd, got, truth[realm])
								t.Errorf("the order is %v", order)
							}
						}
					}
				}
			})
		}
	}
}

// The same with everything else in the caches: all other questions were asked in all other realms.
func TestRealmsLearnNothingFromAllThatOthersAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouses(t)
		truth := map[string]string{}
		key := func(realm, i int, cd bool) string { return fmt.Sprint(realm, i, cd) }
		for realm := range 3 {
			for i, c := range realmQuestions {
				for _, cd := range []bool{false, true} {
					h.begin()
					truth[key(realm, i, cd)] = h.in(realm, c.name, c.t, cd)
				}
			}
		}
		h.begin()
		for range 2 {
			for realm := range 3 {
				for i, c := range realmQuestions {
					for _, cd := range []bool{false, true} {
						if got := h.in(realm, c.name, c.t, cd); got != truth[key(realm, i, cd)] {
							t.Errorf(differs, c.what, c.name, c.t, realm, cd, got,
								truth[key(realm, i, cd)])
						}
					}
				}
			}
		}
	})
}

// What no realm treats otherwise is asked for once for all.
func TestRealmsShareAllElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouses(t)
		for _, name := range []string{"www.secure.example.", "no.secure.example.", "www.hosted.",
			"other.no.plain."} {
			h.in(2, name, wire.TypeA, false)
			h.transcript()
			for realm := range 3 {
				h.in(realm, name, wire.TypeA, false)
			}
			if asked := h.transcript(); asked != "" {
				t.Errorf("%s was asked for again:\n%s", name, asked)
			}
		}
		// The zones above a private one are known, and so is the chain of trust down to them.
		h.in(1, "host.nowhere.secure.example.", wire.TypeA, false)
		for _, line := range strings.Split(strings.TrimSpace(h.transcript()), "\n") {
			if !strings.HasPrefix(line, h.own[1].String()+" ") {
				t.Errorf("the private zone is asked for at %s", line)
			}
		}
	})
}

// A zone whose servers have names in a private zone is shared, so its servers are found as all
// others find them: what a house says of their addresses would decide about others' answers.
func TestRealmsFindTheServersOfSharedZonesAlike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouses(t)
		want := h.in(0, "www.hosted.", wire.TypeA, false)
		h.begin()
		h.in(1, "ns1.corp.example.", wire.TypeA, false) // has the address of the house
		h.transcript()
		if got := h.in(1, "www.hosted.", wire.TypeA, false); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if asked := h.transcript(); strings.Contains(asked, h.own[1].String()) ||
			strings.Contains(asked, "10.0.0.1") {
			t.Errorf("the house was asked:\n%s", asked)
		}
	})
}

// The same where a realm resolves by itself, and comes to a shared zone on the way: what the zone's
// servers say of shared names is for all.
func TestRealmsFindTheServersOfSharedZonesForThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouses(t)
		h.in(1, "ns1.corp.example.", wire.TypeA, false)
		h.transcript()
		if got := h.in(1, "www.priv.hosted.", wire.TypeA, false); !strings.Contains(got,
			"c000025b") {
			t.Errorf("got %s", got)
		}
		if asked := h.transcript(); strings.Contains(asked, h.own[1].String()) ||
			strings.Contains(asked, "10.0.0.1") {
			t.Errorf("the house was asked:\n%s", asked)
		}
	})
}

// Two clients that ask at the same time wait for the same fetch only if they are of one realm.
func TestRealmsDoNotJoinFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouses(t)
		var wait sync.WaitGroup
		var got [9]string
		for i := range got {
			wait.Go(func() { got[i] = h.in(i%3, "www.corp.example.", wire.TypeA, false) })
		}
		wait.Wait()
		for i, text := range got {
			for j, end := range []string{"c0000250", "0a000001", "0a000002"} {
				if strings.Contains(text, end) != (i%3 == j) {
					t.Errorf("realm %d: %s", i%3, text)
				}
			}
		}
		if n := strings.Count(h.transcript(), "www.corp.example. A"); n != 3 {
			t.Errorf("%d questions for the name", n)
		}
	})
}

// A failure of a house's servers is remembered for the house, and its end is noticed there; others
// are not told that the zone's servers fail.
func TestRealmsHaveTheirOwnFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouses(t)
		h.down[1].Store(true)
		if got := h.in(1, "www.corp.example.", wire.TypeA, false); !strings.Contains(got,
			cause.ServerRefused.Label()) {
			t.Errorf("the house gets %s", got)
		}
		for _, realm := range []int{0, 2} {
			if got := h.in(realm, "www.corp.example.", wire.TypeA, false); !strings.HasPrefix(got,
				"NOERROR") {
				t.Errorf("realm %d gets %s", realm, got)
			}
		}
		h.transcript()
		if h.in(1, "www.corp.example.", wire.TypeA, false); h.transcript() != "" {
			t.Error("the failure is not remembered")
		}
		if a := h.r.In(0).KnownFailure(question("www.corp.example.", wire.TypeA), false); a != nil {
			t.Errorf("others are told of it: %v", a.Failure)
		}
	})
}

// While the servers of a stub zone with `first` fail its clients get the Internet's answers, which
// are not what others get from then on, nor do they stay.
func TestRealmsFallBackForThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouses(t)
		h.down[2].Store(true)
		if got := h.in(2, "www.corp.example.", wire.TypeA, false); !strings.Contains(got,
			"c0000250") {
			t.Errorf("no fallback: %s", got)
		}
		h.down[2].Store(false)
		time.Sleep(10 * time.Minute)
		for realm, end := range []string{"c0000250", "0a000001", "0a000002"} {
			if got := h.in(realm, "www.corp.example.", wire.TypeA, false); !strings.Contains(got,
				end) {
				t.Errorf("realm %d: %s", realm, got)
			}
		}
	})
}

// Stale data answer the clients of their realm.
func TestRealmsHaveTheirOwnStaleData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouses(t)
		h.in(1, "www.corp.example.", wire.TypeA, false)
		h.in(1, "private1.corp.example.", wire.TypeA, false)
		time.Sleep(2 * time.Minute)
		h.down[1].Store(true)
		if got := h.in(1, "www.corp.example.", wire.TypeA, false); !strings.Contains(got,
			"0a000001") {
			t.Errorf("the house gets no stale data: %s", got)
		}
		for _, name := range []string{"www.corp.example.", "private1.corp.example."} {
			for _, realm := range []int{0, 2} {
				full := &cause.Failure{Cause: cause.Overload}
				if a := h.r.In(realm).Stale(netip.Prefix{}, question(name, wire.TypeA), false, full,
					&resolver.Checks{}); a != nil {
					t.Errorf("%s in realm %d: stale %s", name, realm, telling(a))
				}
				if got := h.in(realm, name, wire.TypeA, false); strings.Contains(got, "0a000001") {
					t.Errorf("%s in realm %d: %s", name, realm, got)
				}
			}
		}
	})
}

// A client that looks into the cache without RD sees nothing of other realms.
func TestRealmsAreNotLookedInto(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouses(t)
		for _, name := range []string{"www.corp.example.", "private2.corp.example."} {
			h.in(2, name, wire.TypeA, false)
			for realm, seen := range []bool{false, false, true} {
				r := h.r.In(realm)
				if a := r.Known(question(name, wire.TypeA), false, false,
					&resolver.Checks{}); (a != nil) != seen {
					t.Errorf("%s in realm %d: %s", name, realm, telling(a))
				}
				if set := r.Cached(wire.MustParseName(name), wire.TypeA,
					false); (set != nil) != seen {
					t.Errorf("%s in realm %d: cached %v", name, realm, set)
				}
			}
		}
		h.in(0, "www.corp.example.", wire.TypeA, false)
		if a := h.r.In(0).Referral(t.Context(), question("x.corp.example.",
			wire.TypeA)); a == nil ||
			a.Authority[0].Name != wire.MustParseName("corp.example.") {
			t.Errorf("no referral to the Internet's zone: %v", a)
		}
		if a := h.r.In(1).Referral(t.Context(), question("x.corp.example.", wire.TypeA)); a != nil {
			t.Errorf("a house is referred to the Internet's servers: %v", a.Authority)
		}
		if ns := h.r.In(1).NameServers(wire.MustParseName("x.corp.example.")); len(ns) > 0 {
			t.Errorf("policy of a house is told of the Internet's servers: %v", ns)
		}
	})
}

// A flush is for all clients.
func TestRealmsAreFlushedTogether(t *testing.T) {
	flushes := map[string]func(*resolver.Resolver){
		"a name": func(r *resolver.Resolver) {
			r.Flush(wire.MustParseName("www.corp.example."), false)
		},
		"a subtree": func(r *resolver.Resolver) { r.Flush(wire.MustParseName("example."), true) },
		"data of a type": func(r *resolver.Resolver) {
			r.FlushOnly(cache.Selection{Name: wire.MustParseName("www.corp.example."),
				Type: wire.TypeA})
		},
	}
	for what, flush := range flushes {
		synctest.Test(t, func(t *testing.T) {
			h := newHouses(t)
			for realm := range 3 {
				h.in(realm, "www.corp.example.", wire.TypeA, false)
			}
			flush(h.r)
			for realm := range 3 {
				h.transcript()
				if h.in(realm, "www.corp.example.", wire.TypeA, false); h.transcript() == "" {
					t.Errorf("%s: realm %d still has its data", what, realm)
				}
			}
		})
	}
}

// succeed has other realms take the place of those in use.
func (h *houses) succeed(change func(realms []resolver.Realm)) {
	old := h.r
	h.change = change
	h.parts.Realms = h.realms()
	h.r = old.Successor(h.cfg, h.parts)
	h.t.Cleanup(h.r.Close)
	h.r.Forget(old)
}

// A realm that stays the same keeps its data over a reload; one that changes has none of those
// before, nor does it leave any to others.
func TestRealmsOverAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouses(t)
		for realm := range 3 {
			h.in(realm, "www.corp.example.", wire.TypeA, false)
			h.in(realm, "www.expired.faulty.", wire.TypeA, false)
		}
		h.succeed(nil)
		h.transcript()
		for realm, end := range []string{"c0000250", "0a000001", "0a000002"} {
			if got := h.in(realm, "www.corp.example.", wire.TypeA, false); !strings.Contains(got,
				end) {
				t.Errorf("realm %d: %s", realm, got)
			}
		}
		if asked := h.transcript(); asked != "" {
			t.Errorf("nothing has changed, but was forgotten:\n%s", asked)
		}
		h.succeed(func(realms []resolver.Realm) { // the houses change places
			realms[0], realms[1] = realms[1], realms[0]
		})
		for realm, end := range []string{"c0000250", "0a000002", "0a000001"} {
			if got := h.in(realm, "www.corp.example.", wire.TypeA, false); !strings.Contains(got,
				end) {
				t.Errorf("in other order, realm %d: %s", realm, got)
			}
		}
		if asked := h.transcript(); asked != "" {
			t.Errorf("the realms are the same in another order, but were forgotten:\n%s", asked)
		}
		h.succeed(func(realms []resolver.Realm) { realms[0].Zones = nil })
		if got := h.in(1, "www.corp.example.", wire.TypeA, false); !strings.Contains(got,
			"c0000250") {
			t.Errorf("without its zones the house gets %s", got)
		}
		h.succeed(nil)
		if got := h.in(1, "www.corp.example.", wire.TypeA, false); !strings.Contains(got,
			"0a000001") {
			t.Errorf("with them again: %s", got)
		}
		h.succeed(func(realms []resolver.Realm) {
			_, realms[0].Anchors = labtest.Resolver(h.world)
		})
		if got := h.in(1, "www.expired.faulty.", wire.TypeA, false); !strings.HasPrefix(got,
			"SERVFAIL") {
			t.Errorf("without its exception the house gets %s", got)
		}
	})
}

// A resolver that is not in use any more goes on with what it began, and what it stores is not
// found by a realm with other settings.
func TestRealmsOfTheResolverBeforeStoreForThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouses(t)
		old := h.r
		h.succeed(func(realms []resolver.Realm) { realms[0].Zones = nil })
		a := old.In(1).Resolve(context.Background(), question("www.corp.example.", wire.TypeA),
			resolver.Options{})
		if got := telling(a); !strings.Contains(got, "0a000001") {
			t.Fatalf("the resolver before gets %s", got)
		}
		if got := h.in(1, "www.corp.example.", wire.TypeA, false); !strings.Contains(got,
			"c0000250") {
			t.Errorf("the one after gets %s", got)
		}
		if n := h.r.Forget(old); n == 0 {
			t.Error("what the one before has stored stays in memory")
		}
	})
}

// A saved cache belongs to the realms that it was saved for, in whatever order they are now.
func TestRealmsOverAWarmRestart(t *testing.T) {
	names := []string{"www.corp.example.", "private1.corp.example.", "www.secure.example."}
	save := func(t *testing.T) (*houses, []byte) {
		h := newHouses(t)
		for realm := range 3 {
			for _, n := range names {
				h.in(realm, n, wire.TypeA, false)
			}
		}
		var file bytes.Buffer
		if err := h.r.Save(&file); err != nil {
			t.Fatal(err)
		}
		return h, file.Bytes()
	}
	for what, c := range map[string]struct {
		change func([]resolver.Realm)
		ends   [3]string
		asked  bool
	}{
		"the same": {nil, [3]string{"c0000250", "0a000001", "0a000002"}, false},
		"in another order": {func(r []resolver.Realm) { r[0], r[1] = r[1], r[0] },
			[3]string{"c0000250", "0a000002", "0a000001"}, false},
		"one has no zones": {func(r []resolver.Realm) { r[0].Zones = nil },
			[3]string{"c0000250", "c0000250", "0a000002"}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			h, file := save(t)
			h.change = c.change
			h.begin()
			if n, err := h.r.Restore(t.Context(), bytes.NewReader(file)); err != nil ||
				n.Used == 0 || n.Ended > 0 || (n.Outdated > 0) != c.asked {
				t.Errorf("%s: %+v, %v", what, n, err)
			}
			h.transcript()
			for realm, end := range c.ends {
				if got := h.in(realm, names[0], wire.TypeA, false); !strings.Contains(got, end) {
					t.Errorf("%s: realm %d gets %s", what, realm, got)
				}
			}
			if asked := h.transcript(); (asked != "") != c.asked {
				t.Errorf("%s: asked\n%s", what, asked)
			}
		})
	}
}

// Prefetching and the question whether servers are back are those of the realm.
func TestRealmsRefreshForThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouses(t)
		h.cfg.Prefetch = true
		h.begin()
		for realm := range 3 {
			h.in(realm, "www.corp.example.", wire.TypeA, false)
		}
		time.Sleep(57 * time.Second)
		h.transcript()
		h.in(1, "www.corp.example.", wire.TypeA, false)
		synctest.Wait()
		if asked := h.transcript(); strings.Count(asked, "\n") != 1 ||
			!strings.HasPrefix(asked, h.own[1].String()) {
			t.Errorf("refreshed by\n%s", asked)
		}
	})
}
