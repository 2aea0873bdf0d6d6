package resolver

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/wire"
)

// Server selection, tested with lists of events.
func TestChoose(t *testing.T) {
	zone := wire.MustParseName("example")
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	c := netip.MustParseAddr("192.0.2.3")
	type event2 struct {
		addr netip.Addr
		e    conduct
		rtt  time.Duration
	}
	reply := func(addr netip.Addr, ms int) event2 {
		return event2{addr, eventReply, time.Duration(ms) * time.Millisecond}
	}
	for _, x := range []struct {
		name   string
		events []event2
		wait   time.Duration
		want   netip.Addr
	}{
		{"the fastest", []event2{reply(a, 50), reply(b, 20), reply(c, 80)}, 0, b},
		{"one not known yet, to learn it", []event2{reply(a, 50), reply(b, 40)}, 0, c},
		{"not the one that times out", []event2{reply(a, 10), reply(b, 20), reply(c, 30),
			{a, eventTimeout, 0}, {a, eventTimeout, 0}, {a, eventTimeout, 0}}, 0, b},
		{"not a dead one twice", []event2{{a, eventDead, 0}, {b, eventDead, 0}, reply(c, 300)}, 0,
			c},
		{"again after the back-off", []event2{reply(a, 10), reply(b, 200), reply(c, 300),
			{a, eventTimeout, 0}, {a, eventTimeout, 0}, {a, eventTimeout, 0}}, 10 * time.Minute, a},
		{"again after one reply", []event2{reply(a, 10), reply(b, 200), reply(c, 300),
			{a, eventDead, 0}, reply(a, 10)}, 0, a},
		{"not the lame one", []event2{reply(a, 10), reply(b, 20), reply(c, 30), {a, eventLame, 0}},
			0, b},
		{"the lame one after a while", []event2{reply(a, 10), reply(b, 20), reply(c, 30),
			{a, eventLame, 0}}, 6 * time.Minute, a},
		{"not the bogus one", []event2{reply(a, 10), reply(b, 20), reply(c, 30),
			{a, eventBogus, 0}}, 0, b},
		{"a failing one before a lame one", []event2{reply(a, 10), reply(b, 20), reply(c, 30),
			{a, eventLame, 0}, {b, eventBad, 0}, {c, eventLame, 0}}, 0, b},
		{"a network that was down is forgiven", []event2{reply(a, 10), reply(b, 200), reply(c, 300),
			{a, eventTimeout, 0}, {a, eventTimeout, 0}, {a, eventTimeout, 0}, {a, eventForget, 0}},
			0, a},
	} {
		s := newInfraCache(1 << 20)
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, e := range x.events {
			s.learn(e.addr, zone, e.e, e.rtt, now)
		}
		now = now.Add(x.wait)
		var list []*candidate
		for _, addr := range []netip.Addr{a, b, c} {
			list = append(list, &candidate{addr: netip.AddrPortFrom(addr, 53)})
		}
		never := func(int) int { return 1 } // no exploring; a nanosecond for those not known
		got := selectServer(list, func(ap netip.AddrPort) profile {
			return s.profile(ap.Addr(), zone,
				now)
		}, never)
		if got.addr.Addr() != x.want {
			t.Errorf("%s: got %v, want %v", x.name, got.addr.Addr(), x.want)
		}
	}
}

// A server that replies now and then is not dead: it limits its rate, or packets get lost.
func TestRateLimitedServerIsNotDead(t *testing.T) {
	s := newInfraCache(1 << 20)
	addr, now := netip.MustParseAddr("192.0.2.1"), time.Now()
	s.learn(addr, wire.Root, eventReply, time.Millisecond, now)
	for range 10 {
		s.learn(addr, wire.Root, eventTimeout, 0, now.Add(time.Second))
	}
	if s.profile(addr, wire.Root, now.Add(time.Second)).dead {
		t.Error("dead a second after a reply")
	}
	s.learn(addr, wire.Root, eventTimeout, 0, now.Add(deadSilence+time.Second))
	if !s.profile(addr, wire.Root, now.Add(deadSilence+time.Second)).dead {
		t.Error("alive after long silence")
	}
}

