package main

import (
	"io"
	"log/slog"
)

// testLog is a log without times.
func testLog(w io.Writer) *slog.Logger {
	timeless := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	o := &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: timeless}
	return slog.New(slog.NewTextHandler(w, o))
}
