package trouble

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// What fails again and again, or comes and goes, has one line when it begins and one when nothing
// has failed for a while.
func TestTroubleHasALineAtEachEnd(t *testing.T) {
	var log strings.Builder
	s := New(slog.New(slog.NewTextHandler(&log, nil)), "broken", "mended", "to", "x")
	lines := func(begun, over int) {
		t.Helper()
		if strings.Count(log.String(), "broken") != begun ||
			strings.Count(log.String(), "mended") != over {
			t.Fatalf("want %d and %d:\n%s", begun, over, log.String())
		}
	}
	at := time.Unix(1000, 0)
	s.note(nil, at)
	lines(0, 0)
	for i := range 20 {
		s.note(errors.New("no disk"), at.Add(time.Duration(i)*time.Second))
		s.note(nil, at.Add(time.Duration(i)*time.Second+time.Second/2))
	}
	lines(1, 0)
	if s.Problem() != "no disk" {
		t.Errorf("%q", s.Problem())
	}
	s.note(nil, at.Add(19*time.Second+calmTime))
	lines(1, 1)
	if s.Problem() != "" {
		t.Errorf("%q", s.Problem())
	}
	s.note(errors.New("no disk"), at.Add(time.Minute))
	lines(2, 1)
}

func TestMostLinesInASecond(t *testing.T) {
	const most = 10
	l := Lines{Most: most}
	at := time.Unix(1000, 0)
	for i := range 3 * most {
		if _, ok := l.Take(at); ok != (i < most) {
			t.Fatalf("line %d: %v", i, ok)
		}
	}
	if left, ok := l.Take(at.Add(time.Second)); !ok || left != 2*most {
		t.Errorf("a second later: %v, %d left out, want %d", ok, left, 2*most)
	}
}
