// Views: the policy for some of the clients, and its changes.

package server_test

import (
	"context"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/observe"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// counted counts the queries upstream.
type counted struct {
	transport.Exchanger
	n atomic.Int64
}

func (c *counted) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	c.n.Add(1)
	return c.Exchanger.Exchange(ctx, r)
}

// newCounted is a front whose queries upstream are counted.
func newCounted(t *testing.T, resolving func(*resolver.Config)) (*front, *counted) {
	t.Helper()
	up, seen := &counted{}, &quiet{}
	f := newFrontAll(t, nil, resolving, seen, func(p *resolver.Parts) {
		up.Exchanger, p.Exchanger = p.Exchanger, up
	})
	f.seen = seen
	return f, up
}

// replacing is a policy that answers questions about one name itself, and counts its calls.
type replacing struct {
	name  wire.Name
	asked atomic.Int64
}

func (p *replacing) local(q wire.Question) *policy.Local {
	p.asked.Add(1)
	if q.Name != p.name {
		return nil
	}
	return &policy.Local{NXDomain: true}
}

// everybody allows all IPv4 clients; those of 10/8 have a view of their own.
func everybody(v *policy.View) *policy.ACL {
	return policy.NewACL([]policy.Rule{{Net: netip.MustParsePrefix("0.0.0.0/0")}},
		policy.Clients{Net: netip.MustParsePrefix("10.0.0.0/8"), View: v})
}

// The client's address selects the view. Clients of one view never get answers that were prepared
// for another; views of one policy class share them.
func TestViewIsChosenByListenerAndClient(t *testing.T) {
	const name = "www.secure.example."
	f, up := newCounted(t, func(*resolver.Config) {})
	p := &replacing{name: wire.MustParseName(name)}
	own := &policy.View{Class: 1, Local: p.local}
	f.Handler = f.server.Handler(everybody(own), &policy.View{})
	elsewhere := f.server.Handler(everybody(nil), own) // all clients of another listener
	rcode := func(from string) int {
		return f.askFrom(from, transport.UDP, name, dns.TypeA, nil).Rcode
	}
	for range 4 { // resolved, from the cache, prepared
		if rc := rcode("192.0.2.1:1000"); rc != dns.RcodeSuccess {
			t.Errorf("outside of the view: rcode %d", rc)
		}
		if rc := rcode("10.0.0.1:1000"); rc != dns.RcodeNameError {
			t.Errorf("in the view: rcode %d", rc)
		}
	}
	if f.seen.hits == 0 {
		t.Error("nothing was prepared")
	}
	first := f.Handler
	f.Handler = elsewhere
	if rc := rcode("192.0.2.1:1000"); rc != dns.RcodeNameError {
		t.Errorf("at the listener of the view: rcode %d", rc)
	}
	// All views of a class share its prepared answers, and no other view has them.
	before := up.n.Load()
	for range 3 {
		f.ask("txt.secure.example.", dns.TypeTXT, nil)
	}
	hits := f.seen.hits
	f.Handler = first
	f.askFrom("10.0.0.1:1000", transport.UDP, "txt.secure.example.", dns.TypeTXT, nil)
	if f.seen.hits != hits+1 {
		t.Error("what is prepared for a class is not another view's of it")
	}
	sent := up.n.Load()
	f.askFrom("192.0.2.1:1000", transport.UDP, "txt.secure.example.", dns.TypeTXT, nil)
	if f.seen.hits != hits+1 {
		t.Error("what is prepared for one class is another's")
	}
	if sent == before || up.n.Load() != sent {
		t.Error("data are fetched once for all classes")
	}
}

