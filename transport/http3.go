// DNS over HTTPS by HTTP/3 (RFC 9114).

package transport

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

func openDoH3(s Spec) (Listener, error) {
	d := &doh{DoH3, s}
	// 0-RTT stays off: a request that may be replayed would have to be told from one that may not (RFC 8470), for little.
	qc := &quic.Config{MaxIncomingUniStreams: 8} // control, QPACK, and some that are reserved
	cfg := http3.ConfigureTLSConfig(s.TLS.config(http3.NextProtoH3))
	return listenQUIC(DoH3, s, cfg, qc, quic.ApplicationErrorCode(http3.ErrCodeExcessiveLoad), func(h Handler, c *quicConn) {
		if !c.shaken() {
			return
		}
		server := http3.Server{MaxHeaderBytes: MaxHTTPHeader, IdleTimeout: s.Gate.idle, Logger: slog.New(slog.DiscardHandler),
			ConnContext: func(ctx context.Context, _ *quic.Conn) context.Context {
				return context.WithValue(ctx, clientKey{}, c.from)
			},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				d.serveHTTP(h, q.Context().Value(clientKey{}).(Client), w, q)
			})}
		_ = server.ServeQUICConn(c.Conn) // until the connection ends
	})
}
