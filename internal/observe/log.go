// The log.

package observe

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"
)

// Config is what the operator decides about the log.
type Config struct {
	Level slog.Level // the least that is logged
	JSON  bool
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config { return Config{Level: slog.LevelInfo} }

// NewLog returns a log that writes to out.
func NewLog(c Config, out io.Writer) *slog.Logger {
	now := &logConfig{}
	now.set(c)
	o := &slog.HandlerOptions{Level: &now.level}
	return slog.New(&logHandler{now, slog.NewTextHandler(out, o), slog.NewJSONHandler(out, o),
		false})
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
	level slog.LevelVar
	json  atomic.Bool
}

func (n *logConfig) set(c Config) {
	n.level.Set(c.Level)
	n.json.Store(c.JSON)
}

// logHandler is a slog.Handler whose level and form may change.
type logHandler struct {
	now        *logConfig
	text, json slog.Handler
	always     bool // whatever the level is
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool {
	return h.always || l >= h.now.level.Level()
}

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.now.json.Load() {
		return h.json.Handle(ctx, r)
	}
	return h.text.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(as []slog.Attr) slog.Handler {
	return &logHandler{h.now, h.text.WithAttrs(as), h.json.WithAttrs(as), h.always}
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.now, h.text.WithGroup(name), h.json.WithGroup(name), h.always}
}
