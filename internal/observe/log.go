// The log.

package observe

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
)

// Format is the form of log lines.
type Format uint8

// The forms.
const (
	Text Format = iota
	JSON
	Fields // entries of the journal of systemd, with fields
	Auto   // the same if standard error is connected to it, else text
)

// Config is what the operator decides about the log.
type Config struct {
	Level  slog.Level // the least that is logged
	Format Format
}

// JSON reports whether the lines are for programs, so that nothing else is to be printed.
func (c Config) JSON() bool { return c.Format == JSON }

// Default returns the configuration of an operator who has decided nothing.
func Default() Config { return Config{Level: slog.LevelInfo} }

// NewLog returns a log that writes to out. Without a [Journal] that has the one of systemd beside
// it, lines are text where they would have fields.
func NewLog(c Config, out io.Writer) *slog.Logger {
	now := &logConfig{}
	h := &logHandler{now: now}
	o := &slog.HandlerOptions{Level: &now.level}
	h.text, h.json = slog.NewTextHandler(out, o), slog.NewJSONHandler(out, o)
	h.fields = h.text
	if j, ok := out.(*Journal); ok && j.beside != nil {
		now.inJournal = j.inJournal
		h.fields = &fieldHandler{level: &now.level, out: j.beside}
	}
	now.set(c)
	return slog.New(h)
}

// Always returns a log to the same place in the same form, whose lines no level leaves out.
func Always(l *slog.Logger) *slog.Logger {
	h, ok := l.Handler().(*logHandler)
	if !ok {
		return l
	}
	all := *h
	all.always = true
	return slog.New(&all)
}

// ChangeLog gives a log of NewLog, and all that were made of it, another configuration. A line is
// in one form or the other, whole.
func ChangeLog(l *slog.Logger, c Config) {
	if h, ok := l.Handler().(*logHandler); ok {
		h.now.set(c)
	}
}

// logConfig is the configuration that a log has now.
type logConfig struct {
	level     slog.LevelVar
	format    atomic.Uint32
	inJournal bool
}

func (n *logConfig) set(c Config) {
	n.level.Set(c.Level)
	f := c.Format
	if f == Auto {
		if f = Text; n.inJournal {
			f = Fields
		}
	}
	n.format.Store(uint32(f))
}

// logHandler is a slog.Handler whose level and form may change.
type logHandler struct {
	now        *logConfig
	text, json slog.Handler
	fields     slog.Handler // into the journal of systemd
	always     bool         // whatever the level is
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool {
	return h.always || l >= h.now.level.Level()
}

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	switch Format(h.now.format.Load()) {
	case JSON:
		return h.json.Handle(ctx, r)
	case Fields:
		return h.fields.Handle(ctx, r)
	}
	return h.text.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(as []slog.Attr) slog.Handler {
	return &logHandler{h.now, h.text.WithAttrs(as), h.json.WithAttrs(as), h.fields.WithAttrs(as),
		h.always}
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.now, h.text.WithGroup(name), h.json.WithGroup(name),
		h.fields.WithGroup(name), h.always}
}
