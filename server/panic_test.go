// A panic in the work on one query costs that query, and nothing else.
package server_test

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// trap is a network, an observer and a guard. It panics at queries upstream and at counts as a test
// sets it.
type trap struct {
	quiet
	transport.Exchanger
	*guard.Guard

	mu       sync.Mutex
	upstream func(name wire.Name, t wire.Type) // called with each question; guarded by mu
	counting func()                            // called for each query; guarded by mu
	hitting  func()                            // called for each prepared answer; guarded by mu
	caught   []guard.Place                     // guarded by mu
	ended    bool                              // guarded by mu
}

func newTrap(t *testing.T) (*trap, *front) {
	tr := &trap{upstream: func(wire.Name, wire.Type) {}, counting: func() {},
		hitting: func() {}}
	tr.Guard = guard.New(slog.New(slog.NewTextHandler(io.Discard, nil)), func(p guard.Place) {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.caught = append(tr.caught, p)
	}, func() {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		tr.ended = true
	})
	f := newFrontAll(t, nil, func(c *resolver.Config) {
		c.Prefetch, c.MaxFlights = true, 1<<16
	}, tr, func(p *resolver.Parts) {
		tr.Exchanger, p.Exchanger, p.Guard = p.Exchanger, tr, tr.Guard
	})
	f.seen = &tr.quiet
	return tr, f
}

func (tr *trap) set(upstream func(wire.Name, wire.Type), counting func()) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.upstream, tr.counting = upstream, counting
}

func (tr *trap) places() []guard.Place {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return slices.Clone(tr.caught)
}

func (tr *trap) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	var q wire.Query
	if err := wire.ParseQuery(r.Query, &q); err != nil {
		return nil, err
	}
	tr.mu.Lock()
	upstream := tr.upstream
	tr.mu.Unlock()
	upstream(q.Question.Name, q.Question.Type)
	return tr.Exchanger.Exchange(ctx, r)
}

func (tr *trap) Query(transport.Protocol, wire.Type) {
	tr.mu.Lock()
	counting := tr.counting
	tr.mu.Unlock()
	counting()
}

func (tr *trap) Response(o event.Served) {
	tr.quiet.Response(o)
	tr.mu.Lock()
	hitting := tr.hitting
	tr.mu.Unlock()
	if o.Origin == event.OriginPrepared {
		hitting()
	}
}

var none = func(wire.Name, wire.Type) {}

// internalError checks an answer to a query that panicked: SERVFAIL, and EDE 0 with the reason.
func internalError(t *testing.T, m *dns.Msg) {
	t.Helper()
	if m == nil || m.Rcode != dns.RcodeServerFailure {
		t.Fatalf("got\n%v\nwant SERVFAIL", m)
	}
	codes, text := ede(m)
	if !slices.Equal(codes, []uint16{0}) || text != cause.InternalError.Text() {
		t.Errorf("EDE %v %q, want 0 %q", codes, text, cause.InternalError.Text())
	}
}

// The client whose query panics gets SERVFAIL with the cause. The next question is answered, and so
// is the same one once the fault is corrected: nothing was cached, and nobody waits for it.
func TestPanicIsServfailForItsQueryOnly(t *testing.T) {
	tr, f := newTrap(t)
	victim := wire.MustParseName("www.unsigned.example.")
	tr.set(func(n wire.Name, _ wire.Type) {
		if n == victim {
			panic("a fault")
		}
	}, func() {})
	internalError(t, f.ask("www.unsigned.example.", dns.TypeA, edns(true)))
	if m := f.ask("www.secure.example.", dns.TypeA, edns(true)); m.Rcode != dns.RcodeSuccess {
		t.Errorf("another name: got\n%v", m)
	}
	tr.set(none, func() {})
	if m := f.ask("www.unsigned.example.", dns.TypeA, edns(true)); m.Rcode != dns.RcodeSuccess {
		t.Errorf("the name when all is well: got\n%v", m)
	}
	if got := tr.places(); !slices.Equal(got, []guard.Place{guard.Query}) {
		t.Errorf("caught %v, want one of a query", got)
	}
	if !slices.Equal(f.seen.causes, []cause.Cause{cause.InternalError}) {
		t.Errorf("counted %v", f.seen.causes)
	}
}

