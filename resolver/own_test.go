// A zone's own NS set, and the servers that refreshes and forwarders' names are resolved with.

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

	"bailiwick/cache"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// mobile is an unsigned zone whose servers name their own NS set with each answer, so that a test
// may move it.
type mobile struct {
	*internet
	failing atomic.Bool            // its servers say SERVFAIL
	moved   atomic.Bool            // its parent refers to helper's server
	ns      atomic.Pointer[string] // the zone's own NS set: "TTL name name"
}

func newMobile(t *testing.T, ns string) *mobile {
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "mobile.example.", Algorithm: lab.Unsigned, TTL: 86400,
		Records: "www 300 A 192.0.2.1;;mail 300 A 192.0.2.1"})
	w.Add(lab.Zone{Name: "helper.example.", Algorithm: lab.Unsigned})
	order := w.Servers()
	first, second := order[len(order)-2], order[len(order)-1]
	m := &mobile{}
	m.ns.Store(&ns)
	w.Script = func(i lab.Incoming) (lab.Reply, bool) {
		q := i.Question()
		if !strings.HasSuffix(q.Name, "mobile.example.") {
			return daily(i.Honest()), true
		}
		r := new(dns.Msg).SetReply(i.Query)
		add := func(section *[]dns.RR, text string, args ...any) {
			rr, err := dns.NewRR(fmt.Sprintf(text, args...))
			if err != nil {
				t.Error(err)
			}
			*section = append(*section, rr)
		}
		switch {
		case i.Server != first && i.Server != second:
			if m.moved.Load() && q.Qtype == dns.TypeA {
				add(&r.Ns, "mobile.example. 86400 NS ns1.helper.example.")
				return lab.Messages(r), true
			}
			return daily(i.Honest()), true
		case i.Server == first && m.failing.Load():
			r.Rcode = dns.RcodeServerFailure
			r.SetEdns0(1232, false) // it knows EDNS
			return lab.Messages(r), true
		case q.Qtype != dns.TypeA && q.Qtype != dns.TypeNS:
			return lab.Reply{}, false
		}
		r.Authoritative = true
		section := &r.Answer
		if q.Qtype == dns.TypeA {
			address := "192.0.2.1"
			if i.Server == second {
				address = "192.0.2.2"
			}
			add(&r.Answer, "%s 300 A %s", q.Name, address)
			section = &r.Ns
		}
		said := strings.Fields(*m.ns.Load())
		for _, name := range said[1:] {
			add(section, "mobile.example. %s NS %s", said[0], name)
		}
		return lab.Messages(r), true
	}
	m.internet = newWorld(t, w, func(c *resolver.Config) {
		c.Prefetch, c.CaseRandomisation = true, false
	})
	return m
}

// daily is a reply whose referral, if it is one, holds for a day.
func daily(r *dns.Msg) lab.Reply {
	for i, rr := range r.Ns {
		if rr.Header().Rrtype == dns.TypeNS {
			r.Ns[i] = dns.Copy(rr)
			r.Ns[i].Header().Ttl = 86400
		}
	}
	return lab.Messages(r)
}

// address returns the answer to a question for an address.
func (m *mobile) address(name string) string {
	m.t.Helper()
	a := m.resolve(name, wire.TypeA)
	if len(a.Sets) == 0 {
		return fmt.Sprint(a.RCode, " ", a.Failure)
	}
	ip, _ := netip.AddrFromSlice(a.Sets[0].Data.First())
	return ip.String()
}

// A zone's own NS set names a server that its parent does not know. It is asked only when those of
// the parent have failed.
func TestOwnServersAreAskedWhenTheParentsHaveFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMobile(t, "86400 ns1.mobile.example. ns1.helper.example.")
		if got := m.address("www.mobile.example."); got != "192.0.2.1" {
			t.Fatalf("got %s", got)
		}
		m.resolve("mobile.example.", wire.TypeNS)
		if asked := m.transcript(); strings.Contains(asked, "helper.example.") {
			t.Errorf("the other server is looked up though the first answers\n%s", asked)
		}
		m.failing.Store(true)
		if got := m.address("mail.mobile.example."); got != "192.0.2.2" {
			t.Errorf("when the parent's server fails: %s\n%s", got, m.transcript())
		}
	})
}

// CVE-2025-11411: an NS set that came with another answer adds no servers, not even when the
// parent's fail: it can be forged as easily as an answer to any random name.
func TestCVE2025_11411ServersBesideAnAnswerAreNotAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMobile(t, "86400 ns1.mobile.example. ns1.helper.example.")
		m.address("www.mobile.example.")
		m.failing.Store(true)
		if got := m.address("mail.mobile.example."); got == "192.0.2.2" {
			t.Errorf("got %s\n%s", got, m.transcript())
		}
	})
}

