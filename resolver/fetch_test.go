// Fetches: resolutions that clients share, and that are charged to their waiters.

package resolver_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/validator"
	"bailiwick/wire"
)

// leaver is a client that asks, and may leave.
type leaver struct {
	answer *resolver.Answer // when it has one
	took   time.Duration
	leave  func()
}

// got returns the client's answer, nil if it has none yet.
func (c *leaver) got() *resolver.Answer {
	synctest.Wait()
	return c.answer
}

// start has a client ask in the background.
func (in *internet) start(name string, t wire.Type) *leaver {
	ctx, cancel := context.WithCancel(context.Background())
	c, began := &leaver{leave: cancel}, time.Now()
	go func() {
		q := question(name, t)
		c.answer = in.r.Resolve(ctx, q, resolver.Options{})
		c.took = time.Since(began)
	}()
	synctest.Wait()
	return c
}

// knowing is the lab's internet with the zones above faulty. cached.
func knowing(t *testing.T) *internet {
	in := newInternet(t)
	in.resolve("www.lossy.faulty.", wire.TypeNS)
	in.transcript()
	return in
}

// The client that asked first leaves while another waits: it is answered at once, the other gets
// the answer when it comes, and the servers get one question.
func TestFetchOutlivesItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := knowing(t)
		first := in.start("www.slow.faulty.", wire.TypeA)
		second := in.start("www.slow.faulty.", wire.TypeA)
		first.leave()
		synctest.Wait()
		if first.got() == nil || first.answer.RCode != servFail || first.took > 0 {
			t.Errorf("the first: %+v after %v", first.answer, first.took)
		}
		time.Sleep(resolver.MaxTime)
		if a := second.got(); a == nil || a.Status != wire.Secure {
			t.Errorf("the second: %+v", a)
		}
		if asked := in.transcript(); strings.Count(asked, "www.slow.faulty. A") != 1 ||
			strings.Count(asked, "DNSKEY") != 1 {
			t.Errorf("asked\n%s", asked)
		}
	})
}

// Start returns when the answer has been passed on, even if another goroutine does that because the
// client has gone: who called Start may give up then what belongs to the client. Here the fetch
// ends for another client while the answer is still being passed on.
func TestStartReturnsWhenTheAnswerIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := knowing(t)
		ctx, leave := context.WithCancel(context.Background())
		var passed, returned atomic.Bool
		go func() {
			in.r.Start(ctx, question("www.slow.faulty.", wire.TypeA), resolver.Options{},
				func(*resolver.Answer) {
					time.Sleep(resolver.MaxTime)
					passed.Store(true)
				})
			if returned.Store(true); !passed.Load() {
				t.Error("returned while the answer was being passed on")
			}
		}()
		synctest.Wait()
		other := in.start("www.slow.faulty.", wire.TypeA)
		leave()
		time.Sleep(resolver.MaxTime / 2)
		if a := other.got(); a == nil || a.Status != wire.Secure || returned.Load() {
			t.Errorf("the other: %+v", a)
		}
		time.Sleep(resolver.MaxTime)
		if synctest.Wait(); !returned.Load() {
			t.Error("does not return")
		}
	})
}

// A client whose own time ends does not wait for a fetch that others still wait for.
func TestFetchDoesNotHoldItsClientBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "evil.", Algorithm: lab.Unsigned})
		evil := w.AddressOf("evil.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			q := in.Question()
			switch name := strings.ToLower(q.Name); {
			case in.Server == evil && name == "a.evil.":
				m := new(dns.Msg).SetReply(in.Query)
				m.Authoritative, m.Answer = true, []dns.RR{rr(q.Name + " 0 CNAME www.slow.faulty.")}
				return lab.Messages(m).After(3 * time.Second), true
			case name == "www.slow.faulty.":
				return lab.Messages(in.Honest()).After(2200 * time.Millisecond), true
			}
			return lab.Reply{}, false
		}
		in := newWorld(t, w, nil)
		in.resolve("evil.", wire.TypeSOA)
		in.resolve("www.slow.faulty.", wire.TypeTXT)
		leader := in.start("a.evil.", wire.TypeA)
		time.Sleep(3100 * time.Millisecond) // its alias has led it to the slow name
		other := in.start("www.slow.faulty.", wire.TypeA)
		time.Sleep(resolver.MaxTime)
		if a := leader.got(); a == nil || a.Failure == nil || a.Failure.Cause != cause.LimitTime ||
			leader.took != resolver.MaxTime {
			t.Errorf("the client of the alias: %+v after %v", a, leader.took)
		}
		if a := other.got(); a == nil || a.Status != wire.Secure ||
			other.took > 2200*time.Millisecond {
			t.Errorf("the other: %+v after %v", a, other.took)
		}
	})
}

