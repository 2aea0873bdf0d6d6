package transport

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"bailiwick/internal/pemfile"
)

// peerOf returns the identity of a listener's certificate.
func peerOf(leaf *x509.Certificate, name bool) *Peer {
	p := &Peer{Path: "/dns-query"}
	if name {
		pool := x509.NewCertPool()
		pool.AddCert(leaf)
		p.Name, p.Roots = "localhost", pemfile.Fixed(pool)
	} else {
		p.Pins = [][32]byte{sha256.Sum256(leaf.RawSubjectPublicKeyInfo)}
	}
	return p
}

// upstreamListener starts a listener and returns its certificate too.
func upstreamListener(t *testing.T, p Protocol) (netip.AddrPort, *echo, *witness,
	*x509.Certificate) {
	var leaf *x509.Certificate
	at, h, w := listener(t, p, func(s *Spec) { leaf = s.TLS.source.All()[0].Leaf })
	return at, h, w, leaf
}

var upstreamProtocols = []Protocol{TCP, DoT, DoH, DoH3, DoQ}

// Every transport that we serve can be used to ask too: many questions at once, over one
// connection, each with its own reply and ID.
func TestUpstream(t *testing.T) {
	for _, p := range upstreamProtocols {
		for _, byName := range []bool{true, false} {
			at, h, w, leaf := upstreamListener(t, p)
			n, peer := exchanger(t), peerOf(leaf, byName)
			ask := func(label string, id byte) {
				q := query(label)
				q[0], q[1] = 77, id
				r, err := n.Exchange(context.Background(),
					Request{Server: at, Via: p, Peer: peer, Query: q, Timeout: 10 * time.Second})
				if err != nil || r[0] != 77 || r[1] != id || Matches(q, r) != MatchReply {
					t.Errorf("%v, %s %d: %x %v", p, label, id, r, err)
				}
			}
			ask("fast", 1)
			var wg sync.WaitGroup
			wg.Go(func() { ask("held", 0) })
			release := <-h.held
			for i := range 40 {
				wg.Go(func() { ask([]string{"fast", "serve"}[i&1], byte(i)) })
			}
			ask("serve", 99) // it does not wait for the held question
			release()
			wg.Wait()
			w.mu.Lock()
			if w.open != 1 || len(w.faults) > 0 {
				t.Errorf("%v: %d connections, faults %v", p, w.open, w.faults)
			}
			w.mu.Unlock()
		}
	}
}

// A server that cannot prove its identity is asked nothing.
func TestRFC7858Identity(t *testing.T) {
	for _, p := range upstreamProtocols[1:] {
		at, h, _, leaf := upstreamListener(t, p)
		other := peerOf(leaf, true)
		other.Name = "elsewhere.example"
		pinned := peerOf(leaf, true)
		pinned.Pins = [][32]byte{{1}}
		for name, peer := range map[string]*Peer{"another name": other,
			"nobody vouches for it": {Name: "localhost", Roots: pemfile.Fixed(x509.NewCertPool())},
			"another pin":           {Pins: [][32]byte{{1}}}, "the name, but another pin": pinned} {
			_, err := exchanger(t).Exchange(context.Background(),
				Request{Server: at, Via: p, Peer: peer,
					Query: query("fast"), Timeout: 10 * time.Second})
			if !errors.Is(err, ErrIdentity) {
				t.Errorf("%v, %s: %v", p, name, err)
			}
		}
		if from := h.from(); len(from) > 0 {
			t.Errorf("%v: the server was asked: %v", p, from)
		}
		if _, err := exchanger(t).Exchange(context.Background(),
			Request{Server: at, Via: p,
				Query: query("fast"), Timeout: 10 * time.Second}); err != nil {
			t.Errorf("%v: opportunistic: %v", p, err)
		}
	}
}

// Connections that end between questions are replaced, without an error.
func TestUpstreamReconnects(t *testing.T) {
	for _, p := range upstreamProtocols {
		var leaf *x509.Certificate
		at, _, _ := listener(t, p, func(s *Spec) {
			leaf = s.TLS.source.All()[0].Leaf
			s.Gate = gateOf(GateConfig{Queries: 1})
		})
		n, peer := exchanger(t), peerOf(leaf, false)
		for i := range 3 {
			if _, err := n.Exchange(context.Background(),
				Request{Server: at, Via: p, Peer: peer, Query: query("serve"),
					Timeout: 10 * time.Second}); err != nil {
				t.Errorf("%v, question %d: %v", p, i, err)
			}
		}
	}
}

// A question that fails because its connection ended is asked again over a new one. One that fails
// because the server reset its stream is not.
func TestUpstreamReconnectsWhereTheConnectionIsLost(t *testing.T) {
	for err, want := range map[error]bool{
		&quic.ApplicationError{Remote: true}: true,
		&quic.TransportError{}:               true,
		&quic.IdleTimeoutError{}:             true,
		&quic.StatelessResetError{}:          true,
		&quic.StreamError{Remote: true}:      false,
		io.EOF:                               false,
		errors.Join(ErrSpoofed, errBroken):   false,
	} {
		if got := lost(err); got != want {
			t.Errorf("%T %v: %v", err, err, got)
		}
	}
}

// release lets a held question be answered. If the question never came, the test does not wait for
// it.
func release(t *testing.T, h *echo) {
	t.Helper()
	select {
	case answer := <-h.held:
		answer()
	case <-time.After(10 * time.Second):
		t.Error("the held question did not come")
	}
}

// A server that is silent and a closed port give different errors, and neither takes longer than
// allowed.
func TestUpstreamFailures(t *testing.T) {
	for _, p := range upstreamProtocols {
		at, h, _, leaf := upstreamListener(t, p)
		n, peer := exchanger(t), peerOf(leaf, false)
		ask := func(label string, patience time.Duration) error {
			_, err := n.Exchange(context.Background(), Request{Server: at, Via: p, Peer: peer,
				Query: query(label), Timeout: patience})
			return err
		}
		// The first question makes the connection. On a busy machine the handshake may take longer
		// than the time limit below.
		if err := ask("fast", 10*time.Second); err != nil {
			t.Errorf("%v: the first question: %v", p, err)
		}
		if err := ask("held", 300*time.Millisecond); !errors.Is(err, ErrTimeout) {
			t.Errorf("%v: silence: %v", p, err)
		}
		release(t, h)
		if err := ask("fast", 10*time.Second); err != nil {
			t.Errorf("%v: the next question: %v", p, err)
		}
		nobody := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 1)
		_, err := n.Exchange(context.Background(),
			Request{Server: nobody, Via: p, Peer: peer, Query: query("fast"),
				Timeout: 500 * time.Millisecond})
		if !errors.Is(err, ErrUnreachable) && !errors.Is(err, ErrTimeout) {
			t.Errorf("%v: nobody there: %v", p, err)
		}
	}
}

// Servers that are not asked any more are removed, so that their number is bounded.
func TestUpstreamsAreBounded(t *testing.T) {
	var u upstreams
	old := time.Now().Add(-2 * upstreamIdle)
	for i := range maxUpstreams {
		k := upstreamKey{via: TCP, server: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0,
			byte(i >> 8), byte(i)}), 53)}
		u.get(k, nil, nil).(*streamUpstream).asked = old
	}
	u.get(upstreamKey{via: TCP, server: netip.MustParseAddrPort("10.1.0.0:53")}, nil, nil)
	if len(u.known) != 1 {
		t.Errorf("%d servers are known", len(u.known))
	}
}
