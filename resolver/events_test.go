// Events: a sink receives them, and the resolution is the same without a sink.

package resolver_test

import (
	"context"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/event/eventtest"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// distant is a world whose servers reply with a delay, and a longer one for keys, so that events
// always have the same order.
type distant struct{ *lab.World }

func (f distant) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	time.Sleep(10 * time.Millisecond)
	var q wire.Query
	if err := wire.ParseQuery(r.Query, &q); err == nil && q.Question.Type == wire.TypeDNSKEY {
		time.Sleep(5 * time.Millisecond)
	}
	return f.World.Exchange(ctx, r)
}

// The whole trace of a name with a cold cache, and of one that has failed. A fetch is indented
// below the one that began it.
func TestEventsTraceIsATreeOfFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		in := newNetwork(t, w, distant{w}, nil)
		var b strings.Builder
		for _, name := range []string{"www.secure.example.", "www.secure.example.",
			"www.expired.faulty.", "www.expired.faulty."} {
			trace := &event.Trace{}
			in.ask(name, wire.TypeA, resolver.Options{Events: trace})
			if err := trace.Write(&b); err != nil {
				t.Fatal(err)
			}
			b.WriteByte('\n')
		}
		got := keyTags.ReplaceAllString(b.String(), "key N") // the lab has new keys each time
		golden := filepath.Join("testdata", "trace.txt")
		if *rewrite {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

var rewrite = flag.Bool("rewrite", false, "write the trace in testdata")

var keyTags = regexp.MustCompile("key [0-9]+")

// digits are the part in which the servers of one zone differ.
var digits = regexp.MustCompile("[0-9]+")

// A sink changes neither the questions to servers nor the answer, whatever fault the servers have:
// for all names of the lab.
func TestEventsChangeNothingOfWhatIsDone(t *testing.T) {
	for _, c := range outcomes {
		var asked, answers [2]string
		for i := range 2 {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				in := newNetwork(t, w, distant{w}, nil)
				if i == 1 {
					in.parts.Events = &eventtest.Recorder{}
					in = in.withMemory(1 << 24)
				}
				a := in.resolve(c.name, c.qtype)
				time.Sleep(resolver.MaxTime) // until all fetches that were begun ahead have ended
				lines := strings.Split(in.transcript(), "\n")
				for j, l := range lines { // the server of a zone is chosen at random
					_, lines[j], _ = strings.Cut(digits.ReplaceAllString(l, ""), " ")
				}
				slices.Sort(lines)
				asked[i] = strings.Join(slices.Compact(lines), "\n")
				answers[i] = a.RCode.String() + " " + a.Status.String()
				if a.Failure != nil {
					answers[i] += " " + a.Failure.Cause.Label()
				}
			})
		}
		if c.name == "www.one-good.faulty." { // how often its bad servers are met is chance too
			asked[0], asked[1] = "", ""
		}
		if asked[0] != asked[1] || answers[0] != answers[1] {
			t.Errorf("%s: without a listener %s\n%s\nwith one %s\n%s", c.name, answers[0], asked[0],
				answers[1], asked[1])
		}
	}
}

// Each kind of the closed set is emitted somewhere, and has a name and a line of its own.
func TestEventsOfEachKindAreEmittedAndHaveText(t *testing.T) {
	kinds := constants(t, filepath.Join("..", "internal", "event", "event.go"), "Kind")
	var code strings.Builder
	for _, dir := range []string{".", filepath.Join("..", "server")} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			code.Write(b)
		}
	}
	texts := map[string]string{}
	for i, name := range kinds {
		if !strings.Contains(code.String(), "event."+name) {
			t.Errorf("%s is emitted nowhere", name)
		}
		e := event.Event{Kind: event.Kind(i)}
		text := e.Text()
		if e.Kind.String() == "" || text == "" || text == e.Kind.String() {
			t.Errorf("%s has no text", name)
		}
		if other := texts[text]; other != "" {
			t.Errorf("%s and %s have the same text %q", name, other, text)
		}
		texts[text] = name
	}
	if len(kinds) < 16 {
		t.Errorf("only %d kinds were found: %v", len(kinds), kinds)
	}
}