// When the last waiter has left, nothing more is asked, and no failure is remembered.
func TestFetchEndsWithItsLastWaiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := knowing(t)
		first := in.start("www.dead.faulty.", wire.TypeA)
		second := in.start("www.dead.faulty.", wire.TypeA)
		first.leave()
		synctest.Wait()
		if in.r.Stats().Fetches == 0 {
			t.Error("ended with the first of two")
		}
		if in.transcript() == "" {
			t.Error("nothing was asked")
		}
		second.leave()
		synctest.Wait()
		if n := in.r.Stats().Fetches; n != 0 {
			t.Errorf("%d fetches are left", n)
		}
		k := cache.Key{Name: wire.MustParseName("www.dead.faulty."), Type: wire.TypeA}
		if f, ok := in.cache.GetFailure(k, time.Now()); ok {
			t.Errorf("remembered: %v", f)
		}
		in.transcript()
		time.Sleep(2 * resolver.MaxTime)
		if asked := in.transcript(); asked != "" {
			t.Errorf("still asked\n%s", asked)
		}
	})
}

// A refresh goes on when a client that joined it has left.
func TestRefreshGoesOnWithoutWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, lab.Internet(time.Now()), func(c *resolver.Config) { c.Prefetch = true })
		q := question("www.slow.faulty.", wire.TypeA)
		in.resolve("www.slow.faulty.", wire.TypeA)
		time.Sleep(280 * time.Second) // of 300
		in.r.Known(q, false, true, &resolver.Checks{})
		synctest.Wait()
		if s := in.r.Stats(); s.Refreshes != 1 {
			t.Fatalf("%d refreshes", s.Refreshes)
		}
		in.cache.RRsets.Remove(cache.Key{Name: q.Name, Type: q.Type}) // so that the client waits
		in.transcript()
		c := in.start("www.slow.faulty.", wire.TypeA)
		c.leave()
		synctest.Wait()
		if c.got() == nil || c.answer.RCode != servFail {
			t.Fatalf("the client: %+v", c.answer)
		}
		time.Sleep(2 * in.world.SlowBy)
		a := in.r.Known(q, false, true, &resolver.Checks{})
		if a == nil || a.Status != wire.Secure {
			t.Errorf("after the refresh: %+v", a)
		}
		if asked := in.transcript(); asked != "" {
			t.Errorf("the client caused\n%s", asked)
		}
		if s := in.r.Stats(); s.Refreshes != 0 || s.Fetches != 0 {
			t.Errorf("left: %+v", s)
		}
	})
}

// tower is a world in which names of evil. cost as many packets as in evilWorld, with a delay for
// each question for names in c.evil.
func tower(delay func(nth int32) time.Duration, target func(name string) string) *lab.World {
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "evil.", Algorithm: lab.Unsigned})
	spend := spender(target)
	var asked atomic.Int32
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		r, ok := spend(in)
		if strings.HasSuffix(strings.ToLower(in.Question().Name), "c.evil.") {
			r.Delay = delay(asked.Add(1))
		}
		return r, ok
	}
	return w
}

// A client that joins a fetch when the first client's time is nearly over has its own full time.
func TestFetchGivesALateWaiterAFullChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delay := func(nth int32) time.Duration {
			if nth > 20 {
				return 0
			}
			return 300 * time.Millisecond
		}
		in := newWorld(t, tower(delay, func(string) string { return "www.plain." }), nil)
		in.resolve("www.plain.", wire.TypeA)
		in.resolve("evil.", wire.TypeSOA)
		name := deep("c", 26)
		first := in.start(name, wire.TypeA)
		time.Sleep(4700 * time.Millisecond)
		late := in.start(name, wire.TypeA)
		time.Sleep(resolver.MaxTime)
		if a := first.got(); a == nil || a.Failure == nil || a.Failure.Cause != cause.LimitTime {
			t.Errorf("the first: %+v", a)
		}
		if a := late.got(); a == nil || a.RCode != noError || a.Failure != nil {
			t.Errorf("the late one: %+v", a)
		}
	})
}

