package server_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/logtest"
	"bailiwick/internal/observe"
	"bailiwick/internal/policy"
	"bailiwick/internal/querylog"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// newLoggingFront is a front with a captured log that allows some clients and refuses others.
func newLoggingFront(t *testing.T, level slog.Level) (*front, *quiet, *logtest.Log) {
	log, q := &logtest.Log{}, &quiet{}
	f := newFrontLogged(t, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: level})),
		nil,
		func(*resolver.Config) {}, q)
	f.Handler = f.server.Handler(policy.NewACL([]policy.Rule{
		{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: policy.Allow},
		{Net: netip.MustParsePrefix("192.0.2.77/32"), Action: policy.Drop}}), &policy.View{})
	return f, q, log
}

func packed(t *testing.T, name string) []byte {
	t.Helper()
	b, err := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Clients that may not ask are counted as queries, with their cause, and are logged with advice,
// however many they are: five lines a second, and the number of those left out.
func TestRefusedClientsAreCountedAndLogged(t *testing.T) {
	f, seen, log := newLoggingFront(t, slog.LevelInfo)
	packet := packed(t, "www.secure.example.")
	const refused, dropped = 3 * server.MaxRefusedLines, 4
	for range refused {
		if a := f.exchange(packet, "192.0.2.1:1000", transport.UDP); len(a) < wire.HeaderLen ||
			wire.RCode(a[3]&15) != wire.RCodeRefused {
			t.Fatalf("answered %x", a)
		}
	}
	for range dropped {
		if a := f.exchange(packet, "192.0.2.77:1000", transport.UDP); a != nil {
			t.Fatalf("answered %x", a)
		}
	}
	f.exchange(packet[:13], "192.0.2.1:1000", transport.UDP)
	if n := seen.queries.Load(); n != refused+dropped+1 {
		t.Errorf("%d queries counted, want %d", n, refused+dropped+1)
	}
	count := map[cause.Cause]int{}
	for _, c := range seen.refused {
		count[c]++
	}
	if count[cause.ClientRefused] != refused+1 || count[cause.ClientDropped] != dropped ||
		len(seen.causes) != 0 {
		t.Errorf("refused: %v; SERVFAIL: %v", count, seen.causes)
	}
	got := log.String()
	if n := strings.Count(got, "msg=refused"); n < server.MaxRefusedLines ||
		n > 2*server.MaxRefusedLines {
		t.Errorf("%d lines:\n%s", n, got)
	}
	for _, want := range []string{
		"name=www.secure.example. type=A client=192.0.2.1 transport=udp cause=client_refused",
		"policy.access",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the log lacks %s:\n%s", want, got)
		}
	}
}

// With log.level debug each query has a line with its outcome, on the fast path too; without it
// none has.
func TestDebugLogsEachQuerysOutcome(t *testing.T) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo} {
		f, _, log := newLoggingFront(t, level)
		for _, name := range []string{"www.secure.example.", "www.secure.example.",
			"www.secure.example.",
			"www.expired.faulty.", "no.unsigned.example."} {
			f.exchange(packed(t, name), "127.0.0.1:1000", transport.UDP)
		}
		f.exchange(packed(t, "www.secure.example."), "192.0.2.1:1000", transport.UDP)
		got := log.String()
		if level != slog.LevelDebug {
			if strings.Contains(got, "msg=query") {
				t.Errorf("at level %v:\n%s", level, got)
			}
			continue
		}
		for want, n := range map[string]int{
			"name=www.secure.example. type=A client=127.0.0.1 transport=udp outcome=NOERROR " +
				"cause=none": 3,
			"from=known":    1,
			"from=prepared": 1,
			"name=www.expired.faulty. type=A client=127.0.0.1 transport=udp outcome=SERVFAIL " +
				"cause=signature_expired": 1,
			"name=no.unsigned.example. type=A client=127.0.0.1 transport=udp " +
				"outcome=NXDOMAIN": 1,
			"client=192.0.2.1 transport=udp outcome=REFUSED " +
				"cause=client_refused": 1,
		} {
			if strings.Count(got, want) != n {
				t.Errorf("want %d times %s:\n%s", n, want, got)
			}
		}
	}
}

// record is a query log that keeps what it gets.
type record struct {
	mu     sync.Mutex
	wants  func(n int) bool // whether the n-th query is wanted
	asked  int
	events []event.Event
}

func (r *record) Wants() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return r.wants(r.asked)
}

