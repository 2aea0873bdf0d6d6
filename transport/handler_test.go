package transport

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// script is a handler with one answer for everything.
type script struct {
	ready  []byte // what Fast has
	drop   bool
	served []byte // what Serve replies
	late   bool   // it does when later is called
	later  func()
}

func (s *script) Fast(_ []byte, _ Client, buf []byte) ([]byte, bool) {
	if s.ready == nil {
		return nil, s.drop
	}
	return append(buf, s.ready...), false
}

func (s *script) Serve(packet []byte, _ Client, reply func([]byte)) {
	packet[0] = 0xFF // it is Serve's own
	if s.late {
		s.later = func() { reply(s.served) }
		return
	}
	reply(s.served)
}

// A packet is answered at once, later, or not at all; what a wait has taken is given back once.
func TestHandleAnswersNowOrLater(t *testing.T) {
	yes := []byte("answer")
	for _, tc := range []struct {
		name    string
		handler script
		full    bool // there is no place to wait in
		want    result
		reply   []byte
		waits   int // times that a place was asked for
		late    []byte
	}{
		{"ready", script{ready: yes}, false, answered, yes, 0, nil},
		{"ready and no place", script{ready: yes}, true, answered, yes, 0, nil},
		{"may not ask", script{drop: true}, false, dropped, nil, 0, nil},
		{"served at once", script{served: yes}, false, answered, yes, 1, nil},
		{"no answer at once", script{}, false, silent, nil, 1, nil},
		{"served later", script{served: yes, late: true}, false, pending, nil, 1, yes},
		{"no answer later", script{late: true}, false, pending, nil, 1, nil},
		{"no place", script{served: yes}, true, turnedAway, nil, 1, nil},
	} {
		waits, releases, replies := 0, 0, 0
		var late []byte
		packet := []byte("query")
		reply, got := handle(&tc.handler, packet, Client{}, nil, func() (waiting, bool) {
			waits++
			return waiting{func(b []byte) {
				late = b
				if replies++; releases != 0 {
					t.Errorf("%s: the place was given back before the reply was", tc.name)
				}
			}, func() { releases++ }}, !tc.full
		})
		if got != tc.want || !bytes.Equal(reply, tc.reply) || waits != tc.waits {
			t.Errorf("%s: %q, result %d, %d waits", tc.name, reply, got, waits)
		}
		if got == pending && releases != 0 {
			t.Errorf("%s: the place was given back before the answer", tc.name)
		}
		if tc.handler.later != nil {
			tc.handler.later()
		}
		wantReplies, wantReleases := 0, waits
		if tc.want == pending {
			wantReplies = 1
		}
		if tc.full {
			wantReleases = 0
		}
		if replies != wantReplies || releases != wantReleases || !bytes.Equal(late, tc.late) {
			t.Errorf("%s: later %q, %d replies, %d releases", tc.name, late, replies, releases)
		}
		if string(packet) != "query" {
			t.Errorf("%s: the handler works on the reader's memory", tc.name)
		}
	}
}

// Who waits in a goroutine of its own gets the answer whenever it comes, and its query counts as
// one in work of the client until then.
func TestAwaitWaitsForTheAnswer(t *testing.T) {
	gate := NewGate(GateConfig{})
	gate.share = 1
	seat := gate.enter(DoQ, nil)
	if !seat.belongs(insecureClient.Addr.Addr()) {
		t.Fatal("no seat")
	}
	defer seat.leave()
	asked := make(chan func())
	h := &held{asked}
	type end struct {
		reply []byte
		r     result
	}
	ended := make(chan end)
	go func() {
		reply, r := await(h, []byte("query"), Client{}, nil, &holding{seat: seat})
		ended <- end{reply, r}
	}()
	answer := <-asked
	if n := len(seat.client.work); n != 1 {
		t.Errorf("%d queries in work while one is", n)
	}
	answer()
	if e := <-ended; e.r != answered || string(e.reply) != "query" {
		t.Errorf("%q, result %d", e.reply, e.r)
	}
	if !seat.tryWork() {
		t.Error("the place of a query that is answered is not free")
	}
}

// held answers when the test says so.
type held struct{ asked chan func() }

func (h *held) Fast([]byte, Client, []byte) ([]byte, bool) { return nil, false }

func (h *held) Serve(packet []byte, _ Client, reply func([]byte)) {
	h.asked <- func() { reply(packet) }
}

func TestReadyAnswerCostsNoAllocation(t *testing.T) {
	h := &script{ready: []byte("answer")}
	packet, buf := []byte("query"), make([]byte, 0, 512)
	var to Client
	if n := testing.AllocsPerRun(100, func() {
		handle(h, packet, Client{}, buf, func() (waiting, bool) {
			return waiting{func(reply []byte) { to.Idle = uint16(len(reply)) }, func() {}}, true
		})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Every transport hands its packets to the handler by handle: whatever is decided there holds for
// all of them.
func TestPacketsAreHandedOverInOnePlace(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f, "_test.go") || f == "handler.go" {
			continue
		}
		for _, call := range []string{".Fast(", "h.Serve(", "handler.Serve("} {
			if bytes.Contains(b, []byte(call)) {
				t.Errorf("%s has %s", f, call)
			}
		}
	}
}

func BenchmarkReadyAnswer(b *testing.B) {
	h := &script{ready: make([]byte, 100)}
	packet, buf := []byte("query"), make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		handle(h, packet, Client{}, buf, func() (waiting, bool) { return waiting{}, false })
	}
}
