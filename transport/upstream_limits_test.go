package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
)

// tcpServer accepts connections and returns the queries that arrive, each with its connection.
func tcpServer(t *testing.T) (netip.AddrPort, <-chan asking) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	asked := make(chan asking, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for {
					q, err := ReadFrame(c)
					asked <- asking{c, q, err}
					if err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort(), asked
}

// asking is a query that arrived at a server, or the end of a connection.
type asking struct {
	conn  net.Conn
	query []byte
	err   error
}

// After maxSilence unanswered questions on a connection a server is asked over another one. Some
// servers answer the first question on a connection only (NLnetLabs/unbound 470).
func TestMaxSilence(t *testing.T) {
	limittest.Met(t, limit.UpstreamSilence)
	at, asked := tcpServer(t)
	n, peer := exchanger(t), &Peer{}
	ask := func() net.Conn {
		ctx, giveUp := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, err := n.Exchange(ctx, Request{Server: at, Via: TCP, Peer: peer,
				Query: query("fast"), Timeout: time.Minute})
			ended <- err
		}()
		a := <-asked
		for a.err != nil { // an earlier connection has ended
			a = <-asked
		}
		giveUp()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		return a.conn
	}
	first := ask()
	for i := 1; i < maxSilence; i++ {
		if c := ask(); c != first {
			t.Fatalf("another connection after %d questions without an answer", i)
		}
	}
	if c := ask(); c == first {
		t.Errorf("the same connection after %d questions without an answer", maxSilence)
	}
}

// A server that does not answer has no more than maxUpstreamConns connections with maxInFlight
// questions each. The next question fails at once and is not sent.
func TestMaxUpstreamConns(t *testing.T) {
	limittest.Met(t, limit.UpstreamConnections)
	at, asked := tcpServer(t)
	n, peer := exchanger(t), &Peer{}
	ask := func(ended chan<- error) {
		_, err := n.Exchange(t.Context(), Request{Server: at, Via: TCP, Peer: peer,
			Query: query("fast"), Timeout: time.Minute})
		ended <- err
	}
	conns, ignored := map[net.Conn]int{}, make(chan error, maxUpstreamConns*maxInFlight)
	for range maxUpstreamConns * maxInFlight {
		go ask(ignored)
		conns[(<-asked).conn]++
	}
	for _, questions := range conns {
		if questions != maxInFlight || len(conns) != maxUpstreamConns {
			t.Fatalf("%d connections, one with %d questions", len(conns), questions)
		}
	}
	ended := make(chan error, 1)
	go ask(ended)
	select {
	case err := <-ended:
		if err == nil {
			t.Error("one question more is answered")
		}
	case <-asked:
		t.Error("one question more reaches the server")
	}
}

// RFC 7766, section 7: a reply with the ID of a question in work, but with another question, is not
// accepted; and its connection is not used any more.
func TestRFC7766RepliesMatchTheirQuestions(t *testing.T) {
	at, asked := tcpServer(t)
	n := exchanger(t)
	go func() {
		a := <-asked
		wrong := answerTo(a.query, func(b []byte) { b[13] = 'x' })
		_, _ = a.conn.Write(appendFrame(nil, wrong))
	}()
	reply, err := n.Exchange(t.Context(), Request{Server: at, Via: TCP, Peer: &Peer{},
		Query: query("fast"), Timeout: 10 * time.Second})
	if err == nil || errors.Is(err, ErrTimeout) {
		t.Errorf("the reply to another question: %x, %v", reply, err)
	}
}
