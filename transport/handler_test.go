package transport

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// script is a handler with the same answer for every packet.
type script struct {
	ready   []byte // the answer of Handle
	pending bool   // Handle returns a Pending
	served  []byte // the answer of Resolve
	late    bool   // Resolve replies when later is called, not at once
	later   func()
}

func (s *script) Handle(_ []byte, _ Client, buf []byte) ([]byte, Pending) {
	switch {
	case s.ready != nil:
		return append(buf, s.ready...), nil
	case s.pending:
		return nil, s
	}
	return nil, nil
}

func (s *script) Resolve(_ context.Context, reply func([]byte)) {
	if s.late {
		s.later = func() { reply(s.served) }
		return
	}
	reply(s.served)
}

// A packet is answered at once, later, or not at all; the place of a waiting query is given back
// once.
func TestHandleAnswersNowOrLater(t *testing.T) {
	yes := []byte("answer")
	for _, tc := range []struct {
		name    string
		handler script
		full    bool // wait has no place
		want    result
		reply   []byte
		waits   int // calls of wait
		late    []byte
	}{
		{"ready", script{ready: yes}, false, answered, yes, 0, nil},
		{"ready and no place", script{ready: yes}, true, answered, yes, 0, nil},
		{"may not ask", script{}, false, dropped, nil, 0, nil},
		{"an answer itself", script{}, false, silent, nil, 0, nil},
		{"refused as it is resolved", script{pending: true, served: yes}, false, pending, nil, 1,
			yes},
		{"resolved later", script{pending: true, served: yes, late: true}, false, pending, nil, 1,
			yes},
		{"no answer later", script{pending: true, late: true}, false, pending, nil, 1, nil},
		{"no place", script{pending: true, served: yes}, true, turnedAway, nil, 1, nil},
	} {
		waits, releases, replies := 0, 0, 0
		var late []byte
		packet := []byte("query")
		if tc.want == silent {
			packet[2] |= 0x80
		}
		reply, got := handle(&tc.handler, packet, Client{}, nil, func() (waiting, bool) {
			waits++
			return waiting{context.Background(), func(b []byte) {
				late = b
				if replies++; releases != 0 {
					t.Errorf("%s: the place was given back before the reply was", tc.name)
				}
			}, func() { releases++ }}, !tc.full
		})
		if got != tc.want || !bytes.Equal(reply, tc.reply) || waits != tc.waits {
			t.Errorf("%s: %q, result %d, %d waits", tc.name, reply, got, waits)
		}
		if tc.handler.late && releases != 0 {
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
	}
}

// await returns the answer whenever it comes, and counts the query as one in work of the client
// until then.
func TestAwaitWaitsForTheAnswer(t *testing.T) {
	gate := NewGate(Default().Gate)
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
		reply, r := await(context.Background(), h, []byte("query"), Client{}, nil,
			&holding{seat: seat})
		ended <- end{reply, r}
	}()
	answer := <-asked
	if n := len(seat.client.work); n != 1 {
		t.Errorf("%d queries in work while one is", n)
	}
	answer()
	if e := <-ended; e.r != answered || string(e.reply) != "answer" {
		t.Errorf("%q, result %d", e.reply, e.r)
	}
	if !seat.tryWork() {
		t.Error("the place of a query that is answered is not free")
	}
}

// held answers when the test releases the answer.
type held struct{ asked chan func() }

func (h *held) Handle([]byte, Client, []byte) ([]byte, Pending) { return nil, h }

func (h *held) Resolve(_ context.Context, reply func([]byte)) {
	h.asked <- func() { reply([]byte("answer")) }
}

func TestReadyAnswerCostsNoAllocation(t *testing.T) {
	h := &script{ready: []byte("answer")}
	packet, buf := []byte("query"), make([]byte, 0, 512)
	var to Client
	if n := testing.AllocsPerRun(100, func() {
		handle(h, packet, Client{}, buf, func() (waiting, bool) {
			return waiting{context.Background(),
				func(reply []byte) { to.Idle = uint16(len(reply)) }, func() {}}, true
		})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Every transport hands its packets to the handler through handle, so that its rules hold for all
// transports.
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
		for _, call := range []string{".Handle(", ".Resolve("} {
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