// constants returns the exported names of the block of constants that begins with a type.
func constants(t *testing.T, file, typ string) (names []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.CONST {
			continue
		}
		first, _ := g.Specs[0].(*ast.ValueSpec).Type.(*ast.Ident)
		if first == nil || first.Name != typ {
			continue
		}
		for _, s := range g.Specs {
			if n := s.(*ast.ValueSpec).Names[0]; n.IsExported() {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

// The questions in the lab that emit events of nearly every kind.
func TestEventsTellWhatTheResolverDecides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		in := newNetwork(t, w, distant{w}, nil)
		r := &eventtest.Recorder{}
		in.parts.Events, in.cfg.Prefetch = r, true
		in = in.withMemory(1 << 24)
		for _, c := range outcomes {
			in.resolve(c.name, c.qtype)
		}
		in.resolve("www.expired.faulty.", wire.TypeA)
		in.resolve("no.secure.example.", wire.TypeAAAA)
		in.resolve("below.no.secure.example.", wire.TypeAAAA)
		time.Sleep(275 * time.Second) // of the 300 that the lab's data live for
		in.resolve("www.secure.example.", wire.TypeTXT)
		in.resolve("txt.secure.example.", wire.TypeTXT)
		in.resolve("secure.example.", wire.TypeDNSKEY)
		time.Sleep(resolver.MaxTime)
		got := map[event.Kind]int{}
		for _, e := range r.Take() {
			got[e.Kind]++
		}
		for _, k := range []event.Kind{event.Question, event.Answer, event.CacheHit,
			event.Synthesis,
			event.FailureHit, event.FetchStart, event.FetchJoin, event.FetchEnd, event.Exchange,
			event.Response, event.Fallback, event.Verdict, event.Trust} {
			if got[k] == 0 {
				t.Errorf("nothing was told of kind %q", k)
			}
		}
		if got[event.FetchStart] != got[event.FetchEnd] {
			t.Errorf("%d fetches began and %d ended", got[event.FetchStart], got[event.FetchEnd])
		}
	})
}

// Events of cached results have their origin: the question itself, or the data that they follow
// from.
func TestEventsTellTheOriginOfAResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, r := newInternet(t), &eventtest.Recorder{}
		for _, name := range []string{"www.secure.example.", "leaf.tree.secure.example.",
			"no.secure.example.", "zz.secure.example."} {
			in.resolve(name, wire.TypeA)
		}
		for name, want := range map[string]event.Origin{
			"www.secure.example.":        event.OriginKnown,
			"other.tree.secure.example.": event.OriginDNAME,
			"below.no.secure.example.":   event.OriginCut,
			"zzz.secure.example.":        event.OriginSpan,
		} {
			r.Take()
			in.ask(name, wire.TypeA, resolver.Options{Events: r})
			synctest.Wait()
			events := r.Take()
			first := slices.IndexFunc(events, func(e event.Event) bool {
				return e.Kind == event.CacheHit || e.Kind == event.Synthesis
			})
			if first < 0 {
				t.Errorf("%s: nothing of it is in memory", name)
				continue
			}
			e := events[first]
			if e.Origin != want || (e.Kind == event.CacheHit) != (want == event.OriginKnown) {
				t.Errorf("%s: %s from %q, want %q", name, e.Kind, e.Origin, want)
			}
		}
	})
}

// What the operator has decided about validation is in the trace: the exception that holds for a
// question, by its kind, and the anchors at which its chain of trust begins. A sink that is there
// when an entry is in the cache sees its failure.
func TestEventsTellOfExceptionsAndAnchors(t *testing.T) {
	for what, want := range map[trustanchor.Exception]cause.Cause{
		trustanchor.None: cause.None, trustanchor.Negative: cause.NegativeAnchor,
		trustanchor.Insecure: cause.ValidationOff, trustanchor.Permissive: cause.Permissive} {
		synctest.Test(t, func(t *testing.T) {
			in, r := newInternet(t), &eventtest.Recorder{}
			if what != trustanchor.None {
				in.except(what, "expired.faulty.")
			}
			in = in.withMemory(1 << 24)
			in.ask("www.expired.faulty.", wire.TypeA, resolver.Options{Events: r})
			synctest.Wait()
			got, at := cause.None, ""
			for _, e := range r.Take() {
				switch {
				case e.Kind == event.Exception && e.Zone.String() == "expired.faulty.":
					got = e.Cause
				case e.Kind == event.Anchor:
					at = e.Text()
				}
			}
			if got != want {
				t.Errorf("exception %d: %s, want %s", what, got, want)
			}
			if at != "trust begins at zone ., trust anchors: 1" {
				t.Errorf("exception %d: %q", what, at)
			}
		})
	}
}