// If all servers are silent it is our link; the first reply ends that, and nothing is held against
// any server.
func TestUplink(t *testing.T) {
	s := newInfraCache(1 << 20)
	now := time.Now()
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }
	for range 50 {
		s.learn(addr(1), wire.Root, eventTimeout, 0, now)
	}
	if s.uplink.isDown() {
		t.Error("one dead server is taken for the link")
	}
	for i := range 20 {
		s.learn(addr(i), wire.Root, eventTimeout, 0, now)
	}
	if !s.uplink.isDown() {
		t.Error("twenty silent servers are not taken for the link")
	}
	for range 10 {
		s.learn(addr(30), wire.Root, eventTimeout, 0, now)
	}
	if s.profile(addr(30), wire.Root, now).dead {
		t.Error("silence while the link is down is held against the server")
	}
	s.learn(addr(2), wire.Root, eventReply, time.Millisecond, now)
	if s.uplink.isDown() {
		t.Error("down after a reply")
	}
}

func TestChooseTriesOthersFirst(t *testing.T) {
	s := newInfraCache(1 << 20)
	profiles := func(ap netip.AddrPort) profile {
		return s.profile(ap.Addr(), wire.Root,
			time.Now())
	}
	list := []*candidate{{addr: netip.MustParseAddrPort("192.0.2.1:53"), counts: counts{tries: 1}},
		{addr: netip.MustParseAddrPort("192.0.2.2:53")}}
	if got := selectServer(list, profiles, rand.IntN); got != list[1] {
		t.Error("asked the same server twice while another was left")
	}
	list[1].spent = true
	if got := selectServer(list, profiles, rand.IntN); got != list[0] {
		t.Error("a lost packet is not sent again")
	}
	list[0].tries = MaxTriesPerServer
	if got := selectServer(list, profiles, rand.IntN); got != nil {
		t.Error("asks for ever")
	}
}

// Other servers with the same penalty are asked now and then, so that a server that was slow gets
// another chance; a far one more rarely, as each time costs its round trip.
func TestChooseExplores(t *testing.T) {
	for _, x := range []struct {
		rtt         time.Duration
		least, most int // of 20,000
	}{
		{time.Millisecond, 700, 1400}, {1500 * time.Microsecond, 700, 1400},
		{4 * time.Millisecond, 150, 400}, {time.Second, 50, 200},
	} {
		s := newInfraCache(1 << 20)
		now := time.Now()
		s.learn(netip.MustParseAddr("192.0.2.1"), wire.Root, eventReply, time.Millisecond, now)
		s.learn(netip.MustParseAddr("192.0.2.2"), wire.Root, eventReply, x.rtt, now)
		other := 0
		for range 20000 {
			list := []*candidate{{addr: netip.MustParseAddrPort("192.0.2.1:53")},
				{addr: netip.MustParseAddrPort("192.0.2.2:53")}}
			if selectServer(list, func(ap netip.AddrPort) profile {
				return s.profile(ap.Addr(), wire.Root, now)
			}, rand.IntN) == list[1] {
				other++
			}
		}
		if other < x.least || other > x.most {
			t.Errorf("the other server, %v away, was asked %d times of 20,000", x.rtt, other)
		}
	}
}

// Servers that nothing is known of may have the same round trip, of 0 too: the odds are never those
// of none, which math/rand/v2 ends with a panic.
func TestChooseExploresAmongTimesOfNothing(t *testing.T) {
	list := []*candidate{{addr: netip.MustParseAddrPort("192.0.2.1:53")},
		{addr: netip.MustParseAddrPort("192.0.2.2:53")}}
	got := selectServer(list, func(netip.AddrPort) profile { return profile{} }, func(n int) int {
		if n <= 0 {
			t.Fatalf("one of %d is asked for", n)
		}
		return 0
	})
	if got != list[1] {
		t.Error("the other server is not asked")
	}
}

