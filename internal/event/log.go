// Events in the log, for an operator who looks for the fault of a name.

package event

import (
	"context"
	"log/slog"

	"bailiwick/internal/trouble"
	"bailiwick/wire"
)

// logSink is a sink that logs events, at most [maxLogged] a second: a flood of queries must not
// fill the disk.
type logSink struct {
	log   *slog.Logger
	lines trouble.Lines
}

// NewLog returns a sink that logs at level debug. Whoever logs less than that should have none, so
// that no event is built.
func NewLog(log *slog.Logger) Sink { return &logSink{log, trouble.Lines{Most: maxLogged}} }

// Event implements Sink. The line of a client's query is written when the query is finished.
func (l *logSink) Event(e Event) {
	if e.Kind == ClientQuery {
		return
	}
	left, ok := l.lines.Take(e.Time)
	if !ok {
		return
	}
	attrs := make([]slog.Attr, 0, 16)
	if e.Query != 0 {
		attrs = append(attrs, slog.Uint64("query", e.Query))
	}
	if e.Kind == ClientResponse {
		attrs = e.appendResponse(attrs)
	} else {
		attrs = e.appendDecided(attrs)
	}
	attrs = append(attrs, slog.Int("left_out", left))
	l.log.LogAttrs(context.Background(), slog.LevelDebug, e.Kind.String(), attrs...)
}

// appendResponse appends the attributes of the line of a client's query.
func (e *Event) appendResponse(attrs []slog.Attr) []slog.Attr {
	name := ""
	if !e.Question.Name.IsZero() {
		name = e.Question.Name.String()
	}
	return append(attrs, slog.String("name", name), slog.String("type", e.Question.Type.String()),
		slog.String("client", e.Client.Addr().String()),
		slog.String("transport", e.Protocol.String()), slog.String("outcome", e.Outcome()),
		slog.String("cause", e.Cause.Label()), slog.Bool("ad", e.Flags&wire.FlagAD != 0),
		slog.String("from", e.Origin.String()), slog.String("took", e.Took.String()))
}

// appendDecided appends the attributes of the lines of all other events.
func (e *Event) appendDecided(attrs []slog.Attr) []slog.Attr {
	if e.Fetch != 0 {
		attrs = append(attrs, slog.Uint64("fetch", e.Fetch))
	}
	if e.Parent != 0 {
		attrs = append(attrs, slog.Uint64("parent", e.Parent))
	}
	attrs = append(attrs, slog.String("name", e.Question.Name.String()),
		slog.String("type", e.Question.Type.String()), slog.String("text", e.Text()))
	if e.Server.IsValid() {
		attrs = append(attrs, slog.String("server", e.Server.String()))
	}
	if e.Client.IsValid() {
		attrs = append(attrs, slog.String("client", e.Client.Addr().String()))
	}
	if !e.Zone.IsZero() {
		attrs = append(attrs, slog.String("zone", e.Zone.String()))
	}
	c := e.Cause
	if e.Failure != nil {
		c = e.Failure.Cause
	}
	return append(attrs, slog.String("cause", c.Label()))
}
