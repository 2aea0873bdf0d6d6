package recorder

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/wire"
)

var client = netip.MustParseAddr("192.0.2.1")

func question(name string) wire.Question {
	return wire.Question{Name: wire.MustParseName(name), Type: wire.TypeA, Class: wire.ClassIN}
}

// play records a resolution with a number of events.
func play(r *Recorder, name string, events int, f *cause.Failure) *Course {
	c := r.Begin()
	for i := range events {
		c.Event(event.Event{Kind: event.Exchange, Question: question(name), Count: i})
	}
	c.End(question(name), client, f)
	return c
}

func names(r *Recorder) (list []string) {
	for _, rec := range r.List(wire.MustParseName(".")) {
		list = append(list, fmt.Sprintf("%s %d", rec.Question.Name, rec.Again))
	}
	return list
}

func steps(t *testing.T, rec *Recording) string {
	var b strings.Builder
	if err := rec.Trace.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestFailuresAreKept: what fails is kept, of each question the last time, and what ends well is
// not, unless its name is watched.
func TestFailuresAreKept(t *testing.T) {
	r := New(Config{Keep: 3})
	f := &cause.Failure{Cause: cause.Timeout}
	play(r, "good.example.", 5, nil)
	play(r, "a.example.", 5, f)
	play(r, "b.example.", 5, f)
	play(r, "a.example.", 7, f)
	if have := fmt.Sprint(names(r)); have != "[a.example. 1 b.example. 0]" {
		t.Error(have)
	}
	text := steps(t, r.List(wire.MustParseName("a.example."))[0])
	if strings.Count(text, "\n") != 7 {
		t.Errorf("steps:\n%s", text)
	}
	if err := r.Watch(wire.MustParseName("example.")); err != nil {
		t.Fatal(err)
	}
	play(r, "good.example.", 5, nil)
	play(r, "good.test.", 5, nil)
	play(r, "c.example.", 5, f)
	if have := fmt.Sprint(names(r)); have != "[c.example. 0 good.example. 0 a.example. 1]" {
		t.Error(have)
	}
	if !r.Unwatch(wire.MustParseName("example.")) || r.Unwatch(wire.MustParseName("example.")) {
		t.Error("a name is not unwatched once")
	}
	r.Configure(Config{Keep: 1})
	if have := fmt.Sprint(names(r)); have != "[c.example. 0]" {
		t.Error(have)
	}
	r.Configure(Config{})
	if c := r.Begin(); c != nil || len(names(r)) != 0 {
		t.Error("something is recorded or kept though nothing is to be")
	}
	if r.Watch(wire.MustParseName("example.")) == nil {
		t.Error("a name is watched though nothing is recorded")
	}
}

// TestLateEventsAreNotRecorded: a fetch that goes on for others has no part in a later recording,
// which uses the same memory.
func TestLateEventsAreNotRecorded(t *testing.T) {
	r := New(Default())
	old := play(r, "good.example.", 5, nil)
	for range 100 {
		c := r.Begin()
		old.Event(event.Event{Kind: event.Limit})
		old.End(question("late.example."), client, &cause.Failure{Cause: cause.Timeout})
		c.Event(event.Event{Kind: event.Network})
		c.End(question("bad.example."), client, &cause.Failure{Cause: cause.Timeout})
	}
	list := r.List(wire.MustParseName("."))
	if len(list) != 1 || strings.Contains(steps(t, list[0]), "limit") {
		t.Errorf("%v: %s", names(r), steps(t, list[0]))
	}
}

// TestMaxEvents: a resolution without end takes no memory without end.
func TestMaxEvents(t *testing.T) {
	r := New(Default())
	play(r, "bad.example.", maxEvents+50, &cause.Failure{Cause: cause.LimitQueries})
	text := steps(t, r.List(wire.MustParseName("."))[0])
	if !strings.Contains(text, "50 more events") || strings.Count(text, "\n") != maxEvents+1 {
		t.Errorf("%d lines", strings.Count(text, "\n"))
	}
}

// TestAMillionFailuresAreBounded: so many recordings are kept as are to be, each of no more than
// maxEvents events.
func TestAMillionFailuresAreBounded(t *testing.T) {
	r := New(Config{Keep: 10})
	f := &cause.Failure{Cause: cause.Timeout}
	for i := range 1_000_000 {
		play(r, fmt.Sprintf("n%d.example.", i), 2, f)
	}
	if list := names(r); len(list) != 10 || list[0] != "n999999.example. 0" {
		t.Errorf("%d are kept, the last %s", len(list), list[0])
	}
}

// TestMaxWatched: a name too many is refused.
func TestMaxWatched(t *testing.T) {
	r := New(Default())
	for i := range maxWatched {
		if err := r.Watch(wire.MustParseName(fmt.Sprintf("z%d.example.", i))); err != nil {
			t.Fatal(err)
		}
	}
	if r.Watch(wire.MustParseName("z.example.")) == nil {
		t.Error("there is no limit")
	}
}

// TestRecordersOwnersAreMany records, lists and configures at the same time, for the race detector.
func TestRecordersOwnersAreMany(t *testing.T) {
	r := New(Config{Keep: 10})
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 200 {
				play(r, fmt.Sprintf("n%d.example.", i*j%20), 10,
					&cause.Failure{Cause: cause.Timeout})
				names(r)
				r.Configure(Config{Keep: 5 + j%10})
			}
		})
	}
	all.Wait()
	if n := len(names(r)); n == 0 || n > 14 {
		t.Errorf("%d are kept", n)
	}
}

