package server

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/cause"
)

// Failures have so many lines in a second, and the next line has how many were left out.
func TestMaxLogLines(t *testing.T) {
	var log strings.Builder
	s := New(Default(), Parts{Log: slog.New(slog.NewTextHandler(&log, nil))})
	defer s.Close()
	r := &request{server: s, now: time.Unix(1000, 0)}
	fails := func() {
		r.fail(&cause.Failure{Cause: cause.Timeout}, cause.NoAnswer)
	}
	for range 3 * maxLogLines {
		fails()
	}
	if n := strings.Count(log.String(), "msg=servfail"); n != maxLogLines || n < 10 {
		t.Errorf("%d lines in a second", n)
	}
	r.now = r.now.Add(time.Second)
	fails()
	if !strings.Contains(log.String(), "left_out=100") {
		t.Errorf("the next line does not tell what is left out")
	}
}
