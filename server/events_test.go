// Events: a sink gets the server's decisions, and does not change them.

package server_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/event/eventtest"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// listenedTo is a front with a sink.
func listenedTo(t *testing.T, resolving func(*resolver.Config)) (*front, *eventtest.Recorder) {
	t.Helper()
	r := &eventtest.Recorder{}
	f := newFrontAll(t, nil, resolving, &quiet{}, func(p *resolver.Parts) { p.Events = r })
	return f, r
}

// told returns the server's own events as text: those of a client, without its address and the
// time.
func told(events []event.Event) string {
	var b strings.Builder
	for _, e := range events {
		switch e.Kind {
		case event.ClientQuery:
			fmt.Fprintf(&b, "%s over %s; ", e.Question.Name, e.Protocol)
		case event.AnswerHit:
			fmt.Fprintf(&b, "hit %s %s; ", e.Origin, e.RCode)
		case event.Policy:
			fmt.Fprintf(&b, "policy %s %s %d; ", e.Decision, e.Cause.Label(), e.Count)
		case event.Limit, event.Paced:
			if e.Client.IsValid() {
				fmt.Fprintf(&b, "%s %s; ", e.Kind, e.Cause.Label())
			}
		case event.ClientResponse:
			fmt.Fprintf(&b, "done %s %s %s", e.Origin, e.RCode, e.Cause.Label())
		}
	}
	return b.String()
}

const stranger, dropped = "198.51.100.1:1000", "192.0.2.77:1000"

// Each query has an event when it comes, one when it is finished, and between them one for each
// decision. There is a query for each way through the pipeline.
func TestEventsTellEachWayThroughThePipeline(t *testing.T) {
	f, r := listenedTo(t, func(c *resolver.Config) { c.Referrals, c.Prime = true, true })
	f.Replace(server.Rules{Events: r, Config: &server.Config{UDPSize: 1232, Special: true,
		EDE: true, Identity: "here"}, Access: policy.NewACL([]policy.Rule{
		{Net: netip.MustParsePrefix("127.0.0.0/16"), Action: policy.Allow},
		{Net: netip.MustParsePrefix("127.9.0.0/16"), Action: policy.Snoop},
		{Net: netip.MustParsePrefix("192.0.2.77/32"), Action: policy.Drop}}),
		View: &policy.View{Local: func(q wire.Question) *policy.Local {
			if q.Name.String() == "own.example." {
				return &policy.Local{NXDomain: true}
			}
			return nil
		}}})
	noRD := func(m *dns.Msg) { m.RecursionDesired = false }
	chaos := func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }
	const client, snoop = "127.0.0.1:1000", "127.9.0.1:1000"
	for i, c := range []struct {
		from   string
		via    transport.Protocol
		name   string
		qtype  uint16
		change func(*dns.Msg)
		want   string
	}{
		{client, transport.UDP, "www.secure.example.", dns.TypeA, nil,
			"done resolved NOERROR none"},
		{client, transport.UDP, "www.secure.example.", dns.TypeA, nil,
			"hit known NOERROR; done known NOERROR none"},
		{client, transport.TCP, "www.secure.example.", dns.TypeA, nil,
			"hit prepared NOERROR; done prepared NOERROR none"},
		{client, transport.UDP, "www.expired.faulty.", dns.TypeA, nil,
			"done resolved SERVFAIL signature_expired"},
		{client, transport.UDP, "www.expired.faulty.", dns.TypeA, nil,
			"hit known SERVFAIL; done known SERVFAIL signature_expired"},
		{client, transport.UDP, "www.expired.faulty.", dns.TypeA, nil,
			"hit prepared SERVFAIL; done prepared SERVFAIL signature_expired"},
		{snoop, transport.UDP, "www.secure.example.", dns.TypeA, noRD,
			"hit known NOERROR; done known NOERROR none"},
		{snoop, transport.UDP, "new.secure.example.", dns.TypeA, noRD,
			"hit referral NOERROR; done referral NOERROR none"},
		{client, transport.UDP, "www.secure.example.", dns.TypeA, noRD,
			"policy refused not_recursive 0; done server REFUSED not_recursive"},
		{client, transport.UDP, "own.example.", dns.TypeA, nil,
			"policy answered with local data none 0; done local NXDOMAIN none"},
		{client, transport.UDP, "localhost.", dns.TypeA, nil,
			"policy a special name none 0; done local NOERROR none"},
		{client, transport.UDP, "id.server.", dns.TypeTXT, chaos,
			"done local NOERROR none"},
		{client, transport.UDP, "secure.example.", dns.TypeAXFR, nil,
			"policy refused query_refused 0; done server REFUSED query_refused"},
		{client, transport.UDP, "secure.example.", dns.TypeA, func(m *dns.Msg) {
			edns(true)(m)
			m.IsEdns0().SetVersion(1)
		}, "done server BADVERS request_version"},
		{stranger, transport.UDP, "www.secure.example.", dns.TypeA, nil,
			"policy refused client_refused 0; done server REFUSED client_refused"},
		{dropped, transport.UDP, "www.secure.example.", dns.TypeA, nil,
			"policy dropped client_dropped 0; done none NOERROR client_dropped"},
	} {
		f.askFrom(c.from, c.via, c.name, c.qtype, c.change)
		events := r.Take()
		want := c.name + " over " + c.via.String() + "; " + c.want
		if got := told(events); got != want {
			t.Errorf("%d\ngot  %s\nwant %s", i, got, want)
		}
		for _, e := range events {
			own := e.Kind >= event.ClientQuery
			if e.Query != uint64(i+1) || own && (e.Client.String() != c.from ||
				e.Protocol != c.via || e.Text() == "") {
				t.Errorf("%d: %+v", i, e)
			}
		}
	}
}