// The delegation ends with the TTL of the zone's own NS set, if that is the shorter one, and later
// answers do not extend it: a zone that has moved is found at its parent. The parent's TTL is a
// day.
func TestRFC2181OwnTTLEndsADelegation(t *testing.T) {
	for _, c := range []struct {
		said  string
		after time.Duration
		want  string
	}{
		{"600 ns1.mobile.example.", 590 * time.Second, "192.0.2.1"},
		{"600 ns1.mobile.example.", 601 * time.Second, "192.0.2.2"},
		// The delegation lasts for cache.MinDelegation at least, to spare its parent.
		{"0 ns1.mobile.example.", cache.MinDelegation - time.Second, "192.0.2.1"},
		{"0 ns1.mobile.example.", cache.MinDelegation + time.Second, "192.0.2.2"},
		// The delegation never lasts longer than the parent's TTL.
		{"172800 ns1.mobile.example.", 24*time.Hour + time.Second, "192.0.2.2"},
		{"172800 ns1.mobile.example. ns1.helper.example.", 24*time.Hour + time.Second, "192.0.2.2"},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMobile(t, c.said)
			m.address("www.mobile.example.")
			time.Sleep(c.after / 2)
			m.address("mail.mobile.example.") // the same NS set, later
			m.moved.Store(true)
			time.Sleep(c.after - c.after/2)
			if got := m.address("new.mobile.example."); got != c.want {
				t.Errorf("%s, after %v: got %s, want %s", c.said, c.after, got, c.want)
			}
		})
	}
}

// A refresh before the end asks the servers that a resolution at the end would ask: the delegation
// ends together with the data, so its parent is asked, and the zone has moved.
func TestARefreshAsksServersThatStillHoldAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMobile(t, "300 ns1.mobile.example.")
		m.address("www.mobile.example.")
		m.moved.Store(true)
		time.Sleep(280 * time.Second)
		if got := m.address("www.mobile.example."); got != "192.0.2.1" {
			t.Errorf("before the end: %s", got)
		}
		synctest.Wait()
		if got := m.address("www.mobile.example."); got != "192.0.2.2" {
			t.Errorf("after the refresh: %s\n%s", got, m.transcript())
		}
	})
}

// RFC 9520, section 3.2: a refresh that failed is not tried again with each client's question, but
// after its failure is forgotten. The cached data are used until their end meanwhile.
func TestRFC9520AFailedRefreshWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMobile(t, "86400 ns1.mobile.example.")
		m.address("www.mobile.example.")
		time.Sleep(275 * time.Second)
		m.failing.Store(true)
		m.transcript()
		for range 10 {
			if got := m.address("www.mobile.example."); got != "192.0.2.1" {
				t.Fatalf("got %s", got)
			}
			synctest.Wait()
		}
		if asked := m.transcript(); strings.Count(asked, "www.mobile.example.") != 1 {
			t.Errorf("ten questions while the refresh fails cause\n%s", asked)
		}
		time.Sleep(15 * time.Second)
		m.failing.Store(false)
		m.address("www.mobile.example.")
		synctest.Wait()
		if later := m.transcript(); later == "" {
			t.Error("never tried again")
		}
	})
}

// The address of a forwarder that is given by name is resolved over one that is given by address,
// before the latter fails.
func TestForwarderNamesAreLookedUpWhileTheWayLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "fwd.example.", Algorithm: lab.Unsigned})
		w.Add(lab.Zone{Name: "spare.example.", Algorithm: lab.Unsigned})
		order := w.Servers()
		first, second := order[len(order)-2], order[len(order)-1]
		var dead atomic.Bool
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			q := i.Question()
			r := new(dns.Msg).SetReply(i.Query)
			if i.Server == first && dead.Load() {
				r.Rcode = dns.RcodeServerFailure
				return lab.Messages(r), true
			}
			address := "192.0.2.7"
			if q.Name == "second.corp." {
				address = second.String()
			}
			rr, err := dns.NewRR(q.Name + " 300 A " + address)
			if err != nil {
				t.Error(err)
			}
			r.Answer = append(r.Answer, rr)
			return lab.Messages(r), true
		}
		in := newWorld(t, w, func(c *resolver.Config) {
			c.CaseRandomisation = false
			c.Zones = []resolver.Zone{{Name: wire.Root, Forward: true,
				Addrs: []netip.AddrPort{netip.AddrPortFrom(first, 53)},
				Hosts: []wire.Name{wire.MustParseName("second.corp.")}}}
		})
		if err := in.parts.Anchors.AddNegative("."); err != nil {
			t.Fatal(err)
		}
		in.resolve("www.corp.", wire.TypeA)
		synctest.Wait()
		dead.Store(true)
		if a := in.resolve("mail.corp.", wire.TypeA); len(a.Sets) != 1 {
			t.Errorf("got %s %v\n%s", a.RCode, a.Failure, in.transcript())
		}
	})
}
