// Clients that hang up: queries that no client waits for are not resolved any further.

package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	h2 "golang.org/x/net/http2"
)

// patient is a handler whose queries all wait until the test answers them or their client has gone.
type patient struct {
	asked chan *waitingQuery
	gone  chan string // labels of the queries whose clients have gone
	// waiting holds the queries that wait was called for.
	waiting []*waitingQuery
}

// waitingQuery is a query that waits.
type waitingQuery struct {
	label  string
	answer func()
	client context.Context
}

func newPatient() *patient {
	return &patient{asked: make(chan *waitingQuery, 32), gone: make(chan string, 32)}
}

func (p *patient) Handle(packet []byte, _ Client, _ []byte) ([]byte, Pending) {
	return nil, &waits{p, bytes.Clone(packet)}
}

type waits struct {
	p      *patient
	packet []byte
}

func (w *waits) Resolve(client context.Context, reply func([]byte)) {
	q := &waitingQuery{label: label(w.packet), client: client}
	listens := context.AfterFunc(client, func() {
		reply(nil)
		w.p.gone <- q.label
	})
	q.answer = func() {
		if listens() {
			reply(answerTo(w.packet, nil))
		}
	}
	w.p.asked <- q
}

// wait returns the next query that waits.
func (p *patient) wait(t *testing.T) *waitingQuery {
	t.Helper()
	select {
	case q := <-p.asked:
		p.waiting = append(p.waiting, q)
		return q
	case <-time.After(20 * time.Second):
		t.Fatal("no query")
		return nil
	}
}

// take returns the next query whose client has gone.
func (p *patient) take(t *testing.T) string {
	t.Helper()
	select {
	case l := <-p.gone:
		return l
	case <-time.After(20 * time.Second):
		for _, q := range p.waiting { // the listener waits for them
			q.answer()
		}
		t.Fatal("no hang-up")
		return ""
	}
}

// asks sends a query over a kind of connection, and returns how its client hangs up.
type asks func(t *testing.T, at netip.AddrPort) (hangUp func())

func overSocket(secure bool) asks {
	return func(t *testing.T, at netip.AddrPort) func() {
		tcp, err := net.Dial("tcp", at.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = tcp.Close() })
		c := tcp
		if secure {
			c = tls.Client(tcp, insecureTLS)
		}
		if _, err := c.Write(appendFrame(nil, query("first"))); err != nil {
			t.Fatal(err)
		}
		return func() {
			_ = tcp.(*net.TCPConn).SetLinger(0) // closing resets
			_ = tcp.Close()
		}
	}
}

// overHTTP hangs up by ending the request: RST_STREAM, STOP_SENDING, or the end of the connection.
func overHTTP(version, scheme string) asks {
	return func(t *testing.T, at netip.AddrPort) func() {
		client := httpClients(t)[version]
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		q, err := http.NewRequestWithContext(ctx, "POST", scheme+"://"+at.String()+"/dns-query",
			bytes.NewReader(query("first")))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", mediaType)
		done := make(chan struct{})
		go func() {
			defer close(done)
			if r, err := client.Do(q); err == nil {
				_ = r.Body.Close()
			}
		}()
		t.Cleanup(func() { <-done })
		return cancel
	}
}

// overFrames hangs up by closing the connection.
func overFrames(t *testing.T, at netip.AddrPort) func() {
	c := newH2(dialTCP(t, at))
	c.hello()
	c.post(1, "first")
	return func() { _ = c.conn.Close() }
}