func (r *record) Event(e event.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// Every query is offered to the query log once, when it ends: from memory, resolved, refused,
// dropped or malformed. It gets those that it wants, with the question, the client and what came of
// it, and nobody else has to listen for that.
func TestQueryLogGetsEveryQueryOnce(t *testing.T) {
	f, _, _ := newLoggingFront(t, slog.LevelInfo)
	log := &record{wants: func(int) bool { return true }}
	cfg := server.Default()
	f.Replace(server.Rules{Config: &cfg, View: &policy.View{}, Log: log,
		Access: policy.NewACL([]policy.Rule{
			{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: policy.Allow},
			{Net: netip.MustParsePrefix("192.0.2.77/32"), Action: policy.Drop}})})
	for _, c := range []struct {
		name, client, want string
	}{
		{"www.secure.example.", "127.0.0.1:1000", "NOERROR resolved none"},
		{"www.secure.example.", "127.0.0.1:1000", "NOERROR known none"},
		{"WWW.secure.example.", "127.0.0.1:1000", "NOERROR prepared none"},
		{"no.unsigned.example.", "127.0.0.1:1000", "NXDOMAIN resolved none"},
		{"www.expired.faulty.", "127.0.0.1:1000", "SERVFAIL resolved signature_expired"},
		{"www.expired.faulty.", "127.0.0.1:1000", "SERVFAIL known signature_expired"},
		{"localhost.", "127.0.0.1:1000", "NOERROR local none"},
		{"www.secure.example.", "192.0.2.1:1000", "REFUSED server client_refused"},
		{"www.secure.example.", "192.0.2.77:1000", "dropped server client_dropped"},
	} {
		before := len(log.events)
		f.exchange(packed(t, c.name), c.client, transport.UDP)
		if len(log.events) != before+1 {
			t.Fatalf("%s of %s: %d events", c.name, c.client, len(log.events)-before)
		}
		e := log.events[before]
		got := e.Outcome() + " " + e.Origin.String() + " " + e.Cause.Label()
		if want := strings.Replace(c.want, "dropped server", "dropped none", 1); got != want ||
			!strings.EqualFold(e.Question.Name.String(), c.name) ||
			e.Question.Type != wire.TypeA || e.Client.String() != c.client || e.Time.IsZero() {
			t.Errorf("%s of %s: %s, %+v; want %s", c.name, c.client, got, e.Question, want)
		}
	}
	before := len(log.events)
	f.exchange(packed(t, "www.secure.example.")[:13], "127.0.0.1:1000", transport.UDP)
	if len(log.events) != before+1 || log.events[before].RCode != wire.RCodeFormErr {
		t.Errorf("a malformed query: %+v", log.events[before:])
	}
}

// A query that is not wanted costs the log nothing, and a sampled one is in it whole.
func TestQueryLogSamplesQueries(t *testing.T) {
	f, _, _ := newLoggingFront(t, slog.LevelInfo)
	log := &record{wants: func(n int) bool { return n%4 == 0 }}
	cfg := server.Default()
	f.Replace(server.Rules{Config: &cfg, View: &policy.View{}, Log: log,
		Access: policy.NewACL([]policy.Rule{
			{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: policy.Allow}})})
	p := packed(t, "www.secure.example.")
	for range 40 {
		f.exchange(p, "127.0.0.1:1000", transport.UDP)
	}
	if len(log.events) != 10 || log.asked != 40 {
		t.Errorf("%d of %d", len(log.events), log.asked)
	}
	client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
	log.wants = func(int) bool { return false }
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { f.Handle(p, client, buf) }); n != 0 {
		t.Errorf("%v allocations for a query that is not wanted", n)
	}
}

// BenchmarkQueryLog compares answers from memory without a query log, with one in a hundred
// queries logged, and with all.
func BenchmarkQueryLog(b *testing.B) {
	f := newFrontObserved(b, observe.New())
	client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
	p := packetOf(b, "www.secure.example.", dns.TypeA)
	for range 4 {
		f.exchange(p, "127.0.0.1:1000", transport.UDP)
	}
	for _, sample := range []int{0, 100, 1} {
		b.Run(fmt.Sprintf("sample=%d", sample), func(b *testing.B) {
			cfg := server.Default()
			rules := server.Rules{Config: &cfg, View: &policy.View{},
				Access: policy.NewACL([]policy.Rule{
					{Net: netip.MustParsePrefix("127.0.0.0/8"), Action: policy.Allow}})}
			if sample > 0 {
				c := querylog.Default()
				c.To, c.Path, c.Sample = querylog.File, b.TempDir()+"/queries", sample
				l, err := querylog.New(c, querylog.Parts{Log: slog.Default(),
					Observer: observe.New()})
				if err != nil {
					b.Fatal(err)
				}
				defer l.Close()
				rules.Log = l
			}
			f.Replace(rules)
			b.ReportAllocs()
			buf := make([]byte, 0, 4096)
			for b.Loop() {
				if reply, _ := f.Handle(p, client, buf); reply == nil {
					b.Fatal("not ready")
				}
			}
		})
	}
}