// A query that has spent nearly its whole budget on aliases comes to an expensive name that another
// client waits for as well: the limit ends the first query, not the fetch, and each packet is sent
// once.
func TestFetchHasItsOwnBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(int32) time.Duration { return 200 * time.Millisecond }
		in := newWorld(t, tower(slow, func(name string) string {
			switch name[0] {
			case 'a':
				return deep("b", 27)
			case 'b':
				return deep("c", 20)
			}
			return "www.plain."
		}), nil)
		in.resolve("www.plain.", wire.TypeA)
		in.resolve("evil.", wire.TypeSOA)
		in.transcript()
		spent := in.start(deep("a", 27), wire.TypeA)
		asked := in.transcript() // for it alone: it has come to the slow name
		if !strings.Contains(asked, " c.evil.") {
			t.Fatal(asked)
		}
		other := in.start(deep("c", 20), wire.TypeA)
		time.Sleep(resolver.MaxTime)
		if a := spent.got(); a == nil || a.Failure == nil ||
			a.Failure.Cause != cause.LimitQueries ||
			a.Sent != resolver.MaxQueries {
			t.Errorf("the one that has spent all: %+v", a)
		}
		if a := other.got(); a == nil || a.RCode != noError || a.Failure != nil {
			t.Errorf("the other: %+v", a)
		}
		asked += in.transcript()
		if paid := spent.answer.Sent + other.answer.Sent; paid != strings.Count(asked, "\n") ||
			other.answer.Sent > 20 {
			t.Errorf("%d packets are paid for, %d of them by the other, of\n%s", paid,
				other.answer.Sent, asked)
		}
	})
}

// A delegation names servers whose names cost ten packets and more each. Their addresses are
// fetches with budgets of their own, and are charged to the one query that causes them (NXNSAttack,
// CVE-2020-8616).
func TestCVE20208616SubQuestionsAreChargedToTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "evil.", Algorithm: lab.Unsigned})
		spend := spender(func(string) string { return "nowhere.plain." })
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if !strings.HasSuffix(strings.ToLower(in.Question().Name), "many.evil.") {
				return spend(in)
			}
			m := new(dns.Msg).SetReply(in.Query)
			m.SetEdns0(1232, true)
			for i := range 12 {
				m.Ns = append(m.Ns, rr("many.evil. 0 NS "+deep(fmt.Sprintf("n%d", i), 16)))
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, nil)
		in.resolve("evil.", wire.TypeSOA)
		in.transcript()
		a := in.resolve("www.many.evil.", wire.TypeA)
		asked := strings.Count(in.transcript(), "\n")
		if a.RCode != servFail || asked > resolver.MaxQueries || a.Sent != asked {
			t.Errorf("%v, %d packets, %d of them charged", a.Failure, asked, a.Sent)
		}
		if asked < resolver.MaxQueries/2 {
			t.Errorf("%d packets: the attack is none", asked)
		}
	})
}

// Two zones whose servers have names in each other are asked for at the same time: each fetch needs
// the other, none waits for itself, and both end long before their time is over.
func TestFetchesThatNeedEachOtherEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := knowing(t)
		in.world.Script = func(i lab.Incoming) (lab.Reply, bool) { // for both to wait
			return lab.Messages(i.Honest()).After(20 * time.Millisecond), true
		}
		var clients []*leaver
		for range 8 {
			for _, name := range []string{"www.loop-a.faulty.", "www.loop-b.faulty.",
				"loop-a.faulty.", "loop-b.faulty."} {
				for _, typ := range []wire.Type{wire.TypeA, wire.TypeDNSKEY} {
					clients = append(clients, in.start(name, typ))
				}
			}
		}
		time.Sleep(resolver.MaxTime)
		for i, c := range clients {
			if a := c.got(); a == nil || a.RCode != servFail || c.took > time.Second {
				t.Errorf("client %d: %+v after %v", i, a, c.took)
			}
		}
	})
}

// Ten thousand clients ask for one slow name at once: MaxWaiters of them get the answer of one
// question. The others fail at once, as too many wait, and that failure is not remembered.
func TestMaxWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, lab.Internet(time.Now()),
			func(c *resolver.Config) { c.MaxFlights = 1 << 16 })
		in.resolve("www.lossy.faulty.", wire.TypeNS)
		in.transcript()
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[string]int{}
		for i := range 10_000 {
			if i%500 == 0 {
				synctest.Wait() // the race detector supports no more than 8,128 goroutines
			}
			wg.Go(func() {
				began, what := time.Now(), "answered"
				a := in.resolve("www.slow.faulty.", wire.TypeA)
				if a.Failure != nil {
					what = a.Failure.Cause.Label()
					if time.Since(began) > 0 {
						what += " late"
					}
				}
				mu.Lock()
				defer mu.Unlock()
				got[what]++
			})
		}
		wg.Wait()
		if got["answered"] != resolver.MaxWaiters || got["overload"] != 10_000-resolver.MaxWaiters {
			t.Errorf("got %v", got)
		}
		if n := strings.Count(in.transcript(), "www.slow.faulty. A"); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// Many cached names end while their servers are silent. No more than MaxRefreshes are refreshed at