// All who wait for a fetch that panics get SERVFAIL too, and do not start it again.
func TestPanicIsHeardByAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, f := newTrap(t)
		tr.set(func(_ wire.Name, t wire.Type) {
			if t == wire.TypeDNSKEY {
				return // the root's keys are fetched as well
			}
			time.Sleep(time.Second)
			panic("a fault")
		}, func() {})
		q := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA)
		q.SetEdns0(1232, true)
		packet, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		answers := make(chan []byte, 20)
		c := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
		for range cap(answers) {
			f.handle(packet, c, func(b []byte) { answers <- b })
		}
		synctest.Wait()
		if len(answers) > 0 {
			t.Fatal("answered before the fetch is over")
		}
		for range cap(answers) {
			m := new(dns.Msg)
			if err := m.Unpack(<-answers); err != nil {
				t.Fatal(err)
			}
			internalError(t, m)
		}
		if got := tr.places(); len(got) != 1 {
			t.Errorf("caught %v, want one", got)
		}
	})
}

// After a panic at a prepared answer the later steps take the query, and the pool and the cache are
// in order.
func TestPanicAtAPreparedAnswerLeavesTheQueryToTheStepsBehind(t *testing.T) {
	tr, f := newTrap(t)
	for range 3 {
		f.ask("www.secure.example.", dns.TypeA, edns(true))
	}
	if f.seen.hits == 0 {
		t.Fatal("no answer was ready")
	}
	left := 1
	tr.hitting = func() {
		if left > 0 {
			left--
			panic("a fault")
		}
	}
	q := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA)
	edns(true)(q)
	packet, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	c := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
	reply, _ := f.Handle(packet, c, make([]byte, 0, 4096))
	m := new(dns.Msg)
	if err := m.Unpack(reply); err != nil || m.Rcode != dns.RcodeSuccess || len(m.Answer) != 2 {
		t.Errorf("what was half done is %x, %v", reply, err)
	}
	if m := f.ask("www.secure.example.", dns.TypeA, edns(true)); m.Rcode != dns.RcodeSuccess ||
		len(m.Answer) != 2 {
		t.Errorf("got\n%v", m)
	}
	if got := tr.places(); !slices.Equal(got, []guard.Place{guard.Fast}) {
		t.Errorf("caught %v, want one on the fast path", got)
	}
}

// A query that panics in the reader's own goroutine is answered there. If sending panics, nothing
// is sent a second time.
func TestPanicWhileScreeningIsAnsweredOnce(t *testing.T) {
	tr, f := newTrap(t)
	tr.set(none, func() { panic("a fault") })
	internalError(t, f.ask("www.secure.example.", dns.TypeA, edns(true)))

	tr.set(none, func() {})
	packet, err := new(dns.Msg).SetQuestion("www.unsigned.example.", dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan []byte, 2)
	c := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
	f.handle(packet, c, func(b []byte) { sent <- b; panic("a fault") })
	<-sent
	f.close()
	if caught := tr.places(); len(sent) != 0 || len(caught) != 2 {
		t.Errorf("sent %d times more, caught %v", len(sent), caught)
	}
}

// Places in work are freed: a client whose queries all panic is not refused after many.
func TestPanicGivesBackItsPlace(t *testing.T) {
	tr, f := newTrap(t)
	tr.set(func(wire.Name, wire.Type) { panic("a fault") }, func() {})
	for range 1100 { // more than one prefix may have in work
		internalError(t, f.ask("www.secure.example.", dns.TypeA, edns(true)))
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if !tr.ended {
		t.Error("a thousand panics did not end the process")
	}
}
