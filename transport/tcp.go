// DNS over TCP (RFC 7766).

package transport

import (
	"context"
	"crypto/tls"
	"time"
)

// overTCP is what DNS over TCP does.
type overTCP struct{}

func (overTCP) open(s Spec) (Listener, error) {
	return accept(TCP, s, func(h Handler, c *conn) { serveStream(h, c, c) })
}

// ask implements querier. Authorities have a connection for each question; servers that are asked
// often, with a Peer, keep theirs.
func (overTCP) ask(ctx context.Context, n *NetExchanger, r *Request,
	deadline time.Time) ([]byte, error) {
	if r.Peer == nil {
		return exchangeTCP(ctx, r, deadline)
	}
	return n.kept(ctx, r, deadline)
}

func (overTCP) upstream(k upstreamKey, _ *tls.Config, o *background) upstream {
	return newStreamUpstream(k, nil, o)
}
