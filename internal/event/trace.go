// The trace of one query, for people.

package event

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// Trace is a sink that keeps the events of a query, to be written as a tree: the events of a fetch
// are indented below the one that began it, in whatever order they happened.
type Trace struct {
	mu     sync.Mutex
	events []Event // guarded by mu
	left   int     // how many events were left out; guarded by mu
}

// TraceOf returns a trace of events that were collected elsewhere, of which some were left out.
func TraceOf(events []Event, left int) *Trace { return &Trace{events: events, left: left} }

// Event implements Sink.
func (t *Trace) Event(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) == maxTraced {
		t.left++
		return
	}
	t.events = append(t.events, e)
}

// Events returns the events so far. Nobody may change them.
func (t *Trace) Events() []Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.events[:len(t.events):len(t.events)]
}

// Write writes a line for each event so far.
func (t *Trace) Write(out io.Writer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &treeWriter{out: bufio.NewWriter(out), by: map[uint64][]Event{}, done: map[uint64]bool{}}
	for _, e := range t.events {
		at := e.Fetch
		if e.Kind == FetchStart || e.Kind == FetchJoin {
			at = e.Parent
		}
		w.by[at] = append(w.by[at], e)
	}
	if len(t.events) > 0 {
		w.began = t.events[0].Time
		w.fetch(0, 0)
	}
	if t.left > 0 {
		fmt.Fprintf(w.out, ";; %d more events\n", t.left)
	}
	return w.out.Flush()
}

// treeWriter writes the events of fetches, each followed by those of the fetches that it began.
type treeWriter struct {
	out   *bufio.Writer
	by    map[uint64][]Event // by the fetch that they belong to
	done  map[uint64]bool    // fetches that are written
	began time.Time
}

func (w *treeWriter) fetch(id uint64, depth int) {
	w.done[id] = true
	for _, e := range w.by[id] {
		fmt.Fprintf(w.out, ";; %5d ms %s%s\n", e.Time.Sub(w.began).Milliseconds(),
			strings.Repeat("  ", depth), e.Text())
		if e.Kind == FetchStart && !w.done[e.Fetch] {
			w.fetch(e.Fetch, depth+1)
		}
	}
}

