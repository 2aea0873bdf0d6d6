// Collecting what a resolution tells: its events, turned into evidence for each question.

package explain

import (
	"slices"
	"sync"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/wire"
)

// collector keeps events. It implements [event.Collector].
type collector struct {
	mu     sync.Mutex
	events []event.Event // guarded by mu
	left   int           // how many more there were; guarded by mu
}

var _ event.Collector = (*collector)(nil)

// Event implements event.Sink.
func (c *collector) Event(e event.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.events) >= maxEvents {
		c.left++
		return
	}
	c.events = append(c.events, e)
}

// Collects implements event.Collector.
func (c *collector) Collects() bool { return true }

// since returns the events from the nth on.
func (c *collector) since(n int) []event.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.events[n:len(c.events):len(c.events)]
}

// key is a question without its class.
type key struct {
	name wire.Name
	t    wire.Type
}

// evidence is the last that was found out about a question.
type evidence struct {
	*event.Judged
	status  wire.Security
	failure *cause.Failure
	zone    wire.Name // that signed it, if it is secure
	from    string
}

// findings are what events have told so far.
type findings struct {
	read       int // events
	of         map[key]*evidence
	failed     map[key]*cause.Failure
	remembered map[key]bool // failures that were in the cache
	exchanges  []Exchange
	last       map[uint64]int    // the last exchange of a fetch
	server     map[uint64]string // that a fetch has heard last
	seen       []Seen
	seenOf     []key
	exceptions []Exception
	notes      []string
}

func newFindings() *findings {
	return &findings{exchanges: []Exchange{}, of: map[key]*evidence{},
		failed:     map[key]*cause.Failure{},
		remembered: map[key]bool{}, last: map[uint64]int{}, server: map[uint64]string{}}
}

// take reads events.
func (f *findings) take(events []event.Event) {
	f.read += len(events)
	for i := range events {
		f.add(&events[i])
	}
}

func (f *findings) add(e *event.Event) {
	k := key{e.Question.Name, e.Question.Type}
	switch e.Kind {
	case event.Exchange, event.CopyAsked:
		f.exchanged(e)
	case event.Response:
		f.classified(e)
	case event.Verdict:
		f.judged(k, e)
	case event.CacheHit, event.Synthesis:
		if e.Judged != nil {
			f.of[k] = &evidence{e.Judged, e.Status, e.Failure, e.Zone, "the cache"}
			delete(f.failed, k)
		}
	case event.FailureHit:
		f.failed[k], f.remembered[k] = e.Failure, true
	case event.FetchEnd:
		if e.Reply == wire.KindNone && e.Failure != nil {
			f.failed[k] = e.Failure
		} else {
			delete(f.failed, k)
		}
	case event.Exception:
		f.excepted(e.Zone, e.Cause)
	case event.Deferred, event.Fallback, event.Limit, event.Scrub:
		f.note(e.Text())
	}
}

// exchanged adds an exchange, or the look into a copy.
func (f *findings) exchanged(e *event.Event) {
	x := Exchange{Server: e.Server.String(), Zone: e.Zone.String(),
		Name: e.Question.Name.String(), Type: e.Question.Type.String(),
		Transport: e.Protocol.String(), Millis: float64(e.Took.Microseconds()) / 1000}
	switch {
	case e.Kind == event.CopyAsked:
		x.Server, x.Transport = "the copy of "+e.Zone.String(), "none"
		x.RCode, x.Outcome = e.RCode.String(), e.Reply.String()
	case e.Err != nil || e.Cause != cause.None:
		x.Outcome, x.Cause = e.Cause.Text(), e.Cause.Label()
	default:
		x.RCode, x.Outcome = e.RCode.String(), "a reply"
	}
	f.server[e.Fetch] = x.Server
	delete(f.last, e.Fetch)
	if len(f.exchanges) < maxExchanges {
		f.last[e.Fetch] = len(f.exchanges)
		f.exchanges = append(f.exchanges, x)
	}
}

// classified tells what a reply was taken for.
func (f *findings) classified(e *event.Event) {
	i, ok := f.last[e.Fetch]
	if !ok {
		return
	}
	if f.exchanges[i].Outcome = e.Text(); e.Cause != cause.None {
		f.exchanges[i].Cause = e.Cause.Label()
	}
}

// judged keeps what a verdict is about.
func (f *findings) judged(k key, e *event.Event) {
	from := f.server[e.Fetch]
	if i, ok := f.last[e.Fetch]; ok {
		f.exchanges[i].Verdict = e.Status.String()
		if e.Failure != nil {
			f.exchanges[i].Cause = e.Failure.Cause.Label()
		}
	}
	if e.Status == wire.Bogus && e.Failure != nil && len(f.seen) < maxExchanges {
		f.seen = append(f.seen, Seen{from, e.Failure.Zone, k.name.String(), k.t.String(),
			e.Failure.Cause.Label(), e.Failure.Detail})
		f.seenOf = append(f.seenOf, k)
	}
	if e.Judged != nil {
		f.of[k] = &evidence{e.Judged, e.Status, e.Failure, e.Zone, from}
	}
}

// excepted adds an exception from validation, once.
func (f *findings) excepted(zone wire.Name, c cause.Cause) {
	x := Exception{zone.String(), c.Label(), c.Text(), c.Hint()}
	if slices.Contains(f.exceptions, x) {
		return
	}
	f.exceptions = append(f.exceptions, x)
}

// note adds a line, once.
func (f *findings) note(text string) {
	if slices.Contains(f.notes, text) {
		return
	}
	if len(f.notes) < maxRecords {
		f.notes = append(f.notes, text)
	}
}

// passed returns the faults that servers have shown of questions which were answered well.
func (f *findings) passed() (seen []Seen) {
	for i, k := range f.seenOf {
		if e := f.of[k]; e != nil && e.status != wire.Bogus && f.failed[k] == nil {
			seen = append(seen, f.seen[i])
		}
	}
	return seen
}
