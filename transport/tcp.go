// DNS over TCP (RFC 7766).

package transport

import (
	"context"
	"crypto/tls"
	"time"
)

// overTCP implements DNS over TCP.
type overTCP struct{}

func (overTCP) open(s Spec) (Listener, error) {
	return accept(TCP, s, func(h Handler, c *conn) { serveStream(h, c, c) })
}

// ask implements querier. Each question to an authority has a connection of its own. Servers with a
// Peer are asked often, and their connections stay open.
func (overTCP) ask(ctx context.Context, n *NetExchanger, r *Request,
	deadline time.Time) ([]byte, error) {
	if r.Peer == nil {
		return exchangeTCP(ctx, n.Ledger, r, deadline)
	}
	return n.kept(ctx, r, deadline)
}

func (overTCP) upstream(k upstreamKey, _ *tls.Config, o *background) upstream {
	return newStreamUpstream(k, nil, o)
}
