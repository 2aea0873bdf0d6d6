package rest

import (
	"testing"
	"time"
)

// Nobody who waits is forgotten: who has seen that the process rests, and has not said yet that it
// waits, sees that somebody has stirred it since.
func TestRestForgetsNobody(t *testing.T) {
	r := New(time.Hour)
	r.last.Store(-int64(2 * time.Hour)) // it rests
	r.mu.Lock()
	over := make(chan bool)
	go func() { over <- r.Wait(t.Context(), 0, nil) }()
	time.Sleep(50 * time.Millisecond) // it stands at the lock, in all likelihood
	r.Stir()
	r.mu.Unlock()
	select {
	case more := <-over:
		if !more {
			t.Error("it is not to go on")
		}
	case <-time.After(10 * time.Second):
		t.Error("it still waits")
	}
}
