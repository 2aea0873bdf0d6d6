package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"bailiwick/internal/console"
	"bailiwick/transport"
)

// A dump has the data with what they are worth, denials, delegations and failures, can be read as a
// zone file, and ends with a line that tells that it is whole.
func TestDumpHasWhatIsInTheCache(t *testing.T) {
	s := reloadable(t, plain)
	s.expect("www.secure.example.", "NOERROR+ad")
	s.expect("no.unsigned.example.", "NXDOMAIN")
	s.expect("www.expired.faulty.", "SERVFAIL")
	dump := func(name string) string {
		r, err := runOf(s.running, "dump")(console.Request{Args: map[string]string{"name": name}})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := r.Text(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	all := dump("")
	for _, want := range []string{"; www.secure.example. A: secure, ",
		"\nwww.secure.example.\t", "\tIN\tA\t192.0.2.1\n", "IN\tRRSIG\tA ",
		"; denied: no.unsigned.example. name, insecure", "; delegation: secure.example. to ",
		"; failure: www.expired.faulty. A, signature_expired, 1 in a row", "; end: "} {
		if !strings.Contains(all, want) {
			t.Errorf("the dump lacks %q:\n%s", want, all)
		}
	}
	if below := dump("unsigned.example."); strings.Contains(below, "secure.example. A") ||
		!strings.Contains(below, "denied: no.unsigned.example.") {
		t.Errorf("below a name:\n%s", below)
	}
}

// slowReader is somebody who reads a dump and then no more.
type slowReader struct {
	pieces int
	most   int // octets of one piece
	after  func()
}

func (r *slowReader) Write(b []byte) (int, error) {
	r.pieces++
	r.most = max(r.most, len(b))
	r.after()
	if r.pieces == 3 {
		return 0, errors.New("gone")
	}
	return len(b), nil
}

// A dump goes out in small pieces, clients are answered between them, and it ends with who reads
// it.
func TestDumpHoldsNothingUp(t *testing.T) {
	s := reloadable(t, plain)
	for range 4 {
		for _, name := range []string{"www.secure.example.", "www.unsigned.example.",
			"www.nsec3.example."} {
			_, _ = s.ask("udp", s.udp, name)
		}
	}
	r, err := runOf(s.running, "dump")(console.Request{})
	if err != nil {
		t.Fatal(err)
	}
	reader := &slowReader{after: func() {
		s.expect("www.secure.example.", "NOERROR+ad")
		runtime.Gosched()
	}}
	_ = r.Text(reader)
	if reader.pieces == 0 || reader.most > dumpPiece {
		t.Errorf("%d pieces, one of %d octets", reader.pieces, reader.most)
	}
}

// The resolutions that are under way are listed, with who waits for them.
func TestInFlightListsWhatIsResolved(t *testing.T) {
	asked, held := make(chan struct{}, 100), make(chan struct{})
	var holding atomic.Bool
	s := reloadableOver(t, plain, func(w transport.Exchanger) transport.Exchanger {
		return holder(func(ctx context.Context, r transport.Request) ([]byte, error) {
			if holding.Load() {
				asked <- struct{}{}
				<-held
			}
			return w.Exchange(ctx, r)
		})
	})
	list := runOf(s.running, "inflight")
	for { // the root's keys are looked for at the start
		r, err := list(console.Request{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Fields["under_way"] == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	holding.Store(true)
	var client sync.WaitGroup
	client.Go(func() { s.expect("www.secure.example.", "NOERROR+ad") })
	for { // others are asked for too, such as the keys of trust anchors
		<-asked
		r, err := list(console.Request{})
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(fmt.Sprint(r.Rows), "www.secure.example. A") {
			break
		}
	}
	holding.Store(false)
	close(held)
	client.Wait()
}

// holder is an exchanger that is a function.
type holder func(context.Context, transport.Request) ([]byte, error)

// Exchange implements transport.Exchanger.
func (h holder) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	return h(ctx, r)
}
