// Asking over HTTPS, by HTTP/2 and HTTP/3.

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
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"bailiwick/wire"
)

// httpUpstream is a server that is asked over DoH.
type httpUpstream struct {
	url    string
	client http.Client
	idle   func()
	asked  atomic.Int64 // the age of the last question
}

// httpClient is an http.RoundTripper whose connections stay open.
type httpClient interface {
	http.RoundTripper
	CloseIdleConnections()
}

func newHTTPUpstream(k upstreamKey, by *identities, c httpClient) upstream {
	host := net.JoinHostPort(by.current.ServerName, fmt.Sprint(k.server.Port()))
	return &httpUpstream{url: "https://" + host + k.peer.path(),
		client: http.Client{Transport: c}, idle: c.CloseIdleConnections}
}

// http3Client returns a client that uses HTTP/3.
func http3Client(server netip.AddrPort, by *identities, o *background) httpClient {
	dial := func(ctx context.Context, _ string, t *tls.Config, _ *quic.Config) (*quic.Conn, error) {
		return o.dialQUIC(ctx, server, speaking(by, t.NextProtos), nil)
	}
	return &http3.Transport{QUICConfig: upstreamQUIC(), Dial: dial}
}

// http2Client returns a client that uses HTTP/2 and no older version.
func http2Client(k upstreamKey, by *identities, o *background) httpClient {
	var only http.Protocols
	only.SetHTTP2(true)
	return &http.Transport{Protocols: &only, IdleConnTimeout: upstreamIdle,
		MaxResponseHeaderBytes: maxHTTPHeader,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := o.dialTCP(ctx, k.server)
			if err != nil {
				return nil, err
			}
			ctx, cancel := context.WithTimeout(ctx, handshakeTime)
			defer cancel()
			t := tls.Client(conn, speaking(by, []string{k.via.ALPN()}))
			if err := t.HandshakeContext(ctx); err != nil {
				_ = conn.Close()
				return nil, err
			}
			return t, nil
		}}
}

// speaking returns the settings of the next handshake for some protocols.
func speaking(by *identities, alpn []string) *tls.Config {
	c := by.next().Clone()
	c.NextProtos = alpn
	return c
}

// defaultPath is the path of most DoH servers.
const defaultPath = "/dns-query"

func (p *Peer) path() string {
	if p == nil || p.Path == "" {
		return defaultPath
	}
	return p.Path
}

func (u *httpUpstream) exchange(ctx context.Context, query []byte) ([]byte, error) {
	u.asked.Store(age(time.Now()))
	// RFC 8484, section 4.1: ID 0, so that HTTP caches recognise equal questions.
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.url,
		bytes.NewReader(withID(query, 0, 0)))
	if err != nil {
		return nil, err
	}
	r.Header = http.Header{"Content-Type": {mediaType}, "Accept": {mediaType}, "User-Agent": nil}
	a, err := u.client.Do(r)
	if err != nil {
		return nil, identity(err)
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != mediaType {
		// so that the connection can be reused
		_, _ = io.CopyN(io.Discard, a.Body, wire.MaxMessageLen)
		return nil, fmt.Errorf("%w: status %d, %q", errBroken, a.StatusCode,
			a.Header.Get("Content-Type"))
	}
	reply, err := io.ReadAll(io.LimitReader(a.Body, wire.MaxMessageLen+1))
	if err != nil {
		return nil, err
	}
	return checked(query, reply)
}

// checked returns a valid reply with the ID of its query.
func checked(query, reply []byte) ([]byte, error) {
	if len(reply) < wire.HeaderLen || len(reply) > wire.MaxMessageLen {
		return nil, ErrSpoofed
	}
	reply = withID(reply, query[0], query[1])
	if m := Matches(query, reply); m != MatchReply && m != MatchCase {
		return nil, ErrSpoofed
	}
	return reply, nil
}

func (u *httpUpstream) lastAsked() time.Time { return timeOf(u.asked.Load()) }

func (u *httpUpstream) close() { u.idle() }
