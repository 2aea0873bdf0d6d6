package event

import (
	"bytes"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// A flood cannot fill a disk: at most maxLogged lines are written in a second, and the first line
// of the next second has the number of those left out.
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

// The size of a trace is bounded, however many events there are.
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

// Lines of queries and of other events share one bound: with both there are no more than maxLogged.
func TestMaxLoggedIsOneBoundOfQueriesAndEvents(t *testing.T) {
	var b bytes.Buffer
	l := NewLog(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for i := range maxLogged {
		for _, k := range []Kind{ClientQuery, AnswerHit, ClientResponse} {
			l.Event(Event{Kind: k, Time: time.Unix(1000, 0), Query: uint64(i + 1)})
		}
	}
	if n := strings.Count(b.String(), "\n"); n != maxLogged {
		t.Errorf("%d lines in a second, want %d", n, maxLogged)
	}
}

// A query has one line, when it is finished, with its number and the full RCODE; one that is not
// answered has no RCODE.
func TestLogOfAQueryIsOneLine(t *testing.T) {
	var b bytes.Buffer
	l := NewLog(slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})))
	e := Event{Kind: ClientQuery, Time: time.Unix(1000, 0), Query: 7,
		Client: netip.MustParseAddrPort("192.0.2.1:1000")}
	l.Event(e)
	e.Kind, e.Origin, e.RCode, e.Cause = ClientResponse, OriginServer, wire.RCodeBadVers,
		cause.RequestVersion
	l.Event(e)
	e.Kind, e.Origin, e.RCode, e.Cause = ClientResponse, OriginNone, 0, cause.ClientDropped
	l.Event(e)
	lines := strings.Split(b.String(), "\n")
	if len(lines) != 3 {
		t.Fatalf("got\n%s", &b)
	}
	for i, want := range []string{
		`msg=query query=7 name="" type=TYPE0 client=192.0.2.1 transport=udp outcome=BADVERS ` +
			`cause=request_version ad=false from=server`,
		`outcome=dropped cause=client_dropped ad=false from=none`,
	} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("got  %s\nwant %s", lines[i], want)
		}
	}
}
