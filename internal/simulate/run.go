// Playing a world: the lab, the network, a whole server, and clients that ask.

package simulate

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/event"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
	"bailiwick/zone"
)

// How clients ask.
const (
	// retries is how often a client asks again that heard SERVFAIL, and patience after how long for
	// the first time; twice as long for the next. Failures are remembered for less (RFC 9520).
	retries  = 2
	patience = 6 * time.Second
	// answerTime is how long a client waits.
	answerTime = 5 * time.Second
	// allPast is when all that is learnt of a world has ended: TTLs, and what is held against
	// servers.
	allPast = 3 * time.Hour
)

// stage is a world that is being played.
type stage struct {
	world   *World
	lab     *lab.World
	network *network
	front   transport.Handler
	r       *resolver.Resolver
	close   func()
	heard   *listener
	ports   uint16
	servers map[string][]netip.AddrPort // of each zone
	copies  copies

	mu    sync.Mutex
	story *Story // guarded by mu
}

// Front changes the server that a world is played on; for tests that the simulation finds what is
// wrong with one.
type Front func(transport.Handler) transport.Handler

// Run plays a world and returns its story. It has to be called in a bubble of testing/synctest.
// front may be nil.
func Run(w *World, front Front) *Story {
	s := newStage(w)
	defer func() { s.close() }() // of the server that runs last
	if front != nil {
		s.front = front(s.front)
	}
	s.play(newInternet(w), w.Queries, "")
	synctest.Wait() // what goes on without a client is not at work right now
	s.lab.Mend()
	s.network.mend()
	s.copies.take(s.lab, w.Copies)
	time.Sleep(allPast)
	s.play(newInternet(w.mended()), w.afterwards(), "mended: ")
	return s.story
}

// mended returns the world without the faults of zones, servers and paths.
func (w *World) mended() *World {
	c := w.clone()
	for i := range c.Zones {
		z := &c.Zones[i]
		z.Faults = nil
		for j := range z.Servers {
			z.Servers[j] = nil
			z.Links[j] = Link{RTT: min(z.Links[j].RTT, nearRTT)}
		}
	}
	return c
}

// afterwards returns the questions that are asked of the mended world: each once.
func (w *World) afterwards() (qs []Query) {
	type question struct {
		name string
		t    uint16
	}
	seen := map[question]bool{}
	for _, q := range w.Queries {
		if k := (question{q.Name, q.Type}); q.Client != hostileClient && !seen[k] {
			seen[k] = true
			qs = append(qs, Query{After: 50 * time.Millisecond, Name: q.Name, Type: q.Type,
				EDNS: true, DO: true})
		}
	}
	return qs
}

// newStage builds a world.
func newStage(w *World) *stage {
	s := &stage{world: w, lab: lab.New(time.Now()), story: &Story{world: w},
		heard: &listener{queries: map[netip.AddrPort]uint64{}, told: map[uint64]*told{}}}
	s.network = &network{seed: w.Seed, began: time.Now(), links: map[netip.Addr]*Link{},
		names: map[netip.Addr]string{}, evil: map[netip.Addr]*Zone{}, sent: map[string]int{},
		missed: map[string]int{}}
	for i := range w.Zones {
		z := w.Zones[i].Zone
		z.Records = strings.Join(w.Zones[i].Lines, "\n")
		s.lab.Add(z)
	}
	s.connect()
	s.lab.Path, s.lab.Script = s.network.path, s.network.script
	s.copies.take(s.lab, w.Copies)
	s.start()
	return s
}

// copies are copies of zones, by name. It is a resolver.Copies.
type copies struct {
	mu  sync.Mutex
	all map[wire.Name]*zone.Zone // guarded by mu
}

// take takes the zones as they are now.
func (c *copies) take(w *lab.World, names []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = map[wire.Name]*zone.Zone{}
	for _, name := range names {
		apex := wire.MustParseName(name)
		b := zone.NewBuilder(apex, zone.MaxOctets)
		for _, rr := range w.Records(name) {
			if err := b.AddRR(rr); err != nil {
				panic("simulate: " + err.Error())
			}
		}
		z, err := b.Finish()
		if err != nil {
			panic("simulate: " + err.Error())
		}
		c.all[apex] = z
	}
}