// Text returns an event as a line, without its time.
func (e *Event) Text() string {
	q := e.Question.Name.String() + " " + e.Question.Type.String()
	switch e.Kind {
	case Question:
		return "question " + q
	case Answer:
		return fmt.Sprintf("answered %s, %s, %d packets%s", e.RCode, e.Status, e.Count, e.label())
	case CacheHit:
		return fmt.Sprintf("%s: in the cache: %s, %s, TTL %d%s", q, e.Reply, e.Status, e.TTL,
			e.why())
	case Synthesis:
		return fmt.Sprintf("%s: follows from %s in the cache: %s, %s, TTL %d", q, e.Origin, e.Reply,
			e.Status, e.TTL)
	case FailureHit:
		return q + ": has failed before" + e.why()
	case Refresh:
		return fmt.Sprintf("%s: ends in %d seconds, fetched anew", q, e.TTL)
	case FetchStart:
		return "fetch " + q
	case FetchJoin:
		return "wait for the fetch of " + q
	case FetchEnd:
		if e.Reply == wire.KindNone {
			return fmt.Sprintf("failed in %s%s", e.took(), e.label())
		}
		return fmt.Sprintf("fetched in %s: %s, %s%s", e.took(), e.Reply, e.Status, e.label())
	case Exchange:
		if e.Err != nil {
			return fmt.Sprintf("%s of %s: %s, %s: %s: %v", e.Server, e.Zone, e.Protocol, e.took(),
				e.Cause.Label(), e.Err)
		}
		return fmt.Sprintf("%s of %s: %s, %s: %s%s, asked for %s", e.Server, e.Zone, e.Protocol,
			e.took(), e.RCode, flagText(e.Flags), q)
	case CopyAsked:
		return fmt.Sprintf("the copy of %s: %s, %s, asked for %s", e.Zone, e.RCode, e.Reply, q)
	case Scrub:
		return fmt.Sprintf("left out of it: %d sets that are not of %s", e.Count, e.Zone)
	case Response:
		switch e.Reply {
		case wire.KindNone:
			return "of no use: " + e.Cause.Text()
		case wire.KindAlias:
			return "alias to " + e.Target.String()
		case wire.KindReferral:
			return fmt.Sprintf("referral to %s, %d servers", e.Target, e.Count)
		case wire.KindAnswer:
			return fmt.Sprintf("answer, %d records", e.Count)
		}
		return e.Reply.String()
	case Subnet:
		if e.Count > 0 {
			return fmt.Sprintf("asked for network %s, scope %d", e.Sent, e.Count)
		}
		return fmt.Sprintf("asked for network %s", e.Sent)
	case Fallback:
		return fmt.Sprintf("%s is asked again %s", e.Server, e.Form)
	case Deferred:
		return fmt.Sprintf("%s of %s is down, and asked last: %s", e.Server, e.Zone,
			e.Cause.Label())
	case Health:
		if e.Cause == cause.None {
			return fmt.Sprintf("%s of %s answers again, after %s", e.Server, e.Zone, e.took())
		}
		return fmt.Sprintf("%s of %s does not answer: %s", e.Server, e.Zone, e.Cause.Label())
	case Network:
		return "the network has changed"
	case Forgotten:
		return fmt.Sprintf("forgotten at and below %s, as the settings have changed: %d entries",
			e.Zone, e.Count)
	case Exception:
		return "exception for zone " + e.Zone.String() + ": " + e.Cause.Text()
	case Anchor:
		return fmt.Sprintf("trust begins at zone %s, trust anchors: %d", e.Zone, e.Count)
	case Verdict:
		return "verdict " + e.Status.String() + e.of() + e.why()
	case Trust:
		return "zone " + e.Zone.String() + " is " + e.Status.String() + e.why()
	case Reported:
		return fmt.Sprintf("reported to the agent of %s: %s%s", e.Zone, e.Target, e.label())
	case Limit:
		return "limit: " + e.Cause.Text()
	case ClientQuery:
		return fmt.Sprintf("%s asks for %s over %s", e.Client, q, e.Protocol)
	case ClientResponse:
		return fmt.Sprintf("%s hears %s from %s in %s: %s", e.Client, e.Outcome(), e.Origin,
			e.took(), e.Cause.Label())
	case AnswerHit:
		return fmt.Sprintf("%s: answer in memory, %s: %s%s", q, e.Origin, e.RCode, e.why())
	case Policy:
		return "policy: " + e.decision()
	case Paced:
		return "held back: " + e.Cause.Text()
	}
	return e.Kind.String()
}

// Outcome is the response that a client gets, as text.
func (e *Event) Outcome() string {
	if e.Origin == OriginNone {
		return "dropped"
	}
	return e.RCode.String()
}

// decision is the decision of policy and its reason, as text.
func (e *Event) decision() string {
	switch e.Decision {
	case DecisionRefused, DecisionDropped:
		return e.Decision.String() + ": " + e.Cause.Text()
	case DecisionPrivate, DecisionDNS64:
		return fmt.Sprintf("%d %s", e.Count, e.Decision)
	}
	return e.Decision.String()
}

// took is the duration, rounded for people.
func (e *Event) took() string { return e.Took.Round(100 * time.Microsecond).String() }

// flagText names those flags of a reply that matter upstream.
func flagText(flags uint16) (s string) {
	if flags&wire.FlagAA != 0 {
		s += " aa"
	}
	if flags&wire.FlagTC != 0 {
		s += " tc"
	}
	return s
}

// of names the zone that signed, if one did.
func (e *Event) of() string {
	if e.Zone.IsZero() {
		return ""
	}
	return " by " + e.Zone.String()
}

// label is the cause, if there is a failure. An earlier event has its details.
func (e *Event) label() string {
	if e.Failure == nil {
		return ""
	}
	return ": " + e.Failure.Cause.Label()
}

// why is the failure with its details, if there is one.
func (e *Event) why() string {
	if e.Failure == nil {
		return ""
	}
	return ": " + e.Failure.Cause.Label() + ": " + e.Failure.Error()
}
