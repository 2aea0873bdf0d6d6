// TLS of the listeners.

package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
)

// TLS holds the certificates and the session ticket keys of all listeners that encrypt.
type TLS struct {
	source     CertificateSource
	challenges atomic.Pointer[Challenges] // nil: no authority is answered

	mu      sync.Mutex
	configs []*tls.Config // of the listeners; guarded by mu, as is all below
	tickets *Tickets      // nil: none are given
	keys    [][32]byte    // of tickets
	epoch   int64         // of keys
}

// NewTLS returns TLS with certificates from a source. Session tickets are off until SetTickets.
func NewTLS(s CertificateSource) *TLS { return &TLS{source: s} }

// config returns a listener's configuration (RFC 9325): TLS 1.3, or TLS 1.2 with forward secrecy
// and authenticated encryption only.
func (t *TLS) config(alpn ...string) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: alpn,
		GetCertificate: t.source.Certificate,
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
			tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.keys) > 0 {
		c.SetSessionTicketKeys(t.keys)
	}
	t.configs = append(t.configs, c)
	return c
}

// SetTickets has sessions be resumed by other tickets, for all listeners.
func (t *TLS) SetTickets(by *Tickets, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tickets = by
	t.setKeys(now)
}

// Tickets returns what sessions are resumed by now.
func (t *TLS) Tickets() *Tickets {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tickets
}

// setKeys has new tickets be made with the first key of a time, and any of its keys be accepted.
// The caller holds mu.
func (t *TLS) setKeys(now time.Time) {
	t.keys, t.epoch = t.tickets.keys(now), t.tickets.epoch(now)
	for _, c := range t.configs {
		c.SetSessionTicketKeys(t.keys)
	}
}

// renewKeys is setKeys if the keys of a time are others than those in use.
func (t *TLS) renewKeys(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tickets != nil && t.tickets.epoch(now) != t.epoch {
		t.setKeys(now)
	}
}

// handshake starts TLS on a connection. It returns nil if that fails, if a proxy sends no valid
// PROXY header inside TLS, and if an authority was answered: that is all it wants (RFC 8737,
// section 3).
func (c *conn) handshake(cfg *tls.Config) *tls.Conn {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	defer cancel()
	turn, leave := c.place(ctx)
	c.turn, c.pays = turn, c.seat
	t := tls.Server(c, cfg)
	err := t.HandshakeContext(ctx)
	c.turn, c.lent = nil, 0
	leave()
	switch {
	case err == nil:
		s := t.ConnectionState()
		c.owner.spec.Observer.Handshake(c.owner.protocol, s.Version, s.DidResume)
		if s.NegotiatedProtocol == challengeProtocol {
			_ = t.Close() // or the authority has closed it
			return nil
		}
		quickAck(c.socket) // the client may wait for it before it asks (RFC 896)
		if c.seat.client == nil && !c.proxyHeader(t) {
			return nil
		}
		return t
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		c.end(cause.HandshakeTime)
	case errors.Is(err, io.EOF), errors.Is(err,
		net.ErrClosed): // closed, as health checks do, or displaced
	case errors.Is(err, ErrNoCertificate):
		c.end(cause.NoCertificate)
	case c.unbidden(c.buf[:c.w]):
		c.end(cause.ProxyHeader)
	default:
		c.end(cause.Handshake)
	}
	return nil
}

// Maintain keeps certificates and ticket keys fresh until the context ends. It checks them every so
// often, and when wake receives. After an error the old ones stay in use. It tells looked of the
// outcome of each look at the certificates.
func (t *TLS) Maintain(ctx context.Context, every time.Duration, wake <-chan struct{},
	looked func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-wake:
		}
		looked(t.source.Refresh())
		t.renewKeys(time.Now())
	}
}