func TestRFC9156Minimiser(t *testing.T) {
	name := wire.MustParseName("a.b.c.example.com")
	m := minimiser{q: wire.Question{Name: name, Type: wire.TypeMX, Class: wire.ClassIN}}
	for _, step := range []struct {
		zone, want string
		typ        wire.Type
		final      bool
	}{
		{".", "com.", wire.TypeA, false}, {"com.", "example.com.", wire.TypeA, false},
		{"example.com.", "c.example.com.", wire.TypeA, false},
		{"c.example.com.", "b.c.example.com.", wire.TypeA, false},
		{"b.c.example.com.", "a.b.c.example.com.", wire.TypeMX, true},
	} {
		q, final := m.next(wire.MustParseName(step.zone))
		if q.Name.String() != step.want || q.Type != step.typ || final != step.final {
			t.Errorf("at %s: %v %v, want %s %v %v", step.zone, q, final, step.want, step.typ,
				step.final)
		}
	}
	m = minimiser{q: wire.Question{Type: wire.TypePTR, Name: wire.MustParseName(
		"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa")}}
	n := 0
	for {
		_, final := m.next(wire.MustParseName("ip6.arpa"))
		if final {
			break
		}
		m.step()
		n++
	}
	if n > maxMinimised {
		t.Errorf("a long name takes %d steps", n)
	}
}

// The family of addresses over which no server has replied lately is asked for last.
func TestFamiliesThatReplyComeFirst(t *testing.T) {
	r := &Resolver{connectivity: &connectivity{}, routes: routesEverywhere{}}
	x := &resolution{r: r}
	v4, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	want := func(first wire.Type) {
		t.Helper()
		if got := x.families(); len(got) != 2 || got[0] != first {
			t.Errorf("got %v, want %v first", got, first)
		}
	}
	want(wire.TypeA)
	r.connectivity.of(v4).Store(doubtfulAfter)
	want(wire.TypeAAAA)
	r.connectivity.of(v6).Store(doubtfulAfter) // no server replies at all
	want(wire.TypeA)
	r.connectivity.of(v4).Store(0)
	r.connectivity.of(v6).Store(0)
	want(wire.TypeA)
}

// Back-offs of servers are ended while replies make the servers' entries grow, which updates their
// size in the cache: there is no deadlock.
func TestServersAreForgivenWhileMoreIsLearnt(t *testing.T) {
	s := newInfraCache(1 << 20)
	a := netip.MustParseAddr("192.0.2.1")
	done := make(chan struct{})
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			for i := range 20000 {
				s.setCookie(a, serverCookie{server: make([]byte, 8+i%4096)}) // longer each time
			}
		})
		for range 20000 {
			s.forgive()
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the locks of a server and of the cache are taken in both orders")
	}
}

// A dead server causes failures without any reply, if little else is asked. The next reply goes
// through the whole infrastructure cache to end back-offs, so that happens once a second at most.
func TestRFC9520LinkIsForgivenOnceASecond(t *testing.T) {
	now := clock.NewFake(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	r := &Resolver{connectivity: &connectivity{}, clock: now,
		memory: memory{store: cache.New(cache.Default())},
		infra:  newInfraCache(1 << 20)}
	dead, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i, forgiven := range []bool{true, false, true} {
		if i == 2 {
			now.Advance(time.Second)
		}
		r.infra.learn(dead, wire.Root, eventDead, 0, now.Now())
		r.connectivity.failed.Store(true)
		r.replied(other)
		if got := !r.infra.profile(dead, wire.Root, now.Now()).dead; got != forgiven {
			t.Errorf("reply %d: forgiven %v", i, got)
		}
	}
}