// A forwarder that falls silent and comes back is two events that belong to no query, and each
// query that it is left out of has one.
func TestEventsTellOfForwardersThatAreDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, r := newGroup(t, []int{1, 0, 0}), &eventtest.Recorder{}
		g.parts.Events = r
		g.internet = g.withMemory(1 << 24)
		g.fail(0, "silent")
		g.askFor(20)
		time.Sleep(5 * time.Second)
		told := r.Take()
		g.askFor(1)
		told = append(told, r.Take()...)
		g.fail(0, "")
		time.Sleep(time.Minute)
		told = append(told, r.Take()...)
		g.askFor(1)
		var health []string
		deferred := 0
		for _, e := range told {
			switch e.Kind {
			case event.Health:
				health = append(health, e.Cause.Label())
				if e.Query != 0 || e.Zone.String() != "corp." || e.Server.Addr() != g.servers[0] {
					t.Errorf("the event: %+v", e)
				}
			case event.Deferred:
				deferred++
			}
		}
		if !slices.Equal(health, []string{"timeout", "none"}) || deferred == 0 {
			t.Errorf("health %v, %d times deferred", health, deferred)
		}
		if i := slices.IndexFunc(r.Take(), func(e event.Event) bool {
			return e.Kind == event.Deferred
		}); i >= 0 {
			t.Error("a server that is back is deferred")
		}
	})
}

// What concerns all queries is an event that belongs to none: a negative trust anchor that is added
// or has ended, by the data that are dropped for it, and a network that has changed.
func TestEventsTellWhatConcernsAllQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, r := newInternet(t), &eventtest.Recorder{}
		in.parts.Events = r
		in = in.withMemory(1 << 24)
		in.resolve("www.secure.example.", wire.TypeA)
		r.Take()
		var told []string
		for _, change := range []func(){
			func() { in.succeed(trustanchor.Negative, "secure.example.") },
			func() { in.succeed(trustanchor.None) },
			func() { in.r.NetworkChanged() },
		} {
			change()
			for _, e := range r.Take() {
				if e.Query == 0 && (e.Kind == event.Forgotten || e.Kind == event.Network) {
					told = append(told, e.Text())
				}
			}
		}
		want := []string{"forgotten at and below secure.example.",
			"forgotten at and below secure.example.", "the network has changed"}
		if !slices.EqualFunc(told, want, strings.HasPrefix) {
			t.Errorf("%q, want %q", told, want)
		}
	})
}

// The event has the transport's own error, whatever cause it was translated to.
func TestEventsKeepTheErrorOfTheTransport(t *testing.T) {
	closed := func(netip.AddrPort) netip.AddrPort { return netip.MustParseAddrPort("127.0.0.1:1") }
	in := newNetwork(t, lab.Internet(time.Now()), &transport.NetExchanger{Remap: closed}, nil)
	r := &eventtest.Recorder{}
	in.ask("www.secure.example.", wire.TypeA, resolver.Options{Events: r})
	events := r.Take()
	for _, e := range events {
		if e.Kind == event.Exchange && e.Cause == cause.Unreachable &&
			strings.Contains(e.Err.Error(), "connection refused") {
			return
		}
	}
	t.Errorf("no exchange with the error in %v", events)
}

// discard is a sink that does nothing.
type discard struct{}

func (discard) Event(event.Event) {}

// remade is how many allocations there may be because pools do not keep what they hold: none, but
// with the race detector.
var remade float64

// A sink causes no additional allocations.
func TestEventsAllocateNothing(t *testing.T) {
	w := lab.Internet(time.Now())
	cost := func(s event.Sink) float64 {
		in := newWorld(t, w, nil)
		in.parts.Events = s
		in = in.withMemory(1 << 24)
		q := wire.Question{Name: wire.MustParseName("www.secure.example."), Type: wire.TypeA,
			Class: wire.ClassIN}
		in.r.Resolve(context.Background(), q, resolver.Options{})
		return testing.AllocsPerRun(100, func() {
			in.r.Resolve(context.Background(), q, resolver.Options{})
		})
	}
	if without, with := cost(nil), cost(discard{}); with > without+remade {
		t.Errorf("%v allocations with a sink, %v without", with, without)
	}
}