// once, and no client's query is ended for a refresh.
func TestMaxRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		in := newWorld(t, w, func(c *resolver.Config) {
			c.Prefetch, c.MaxFlights, c.ZoneQuota = true, 1, resolver.MaxRefreshes
		})
		names := make([]wire.Question, resolver.MaxRefreshes+20)
		for i := range names {
			names[i] = question(fmt.Sprintf("n%d.wild.unsigned.example.", i), wire.TypeA)
			in.resolve(names[i].Name.String(), wire.TypeA)
		}
		time.Sleep(285 * time.Second)
		in.resolve("www.lossy.faulty.", wire.TypeNS)
		honest := w.Script
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			name := strings.ToLower(i.Question().Name)
			return lab.Reply{}, strings.HasSuffix(name, "unsigned.example.")
		}
		c := in.start("www.slow.faulty.", wire.TypeA)
		for _, q := range names {
			if a := in.r.Known(q, false, true, &resolver.Checks{}); a == nil || a.RCode != noError {
				t.Fatalf("%v: %+v", q, a)
			}
		}
		synctest.Wait()
		if n := in.r.Stats().Refreshes; n != resolver.MaxRefreshes {
			t.Errorf("%d refreshes", n)
		}
		time.Sleep(2 * in.world.SlowBy)
		if a := c.got(); a == nil || a.Status != wire.Secure {
			t.Errorf("the client: %+v", a)
		}
		time.Sleep(resolver.MaxTime)
		if n := in.r.Stats().Refreshes; n != 0 {
			t.Errorf("%d refreshes are left", n)
		}
		w.Script = honest
	})
}

// hidden is a network in which probes are never answered.
type hidden struct{ *lab.World }

func (n hidden) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	if r.Via.Encrypted() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return n.World.Exchange(ctx, r)
}

// Close ends clients' queries, refreshes, probes and tries that are open, and returns when all are
// over. No query is answered after it, and no failure is remembered.
func TestCloseEndsAllAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		in := newNetwork(t, w, hidden{w}, func(c *resolver.Config) {
			c.Prefetch, c.Opportunistic = true, []transport.Protocol{transport.DoT}
		})
		in.resolve("www.slow.faulty.", wire.TypeA)
		time.Sleep(280 * time.Second)
		in.resolve("www.lossy.faulty.", wire.TypeNS)
		q := question("www.slow.faulty.", wire.TypeA)
		in.r.Known(q, false, true, &resolver.Checks{}) // a refresh
		var clients []*leaver
		for _, name := range []string{"www.dead.faulty.", "www.dead.faulty.",
			"txt.slow.faulty.", "www.no-tcp.faulty."} {
			clients = append(clients, in.start(name, wire.TypeA))
		}
		time.Sleep(in.world.SlowBy / 2) // tries are open
		if s := in.r.Stats(); s.Refreshes != 1 || s.Fetches < 3 {
			t.Fatalf("under way: %+v", s)
		}
		remembered := in.cache.Failures.Stats().Entries
		began := time.Now()
		in.r.Close()
		if took := time.Since(began); took > 0 {
			t.Errorf("took %v", took)
		}
		if s := in.r.Stats(); s.Fetches != 0 || s.Refreshes != 0 {
			t.Errorf("left: %+v", s)
		}
		synctest.Wait()
		for i, c := range clients {
			if c.got() == nil || c.answer.RCode != servFail {
				t.Errorf("client %d: %+v", i, c.answer)
			}
		}
		if n := in.cache.Failures.Stats().Entries; n != remembered {
			t.Errorf("%d failures are remembered", n-remembered)
		}
		in.transcript()
		if a := in.resolve("txt.secure.example.", wire.TypeTXT); a.Failure == nil ||
			a.Failure.Cause != cause.Stopping {
			t.Errorf("later: %+v", a)
		}
		in.r.Known(question("www.slow.faulty.", wire.TypeA), false, true, &resolver.Checks{})
		synctest.Wait()
		time.Sleep(2 * resolver.MaxTime)
		if asked := in.transcript(); asked != "" {
			t.Errorf("later asked\n%s", asked)
		}
	})
}

