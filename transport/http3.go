// DNS over HTTPS by HTTP/3 (RFC 9114).

package transport

import (
	"crypto/tls"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"bailiwick/internal/guard"
)

// overHTTP3 implements DNS over HTTPS by HTTP/3.
type overHTTP3 struct{ keptOpen }

func (overHTTP3) open(s Spec) (Listener, error) {
	d := &doh{protocol: DoH3, spec: s}
	// 0-RTT stays off: requests that may be replayed would have to be distinguished from others
	// (RFC 8470), for little gain.
	qc := &quic.Config{MaxIncomingUniStreams: 8} // control, QPACK, and some reserved ones
	cfg := http3.ConfigureTLSConfig(s.TLS.config(DoH3.ALPN()))
	return listenQUIC(DoH3, s, cfg, qc, quic.ApplicationErrorCode(http3.ErrCodeExcessiveLoad),
		func(h Handler, c *quicConn) {
			if c.shaken() {
				d.serveHTTP3(h, c)
			}
		})
}

func (overHTTP3) upstream(k upstreamKey, cfg *tls.Config, o *background) upstream {
	return newHTTPUpstream(k, cfg, http3Client(k.server, cfg, o))
}

// serveHTTP3 serves a connection until one side ends it. It accepts the streams instead of the
// library, which sets no time limit for a header.
func (d *doh) serveHTTP3(h Handler, c *quicConn) {
	server := http3.Server{MaxHeaderBytes: maxHTTPHeader,
		IdleTimeout: d.spec.Gate.idleOf(d.protocol),
		Logger:      slog.New(slog.DiscardHandler),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			d.serveHTTP(h, requester{c.from, c.seat}, w, q)
		})}
	hc, err := server.NewRawServerConn(c.Conn)
	if err != nil {
		return // the connection has ended
	}
	g := d.spec.Guard
	var wg, requests sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for {
			s, err := c.AcceptUniStream(c.Context())
			if err != nil {
				return
			}
			wg.Go(func() { g.Run(guard.Connection, func() { hc.HandleUnidirectionalStream(s) }) })
		}
	})
	for {
		s, err := c.AcceptStream(c.reading)
		if err != nil {
			break
		}
		now := time.Now()
		c.seat.touch(now)
		if !c.enter(s, quic.StreamErrorCode(http3.ErrCodeRequestRejected)) {
			continue
		}
		_ = s.SetReadDeadline(now.Add(messageTime)) // of the whole request; never fails
		requests.Go(func() {
			defer c.leave()
			g.Run(guard.Connection, func() { hc.HandleRequestStream(s) })
		})
	}
	requests.Wait()
	c.finish(quic.ApplicationErrorCode(http3.ErrCodeNoError))
}