// When the policy changes, an answer that was prepared before is checked again once. If it is still
// right it is kept for the new policy: nothing is fetched for it, even if the cache has nothing but
// the answer itself.
func TestPolicyGenerationJudgesPreparedAnswersOnce(t *testing.T) {
	f, up := newCounted(t, func(*resolver.Config) {})
	p := &replacing{name: wire.MustParseName("www.unsigned.example.")}
	acl := everybody(nil)
	rules := server.Rules{Config: &server.Config{UDPSize: 1232}, Access: acl, View: &policy.View{}}
	f.Handler.Replace(rules)
	for range 3 {
		for _, name := range []string{"www.secure.example.", "www.unsigned.example."} {
			if m := f.ask(name, dns.TypeA, nil); m.Rcode != dns.RcodeSuccess {
				t.Fatalf("before: %v", m)
			}
		}
	}
	hits, sent := f.seen.hits, up.n.Load()
	if hits != 2 {
		t.Fatalf("%d answers were prepared", hits)
	}
	// Only the prepared answers are left.
	all := func(cache.Key) bool { return true }
	f.store.RRsets.RemoveFunc(all)
	f.store.Negatives.RemoveFunc(all)

	rules.View = &policy.View{Generation: 1, Local: p.local}
	f.Handler.Replace(rules)
	for i := range 3 {
		m := f.ask("www.secure.example.", dns.TypeA, nil)
		if m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 {
			t.Errorf("an answer that stands: %v", m)
		}
		if n := p.asked.Load(); n != 1 {
			t.Errorf("after %d questions judged %d times", i+1, n)
		}
	}
	if f.seen.hits != hits+3 || up.n.Load() != sent {
		t.Errorf("%d hits, %d questions upstream", f.seen.hits-hits, up.n.Load()-sent)
	}
	for range 2 {
		if m := f.ask("www.unsigned.example.", dns.TypeA, nil); m.Rcode != dns.RcodeNameError {
			t.Errorf("an answer that does not stand: %v", m)
		}
	}
	if up.n.Load() != sent {
		t.Errorf("%d questions upstream", up.n.Load()-sent)
	}
}

// A prepared denial of a span does not apply to a name that the policy answers.
func TestPolicyIsAskedBeforeAPreparedDenial(t *testing.T) {
	f, _ := newCounted(t, func(*resolver.Config) {})
	p := &replacing{name: wire.MustParseName("zz9.secure.example.")}
	local := func(q wire.Question) *policy.Local {
		if l := p.local(q); l != nil {
			return &policy.Local{Answer: []*wire.RRset{localhost(q.Name)}}
		}
		return nil
	}
	f.Handler = f.server.Handler(everybody(nil), &policy.View{Local: local})
	for _, c := range []struct {
		name  string
		rcode int
	}{{"zz1.secure.example.", dns.RcodeNameError}, {"zz2.secure.example.", dns.RcodeNameError},
		{"zz3.secure.example.", dns.RcodeNameError}, {"zz9.secure.example.", dns.RcodeSuccess}} {
		if m := f.ask(c.name, dns.TypeA, edns(true)); m.Rcode != c.rcode {
			t.Errorf("%s: %v", c.name, m)
		}
	}
	if f.seen.hits == 0 {
		t.Error("no denial was prepared")
	}
}

// localhost returns an address record of a name.
func localhost(name wire.Name) *wire.RRset {
	s := &wire.RRset{Name: name, Type: wire.TypeA, Class: wire.ClassIN, TTL: 60}
	s.Data = s.Data.Append([]byte{127, 0, 0, 1})
	return s
}

// Rules are replaced while queries come in: each is answered by the old ones or the new ones, and
// none is lost.
func TestRulesAreReplacedUnderQueries(t *testing.T) {
	f := newFrontObserved(t, observe.New())
	p := &replacing{name: wire.MustParseName("www.secure.example.")}
	rules := [2]server.Rules{
		{Config: &server.Config{UDPSize: 1232}, Access: everybody(nil), View: &policy.View{}},
		{Config: &server.Config{UDPSize: 1232}, Access: everybody(nil),
			View: &policy.View{Generation: 1, Local: p.local}}}
	f.Handler.Replace(rules[0])
	packet := packed(t, "www.secure.example.")
	var asking sync.WaitGroup
	var done atomic.Bool
	for range 3 {
		asking.Go(func() {
			for !done.Load() {
				m := new(dns.Msg)
				err := m.Unpack(f.exchange(packet, "192.0.2.1:1000", transport.UDP))
				before := m.Rcode == dns.RcodeSuccess && len(m.Answer) == 1
				if after := m.Rcode == dns.RcodeNameError; err != nil || !before && !after {
					t.Errorf("%v\n%v", err, m)
					return
				}
			}
		})
	}
	for i := range 500 {
		f.Handler.Replace(rules[i%2])
		runtime.Gosched()
	}
	done.Store(true)
	asking.Wait()
}