// That an answer is refused for private addresses is a decision of policy, with their number.
func TestEventsTellOfPrivateAddresses(t *testing.T) {
	r := &eventtest.Recorder{}
	f, _ := guarded(t, func(p *resolver.Parts) { p.Events = r })
	const begin = "mixed.stranger.example. over udp; "
	const policy = "policy private addresses refused private_address 1; "
	for _, want := range []string{
		begin + policy + "done resolved NOERROR private_address",
		begin + "hit known NOERROR; " + policy + "done known NOERROR private_address",
		begin + "hit prepared NOERROR; done prepared NOERROR private_address",
	} {
		f.ask("mixed.stranger.example.", dns.TypeA, nil)
		if got := told(r.Take()); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// The event of a client's limit has the client, and the query's number.
func TestEventsTellOfAClientsLimit(t *testing.T) {
	f, r := listenedTo(t, func(*resolver.Config) {})
	f.server.FillPrefix(netip.MustParseAddr("127.0.0.1"))
	f.ask("www.secure.example.", dns.TypeA, nil)
	want := "www.secure.example. over udp; limit limit_client; done server SERVFAIL limit_client"
	if got := told(r.Take()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// late is a network with slow servers.
type late struct{ transport.Exchanger }

func (l late) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	time.Sleep(10 * time.Millisecond)
	return l.Exchanger.Exchange(ctx, r)
}

// Two clients ask for the same name at the same time. The events of the fetch have the number of
// the first one's query. The event that the second one waits for it has the second's. No event has
// both.
func TestEventsOfAQueryCarryItsNumberThroughTheResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &eventtest.Recorder{}
		f := newFrontAll(t, nil, func(*resolver.Config) {}, &quiet{}, func(p *resolver.Parts) {
			p.Events, p.Exchanger = r, late{p.Exchanger}
		})
		packet := packed(t, "www.secure.example.")
		var wg sync.WaitGroup
		for _, client := range []string{"127.0.0.1:1000", "127.0.0.2:1000"} {
			wg.Go(func() { f.exchange(packet, client, transport.UDP) })
			time.Sleep(time.Millisecond)
		}
		wg.Wait()
		kinds := map[uint64][]event.Kind{}
		for _, e := range r.Take() {
			kinds[e.Query] = append(kinds[e.Query], e.Kind)
		}
		second := []event.Kind{event.ClientQuery, event.Question, event.FetchJoin, event.Answer,
			event.ClientResponse}
		if !slices.Equal(kinds[2], second) {
			t.Errorf("the second query: %v, want %v", kinds[2], second)
		}
		for _, k := range []event.Kind{event.ClientQuery, event.Question, event.FetchStart,
			event.Exchange, event.Verdict, event.FetchEnd, event.Answer, event.ClientResponse} {
			if !slices.Contains(kinds[1], k) {
				t.Errorf("the first query has no event of kind %q: %v", k, kinds[1])
			}
		}
		if slices.Contains(kinds[1], event.FetchJoin) && len(kinds) > 2 {
			t.Errorf("events of no query: %v", kinds)
		}
	})
}

