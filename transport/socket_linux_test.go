package transport

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"
	"weak"

	"bailiwick/internal/lab/testtime"
)

// One socket asks all questions, and each leaves from another port: an attacker who has seen one
// port cannot predict the next.
func TestRFC5452SocketPorts(t *testing.T) {
	var mu sync.Mutex
	ports := map[uint16]bool{}
	at := udpServerFrom(t, func(q []byte, from netip.AddrPort) [][]byte {
		mu.Lock()
		defer mu.Unlock()
		ports[from.Port()] = true
		return [][]byte{answerTo(q, nil)}
	})
	n := exchanger(t)
	const questions = 200
	for range questions {
		if _, err := n.Exchange(context.Background(), Request{Server: at, Query: question,
			Timeout: testtime.Patience}); err != nil {
			t.Fatal(err)
		}
	}
	if len(n.asking().v4[0].free) != 1 {
		t.Errorf("%d sockets for questions one after the other", len(n.asking().v4[0].free))
	}
	mu.Lock()
	defer mu.Unlock()
	if len(ports) < questions*9/10 {
		t.Errorf("%d questions left from only %d ports", questions, len(ports))
	}
}

// A packet that comes after the reply is not taken as the reply to the next question, and the
// socket that received it is not reused.
func TestSocketLeftovers(t *testing.T) {
	twice := udpServer(t, func(q []byte) [][]byte {
		return [][]byte{answerTo(q, nil),
			answerTo(q, nil), answerTo(q, nil)}
	})
	silent := udpServer(t, func([]byte) [][]byte { return nil })
	n := exchanger(t)
	for range 20 {
		if _, err := n.Exchange(context.Background(), Request{Server: twice, Query: question,
			Timeout: testtime.Patience}); err != nil {
			t.Fatal(err)
		}
		_, err := n.Exchange(context.Background(), Request{Server: silent, Query: question,
			Timeout: 50 * time.Millisecond})
		if !errors.Is(err, ErrTimeout) {
			t.Fatalf("a silent server: %v", err)
		}
	}
}

// A cancelled question ends at once, and its socket is not reused.
func TestSocketCancel(t *testing.T) {
	silent := udpServer(t, func([]byte) [][]byte { return nil })
	n := exchanger(t)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	_, err := n.Exchange(ctx, Request{Server: silent, Query: question, Timeout: time.Hour})
	if !errors.Is(err, context.Canceled) || len(n.asking().v4[0].free) != 0 {
		t.Errorf("error %v, %d sockets kept", err, len(n.asking().v4[0].free))
	}
}

// Close closes idle sockets too, and none is kept afterwards.
func TestCloseKeepsNoSocket(t *testing.T) {
	at, _, _ := listener(t, UDP, nil)
	n := exchanger(t)
	ask := func() {
		_, err := n.Exchange(context.Background(), Request{Server: at, Via: UDP,
			Query:   query("fast"),
			Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
	}
	ask()
	if k := len(n.asking().v4[0].free); k != 1 {
		t.Errorf("%d sockets wait", k)
	}
	n.Close()
	if k := len(n.asking().v4[0].free); k != 0 {
		t.Errorf("%d sockets wait after Close", k)
	}
	ask()
	if k := len(n.asking().v4[0].free); k != 0 {
		t.Errorf("%d sockets wait after a question to a closed exchanger", k)
	}
}

// A question that has ended is held by nobody, whether its socket was kept or closed: behind it
// are the client's query, the resolver that had it, and all of that one's caches.
func TestEndedQuestionsAreNotHeld(t *testing.T) {
	answers := udpServer(t, func(q []byte) [][]byte { return [][]byte{answerTo(q, nil)} })
	silent := udpServer(t, func([]byte) [][]byte { return nil })
	n := exchanger(t)
	ask := func(at netip.AddrPort, patience time.Duration) weak.Pointer[[4096]byte] {
		behind := new([4096]byte)
		_, err := n.Exchange(context.Background(), Request{Server: at, Query: question,
			Timeout: patience, Into: behind[:]})
		if (err == nil) != (at == answers) {
			t.Fatal(err)
		}
		return weak.Make(behind)
	}
	var ended []weak.Pointer[[4096]byte]
	for range 3 { // the socket that the first keeps is the one that the second closes
		ended = append(ended, ask(answers, testtime.Patience), ask(silent, 20*time.Millisecond))
	}
	runtime.GC()
	for i, behind := range ended {
		if behind.Value() != nil {
			t.Errorf("question %d of %d is still held", i, len(ended))
		}
	}
}
