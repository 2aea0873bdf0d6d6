package event

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// Nobody can fill a disk: a second has maxLogged lines, and the first of the next second counts
// what was left out.
func TestMaxLoggedBoundsTheLinesOfASecond(t *testing.T) {
	var b bytes.Buffer
	l := NewLog(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})))
	e := Event{Kind: Limit, Time: time.Unix(1000, 0), Cause: cause.LimitQueries,
		Question: wire.Question{Name: wire.Root, Type: wire.TypeNS}}
	for range maxLogged + 7 {
		l.Event(e)
	}
	if n := strings.Count(b.String(), "\n"); n != maxLogged {
		t.Errorf("%d lines in a second, want %d", n, maxLogged)
	}
	b.Reset()
	e.Time = e.Time.Add(time.Second)
	l.Event(e)
	if !strings.Contains(b.String(), "left_out=7") {
		t.Errorf("the next line: %s", &b)
	}
}

// Where debug lines are not wanted there is no sink, so that no event is built.
func TestLogOfOthersThanDebugIsNoSink(t *testing.T) {
	if l := NewLog(slog.New(slog.DiscardHandler)); l != nil {
		t.Errorf("got a sink: %v", l)
	}
}

// A trace has an end, whatever is told.
func TestMaxTracedBoundsATrace(t *testing.T) {
	var trace Trace
	for range maxTraced + 3 {
		trace.Event(Event{Kind: Question})
	}
	var b strings.Builder
	if err := trace.Write(&b); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(b.String(), "\n"); n != maxTraced+1 ||
		!strings.HasSuffix(b.String(), ";; 3 more events\n") {
		t.Errorf("%d lines, the last %q", n, b.String()[b.Len()-20:])
	}
}