// write writes an event as the resolver does.
func write(c *Course, q wire.Question, i int) {
	e := event.For(c, event.Response, q)
	e.Zone, e.Count = q.Name, i
	event.Tell(c, e)
}

// TestRecordingCostsLittle: a resolution that ends well leaves nothing but its handle.
func TestRecordingCostsLittle(t *testing.T) {
	r := New(Default())
	q := question("good.example.")
	n := testing.AllocsPerRun(200, func() {
		c := r.Begin()
		for i := range 3 * partEvents {
			write(c, q, i)
		}
		c.End(q, client, nil)
	})
	if n > 1 {
		t.Errorf("%v allocations", n)
	}
}

// TestNothingIsCopiedOfWhatEndsWell: the next resolution writes into the same memory, which holds
// nothing of the one before.
func TestNothingIsCopiedOfWhatEndsWell(t *testing.T) {
	r := New(Default())
	q := question("good.example.")
	c := r.Begin()
	p := c.part(0)
	for i := range partEvents {
		write(c, q, i)
	}
	c.End(q, client, nil)
	for i := range p {
		if p[i].Full() || !p[i].Question.Name.IsZero() || p[i].Kind != 0 {
			t.Fatalf("slot %d still has %+v", i, p[i].Event)
		}
	}
}

// TestAnEventThatIsBeingWrittenKeepsItsMemory: the writer of an event may be slower than the end of
// the query. Its place is in no recording, and in no later one's memory.
func TestAnEventThatIsBeingWrittenKeepsItsMemory(t *testing.T) {
	r := New(Default())
	var dropped *part
	r.pool.New = func() any { dropped = new(part); return dropped }
	c := r.Begin()
	write(c, question("bad.example."), 0)
	slow := event.For(c, event.Scrub, question("bad.example."))
	c.End(question("bad.example."), client, &cause.Failure{Cause: cause.Timeout})
	old := dropped
	for range 100 {
		next := r.Begin()
		if next.part(0) == old {
			t.Fatal("its memory is used again")
		}
		next.End(question("good.example."), client, nil)
	}
	slow.Count = 7
	event.Tell(c, slow)
	if text := steps(t, r.List(wire.MustParseName("."))[0]); strings.Count(text, "\n") != 1 {
		t.Errorf("steps:\n%s", text)
	}
}

// TestTimesOfEvents: an event that follows without any wait has the time of the one before, and one
// that something was waited for has its own.
func TestTimesOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Default())
		q := question("bad.example.")
		c := r.Begin()
		write(c, q, 0)
		time.Sleep(20 * time.Millisecond)
		event.Tell(c, event.For(c, event.Exchange, q))
		write(c, q, 1)
		time.Sleep(20 * time.Millisecond)
		c.End(q, client, &cause.Failure{Cause: cause.Timeout})
		rec := r.List(wire.MustParseName("."))[0]
		text := steps(t, rec)
		var times []string
		for line := range strings.Lines(text) {
			times = append(times, strings.Fields(line)[1])
		}
		if fmt.Sprint(times) != "[0 20 20]" || rec.Took != 40*time.Millisecond {
			t.Errorf("took %v:\n%s", rec.Took, text)
		}
	})
}

func BenchmarkCourse(b *testing.B) {
	r := New(Default())
	q := question("good.example.")
	for b.Loop() {
		c := r.Begin()
		for i := range 30 {
			write(c, q, i)
		}
		c.End(q, client, nil)
	}
}
