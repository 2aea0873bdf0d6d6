package server

import (
	"testing"
	"time"
)

func TestMaxLogLines(t *testing.T) {
	l := lineLimit{most: MaxLogLines}
	at := time.Unix(1000, 0)
	for i := range 3 * MaxLogLines {
		if _, ok := l.take(at); ok != (i < MaxLogLines) {
			t.Fatalf("line %d: %v", i, ok)
		}
	}
	if left, ok := l.take(at.Add(time.Second)); !ok || left != 2*MaxLogLines {
		t.Errorf("a second later: %v, %d left out, want %d", ok, left, 2*MaxLogLines)
	}
}