func overDoQ(whole bool) asks {
	return func(t *testing.T, at netip.AddrPort) func() {
		c := dialDoQ(t, at)
		s, err := c.OpenStreamSync(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(appendFrame(nil, query("first"))); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return func() {
			if whole {
				_ = c.CloseWithError(0, "")
			} else {
				s.CancelRead(doqRequestCancelled)
			}
		}
	}
}

// A client hangs up while its query is resolved: the handler's context ends, over every transport
// that has connections or streams.
func TestHangUpEndsTheQuery(t *testing.T) {
	for _, c := range []struct {
		name     string
		protocol Protocol
		ask      asks
	}{
		{"TCP, reset", TCP, overSocket(false)},
		{"DoT, reset", DoT, overSocket(true)},
		{"HTTP/1.1, end of the connection", DoH, overHTTP("h1", "https")},
		{"HTTP/2, RST_STREAM", DoH, overHTTP("h2", "https")},
		{"HTTP/2 without TLS, end of the connection", DoHPlain, overFrames},
		{"HTTP/2 without TLS, RST_STREAM", DoHPlain, overHTTP("h2c", "http")},
		{"HTTP/3, STOP_SENDING", DoH3, overHTTP("h3", "https")},
		{"DoQ, STOP_SENDING", DoQ, overDoQ(false)},
		{"DoQ, end of the connection", DoQ, overDoQ(true)},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, w := newPatient(), &witness{}
			hangUp := c.ask(t, listenBy(t, c.protocol, h, w, func(s *Spec) {
				s.Gate = gateOf(GateConfig{Idle: time.Minute}) // an idle timeout is not a hang-up
			}))
			h.wait(t)
			hangUp()
			if got := h.take(t); got != "first" {
				t.Errorf("%s has ended", got)
			}
			if f := w.seen(); len(f) > 0 {
				t.Errorf("faults %v", f)
			}
		})
	}
}

// The reset of a stream ends its own query, and no other of the connection.
func TestHangUpOfAStreamConcernsNoOther(t *testing.T) {
	h := newPatient()
	c := newH2(dialTCP(t, listenBy(t, DoHPlain, h, &witness{}, nil)))
	c.hello()
	c.post(1, "first")
	c.post(3, "second")
	h.wait(t)
	second := h.wait(t)
	if err := c.WriteRSTStream(1, h2.ErrCodeCancel); err != nil {
		t.Fatal(err)
	}
	if got := h.take(t); got != "first" {
		t.Errorf("%s has ended", got)
	}
	if err := second.client.Err(); err != nil {
		t.Errorf("the other: %v", err)
	}
	second.answer()
	if f := c.until(h2.FrameData); f == nil || f.Header().StreamID != 3 {
		t.Errorf("the other is answered with %v", f)
	}
}

// A client that has closed its connection looks like one that has ended only its sending side,
// until an answer brings back a reset. Then its other queries end.
func TestHangUpIsSeenByTheFirstAnswerThatIsNotTaken(t *testing.T) {
	h := newPatient()
	c, err := net.Dial("tcp", listenBy(t, TCP, h, &witness{}, nil).String())
	if err != nil {
		t.Fatal(err)
	}
	const queries = 32
	for i := range queries {
		if _, err := c.Write(appendFrame(nil, query(fmt.Sprint(i)))); err != nil {
			t.Fatal(err)
		}
	}
	var waiting []*waitingQuery
	for range queries {
		waiting = append(waiting, h.wait(t))
	}
	_ = c.Close()
	for _, q := range waiting {
		q.answer()
		select {
		case <-h.gone:
			return
		case <-time.After(100 * time.Millisecond): // the reset may take a moment
		}
	}
	select {
	case <-h.gone:
	case <-time.After(20 * time.Second):
		t.Error("all queries are answered, to nobody")
	}
}

// The meaning of the end of the input: a client of DNS messages over TCP may close its sending side
// only, as `dig` and others do after they have sent all queries. HTTP/2 has no such state.
func TestHangUpIsNotTheEndOfTheSendingSide(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for _, c := range []struct {
		name       string
		halfClosed bool
		err        error
		gone       bool
	}{
		{"end of a stream of messages", true, io.EOF, false},
		{"end of HTTP/2", false, io.EOF, true},
		{"reset of a stream of messages", true, reset, true},
		{"reset of HTTP/2", false, reset, true},
		{"TLS record cut off", true, io.ErrUnexpectedEOF, true},
		{"silence on a stream of messages", true, os.ErrDeadlineExceeded, false},
		{"silence on HTTP/2", false, os.ErrDeadlineExceeded, false},
		{"closed by us", true, net.ErrClosed, true},
	} {
		e := &engine{conn: newConn(nil, nil), halfClosed: c.halfClosed}
		e.ended(c.err)
		if got := e.client.Err() != nil; got != c.gone {
			t.Errorf("%s: gone %v, want %v", c.name, got, c.gone)
		}
	}
}
