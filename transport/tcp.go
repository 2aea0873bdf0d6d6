// DNS over TCP (RFC 7766).

package transport

import (
	"context"
	"errors"
	"time"
)

// overTCP implements DNS over TCP.
type overTCP struct{}

func (overTCP) open(s Spec) (Listener, error) {
	return accept(TCP, s, func(h Handler, c *conn) { serveStream(h, c, c) })
}

// ask implements querier. The connection stays open for the next question. Where those that are
// kept are full, the question has one of its own.
func (overTCP) ask(ctx context.Context, n *NetExchanger, r Request,
	deadline time.Time) ([]byte, error) {
	reply, err := n.kept(ctx, &r, deadline)
	if errors.Is(err, errFull) {
		return n.exchangeTCP(ctx, &r, deadline)
	}
	return reply, err
}

func (overTCP) upstream(k upstreamKey, _ *identities, o *background) upstream {
	return newStreamUpstream(k, nil, o)
}