// Closest implements resolver.Copies.
func (c *copies) Closest(name wire.Name) resolver.Copy {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ; ; name = name.Parent() {
		if z := c.all[name]; z != nil {
			return z
		}
		if name.IsRoot() {
			return nil
		}
	}
}

// start starts a server.
func (s *stage) start() {
	w, limits := s.world, cache.Default()
	limits.Memory = 16 << 20
	store := cache.New(limits)
	cfg, anchors := labtest.Resolver(s.lab)
	cfg.PrivateServers, cfg.Stale.Enabled = resolver.PrivateAllow, w.Stale
	cfg.RevalidateNS = w.Revalidate
	for _, zone := range w.Negatives {
		anchors.Except(wire.MustParseName(zone), trustanchor.Negative)
	}
	for _, z := range w.Stubs {
		cfg.Zones = append(cfg.Zones, resolver.Zone{Name: wire.MustParseName(z.Name),
			First: z.First, Addrs: s.servers[z.Name]})
	}
	s.r = resolver.New(cfg, resolver.Parts{Cache: store, Anchors: anchors, Exchanger: s.lab,
		Clock: clock.Real{}, Events: s.heard, Chance: chance(w.Seed), Copies: &s.copies})
	srv := server.New(server.Default(), server.Parts{Resolver: s.r, Cache: store,
		Clock: clock.Real{}, Observer: labtest.Observer{}, Events: s.heard,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	all := []policy.Rule{{Net: netip.MustParsePrefix("10.0.0.0/8"), Action: policy.Allow}}
	s.front = srv.Handler(policy.NewACL(all), &policy.View{})
	s.close = func() {
		s.r.Close()
		srv.Close()
	}
}

// restart ends the server, and starts another that knows what it has saved.
func (s *stage) restart() {
	var saved bytes.Buffer
	if err := s.r.Save(&saved); err != nil {
		panic("simulate: " + err.Error())
	}
	s.close()
	s.start()
	if n, err := s.r.Restore(context.Background(), &saved); err != nil || n.Outdated > 0 {
		panic(fmt.Sprintf("simulate: restored %+v: %v", n, err))
	}
}

// chance returns random numbers that follow from a seed and the time, so that it does not matter
// which of the goroutines asks first that run at one moment.
func chance(seed uint64) func(int) int {
	return func(n int) int {
		return rand.New(rand.NewPCG(seed, uint64(time.Now().UnixNano()))).IntN(n)
	}
}

// connect gives each server its path. The lab gives addresses in the order of the zones.
func (s *stage) connect() {
	n, addrs := s.network, s.lab.Servers()
	n.links[addrs[0]], n.names[addrs[0]] = &Link{RTT: 5 * time.Millisecond}, "."
	s.servers = map[string][]netip.AddrPort{}
	next := 1
	for i := range s.world.Zones {
		z := &s.world.Zones[i]
		if z.On != "" {
			s.servers[z.Name] = s.servers[z.On]
			continue
		}
		for j := range z.Links {
			a := addrs[next]
			next++
			s.servers[z.Name] = append(s.servers[z.Name], netip.AddrPortFrom(a, 53))
			n.links[a], n.names[a] = &z.Links[j], z.Name+string(rune('1'+j))
			if z.Hostile != "" {
				n.evil[a] = z
			}
		}
	}
	for _, z := range n.evil {
		for i := range s.world.Zones {
			if v := &s.world.Zones[i]; v.Hostile == "" && !dns.IsSubDomain(v.Name, z.Name) {
				n.victim = under("www", v.Name)
				host := v.Name
				if v.On != "" {
					host = v.On
				}
				n.servers = []string{under("ns1", host)}
				break
			}
		}
	}
}

// play has clients ask.
func (s *stage) play(n *internet, qs []Query, phase string) {
	var together sync.WaitGroup
	for i := range qs {
		if qs[i].After > 0 {
			together.Wait()
			time.Sleep(qs[i].After)
		}
		if qs[i].Restart {
			s.restart()
		}
		alone := qs[i].After > 0 && (i+1 == len(qs) || qs[i+1].After > 0)
		if alone {
			s.client(n, &qs[i], i, phase, true)
			continue
		}
		together.Go(func() { s.client(n, &qs[i], i, phase, false) })
	}
	together.Wait()
}

// client asks, and asks again as long as it hears SERVFAIL.
func (s *stage) client(n *internet, q *Query, number int, phase string, alone bool) {
	e := n.expect(q)
	t := &tale{phase: phase, number: number, query: q, expected: e, alone: alone}
	for try := 0; ; try++ {
		a := s.ask(q, alone)
		t.tries = append(t.tries, a)
		t.broken = append(t.broken, check(n, &e, q, a)...)
		if a.reply == nil || a.reply.Rcode != dns.RcodeServerFailure {
			break
		}
		if e.class == classClean || try == retries && e.class == classMust {
			t.broken = append(t.broken, "no answer, though there is a path that works")
		}
		if e.class != classMust || try == retries {
			break
		}
		time.Sleep(patience << try)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.story.tales = append(s.story.tales, t)
}

// try is a question to the server, and what came of it.
type try struct {
	at, took time.Duration
	reply    *dns.Msg // nil if there was none
	told     told
	asked    []lab.Exchange // of the servers, if no other client asked meanwhile
	checks   uint64         // signatures that were checked meanwhile
}

// ask puts a question to the server, over TCP if the answer is truncated.
func (s *stage) ask(q *Query, alone bool) *try {
	began := time.Now()
	t := &try{at: began.Sub(s.network.began)}
	if alone {
		s.lab.Transcript()
	}
	before := s.r.Stats().SignatureMisses
	tcp := q.TCP
	for {
		var from transport.Client
		from, t.reply = s.exchange(q, tcp)
		t.told = s.heard.of(from.Addr)
		if t.reply == nil || !t.reply.Truncated || tcp {
			break
		}
		tcp = true
	}
	t.took = time.Since(began)
	time.Sleep(time.Nanosecond) // until all that happens at this moment has happened
	after := s.r.Stats().SignatureMisses
	t.checks = after - before
	if alone {
		t.asked = s.lab.Transcript()
	}
	return t
}

// exchange sends a packet as a listener does.
func (s *stage) exchange(q *Query, tcp bool) (transport.Client, *dns.Msg) {
	m := new(dns.Msg).SetQuestion(q.Name, q.Type)
	m.Id = 4711
	m.RecursionDesired, m.CheckingDisabled, m.AuthenticatedData = !q.NoRD, q.CD, q.AD
	if q.EDNS {
		m.SetEdns0(1232, q.DO)
	}
	packet, err := m.Pack()
	if err != nil {
		panic("simulate: " + err.Error())
	}
	s.mu.Lock()
	s.ports++
	from := transport.Client{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0,
		byte(q.Client), 1}), s.ports)}
	s.mu.Unlock()
	if tcp {
		from.Protocol = transport.TCP
	}
	answer, p := s.front.Handle(packet, from, nil)
	if answer == nil && p != nil {
		replies := make(chan []byte, 2)
		p.Resolve(context.Background(), func(b []byte) { replies <- append([]byte(nil), b...) })
		late := time.NewTimer(2 * answerTime)
		defer late.Stop()
		select {
		case answer = <-replies:
		case <-late.C:
		}
	}
	reply := new(dns.Msg)
	if len(answer) == 0 || reply.Unpack(answer) != nil {
		return from, nil
	}
	return from, reply
}

// told is what the server's events tell of a client's query.
type told struct {
	failure *cause.Failure
	cause   cause.Cause
	sent    int
}

// stale reports whether the client got stale data.
func (t *told) stale() bool {
	return t.cause == cause.StaleAnswer || t.cause == cause.StaleNXDomain
}

// listener is an event.Sink that keeps what concerns clients.
type listener struct {
	mu      sync.Mutex
	queries map[netip.AddrPort]uint64 // guarded by mu
	told    map[uint64]*told          // guarded by mu
}

// Event implements event.Sink.
func (l *listener) Event(e event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Kind {
	case event.ClientQuery:
		l.queries[e.Client], l.told[e.Query] = e.Query, &told{}
	case event.Answer, event.AnswerHit:
		if t := l.told[e.Query]; t != nil {
			t.failure = e.Failure
			if e.Kind == event.Answer {
				t.sent = e.Count
			}
		}
	case event.ClientResponse:
		if t := l.told[e.Query]; t != nil {
			t.cause = e.Cause
		}
	}
}

// of returns what is told of the query from an address.
func (l *listener) of(client netip.AddrPort) told {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.told[l.queries[client]]; t != nil {
		return *t
	}
	return told{}
}