// Some of many answers to the same question are paced: each such query has an event for it before
// the one for its end, and all have the latter.
func TestEventsTellOfPacedAnswersThroughThePipeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &eventtest.Recorder{}
		f := newFrontAll(t, nil, func(*resolver.Config) {}, &quiet{}, func(p *resolver.Parts) {
			p.Events, p.Exchanger = r, late{p.Exchanger}
		})
		const clients = 5 * server.MaxPulse
		packet := packed(t, "www.secure.example.")
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() { f.exchange(packet, "127.0.0.1:1000", transport.UDP) })
		}
		wg.Wait()
		paced, done := map[uint64]bool{}, map[uint64]bool{}
		for _, e := range r.Take() {
			switch e.Kind {
			case event.Paced:
				if paced[e.Query] = true; done[e.Query] || e.Query == 0 {
					t.Errorf("query %d is paced when it is done", e.Query)
				}
			case event.ClientResponse:
				done[e.Query] = true
			}
		}
		if len(paced) == 0 || len(paced) > clients-server.MaxPulse || len(done) != clients {
			t.Errorf("%d of %d are paced, %d are done", len(paced), clients, len(done))
		}
	})
}

// Clients get the same octets with a sink and without one.
func TestEventsChangeNothingOfWhatClientsHear(t *testing.T) {
	var heard [2][][]byte
	for i := range heard {
		f := newFront(t, nil)
		if i == 1 {
			f, _ = listenedTo(t, func(*resolver.Config) {})
		}
		for _, name := range []string{"www.secure.example.", "no.secure.example.", "localhost.",
			"www.expired.faulty.", "www.unsigned.example."} {
			q := new(dns.Msg).SetQuestion(name, dns.TypeA)
			q.Id = 7
			packet, err := q.Pack()
			if err != nil {
				t.Fatal(err)
			}
			for _, from := range []string{"127.0.0.1:1000", "127.0.0.1:1000", "127.0.0.1:1000",
				"192.0.2.1:1000"} {
				heard[i] = append(heard[i], f.exchange(packet, from, transport.UDP))
			}
			heard[i] = append(heard[i], f.exchange(packet[:13], "127.0.0.1:1000", transport.UDP))
		}
	}
	if !slices.EqualFunc(heard[0], heard[1], bytes.Equal) {
		t.Errorf("without a listener\n%x\nwith one\n%x", heard[0], heard[1])
	}
}

// A query that panics in the reader's goroutine has an event for its end too.
func TestEventsTellOfAQueryThatPanicked(t *testing.T) {
	tr, f := newTrap(t)
	r := &eventtest.Recorder{}
	f.server = server.New(server.Default(), server.Parts{Clock: f.clock, Observer: tr,
		Events: r, Guard: tr.Guard, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(f.server.Close)
	f.Handler = f.server.Handler(private(), &policy.View{})
	internalError(t, f.ask("www.secure.example.", dns.TypeA, edns(false))) // it has no resolver
	events := r.Take()
	last := events[len(events)-1]
	if last.Kind != event.ClientResponse || last.Origin != event.OriginServer ||
		last.Cause != cause.InternalError || last.RCode != wire.RCodeServFail {
		t.Errorf("%+v", last)
	}
}