// A fetch panics when the client that began it has its answer already: the process goes on, and the
// waiters get a failure.
func TestPanicOfAFetchWithoutItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, in := newFaulty(t, nil)
		in.resolve("www.lossy.faulty.", wire.TypeNS)
		in.resolve("slow.faulty.", wire.TypeSOA)
		began := make(chan bool)
		inner := n.Exchanger
		n.Exchanger = network(func(ctx context.Context, r transport.Request) ([]byte, error) {
			close(began)
			<-ctx.Done() // it ends with the last waiter
			panic("a fault")
		})
		ctx, cancel := context.WithCancel(context.Background())
		answers, returned := make(chan *resolver.Answer, 1), make(chan bool)
		go func() {
			defer close(returned)
			in.r.Start(ctx, question("www.slow.faulty.", wire.TypeA), resolver.Options{},
				func(a *resolver.Answer) { answers <- a })
		}()
		<-began
		other := in.start("www.slow.faulty.", wire.TypeA)
		cancel()
		if a := <-answers; a.RCode != servFail {
			t.Errorf("the first: %+v", a)
		}
		select {
		case <-returned:
			t.Error("its goroutine does not work for the other")
		default:
		}
		other.leave()
		<-returned
		if got := n.places(); len(got) != 1 || got[0] != guard.Fetch {
			t.Errorf("caught %v", got)
		}
		n.Exchanger = inner
	})
}

// network is a function that serves as a network.
type network func(context.Context, transport.Request) ([]byte, error)

func (f network) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	return f(ctx, r)
}

// purse pays for the validation work of a query until it is empty.
type purse struct {
	empty atomic.Bool
	paid  atomic.Int32
}

func (p *purse) Charge(cause.Cause, func(*validator.Budget, int32) bool, int32) bool {
	p.paid.Add(1)
	return !p.empty.Load()
}

// A query has one budget: validation work that it has spent on cached proofs counts when servers
// are asked as well.
func TestBudgetIsOneForMemoryAndServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		in.resolve("www.nsec3.example.", wire.TypeTXT) // a denial that lists the types there are
		for _, empty := range []bool{false, true} {
			q, p := question("www.nsec3.example.", wire.TypeA), &purse{}
			if empty {
				q = question("www.nsec3.example.", wire.TypeAAAA)
			}
			var checks resolver.Checks
			checks.PaidBy(p)
			if a := in.r.Known(q, false, true, &checks); a != nil {
				t.Fatalf("known: %+v", a)
			}
			memory := p.paid.Load()
			if memory == 0 {
				t.Error("a look at the spans in memory costs nothing")
			}
			p.empty.Store(empty)
			a := in.r.Resolve(context.Background(), q, resolver.Options{Checks: &checks})
			if p.paid.Load() == memory {
				t.Error("what servers say is not paid for by the same")
			}
			if limit := a.Failure != nil && a.Failure.Cause.Kind() == cause.KindLimit; limit !=
				empty {
				t.Errorf("nothing is left: %v; failed for %v", empty, a.Failure)
			}
		}
	})
}

// The operator flushes a name because its data have changed, while a server's reply with the old
// data is on its way: its client gets it, and it is not kept. The next client gets the new.
func TestFlushForgetsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		var last atomic.Int32 // octet of the address
		last.Store(1)
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if !strings.EqualFold(in.Question().Name, "www.unsigned.example.") {
				return lab.Reply{}, false
			}
			m := in.Honest()
			m.Answer = []dns.RR{rr(fmt.Sprintf("www.unsigned.example. 300 A 192.0.2.%d",
				last.Load()))}
			return lab.Messages(m).After(50 * time.Millisecond), true
		}
		in := newWorld(t, w, nil)
		in.resolve("txt.unsigned.example.", wire.TypeTXT) // the way to it is known
		old := make(chan *resolver.Answer)
		go func() { old <- in.resolve("www.unsigned.example.", wire.TypeA) }()
		time.Sleep(20 * time.Millisecond) // the question is sent
		last.Store(2)
		in.r.Flush(wire.MustParseName("unsigned.example."), true)
		if a := <-old; a.Sets[0].Data.First()[3] != 1 {
			t.Fatalf("the first client: %v", a.Sets[0].Data)
		}
		if a := in.resolve("www.unsigned.example.", wire.TypeA); a.Sets[0].Data.First()[3] != 2 {
			t.Errorf("the next client: %v", a.Sets[0].Data)
		}
		in.transcript()
		if in.resolve("www.unsigned.example.", wire.TypeA); in.transcript() != "" {
			t.Error("what came after the flush is not kept")
		}
	})
}
