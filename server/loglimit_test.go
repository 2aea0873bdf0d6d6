package server

import (
	"testing"
	"time"
)

func TestMaxLogLines(t *testing.T) {
	l := lineLimit{most: maxLogLines}
	at := time.Unix(1000, 0)
	for i := range 3 * maxLogLines {
		if _, ok := l.take(at); ok != (i < maxLogLines) {
			t.Fatalf("line %d: %v", i, ok)
		}
	}
	if left, ok := l.take(at.Add(time.Second)); !ok || left != 2*maxLogLines {
		t.Errorf("a second later: %v, %d left out, want %d", ok, left, 2*maxLogLines)
	}
}
