// The log.

package observe

import (
	"io"
	"log/slog"
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
	o := &slog.HandlerOptions{Level: c.Level}
	if c.JSON {
		return slog.New(slog.NewJSONHandler(out, o))
	}
	return slog.New(slog.NewTextHandler(out, o))
}
