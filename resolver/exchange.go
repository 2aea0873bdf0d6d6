// What is sent to servers, and what they reply, in one place.

package resolver

import (
	"context"
	"time"

	"bailiwick/internal/dnstap"
	"bailiwick/transport"
	"bailiwick/wire"
)

// exchange sends a query to a server of a zone, through the translator if it has to.
func (r *Resolver) exchange(ctx context.Context, zone wire.Name, req transport.Request) (
	[]byte, error) {
	if r.tap.OfServers() {
		return r.exchangeTapped(ctx, zone, req)
	}
	req.Server = r.through(req.Server)
	return r.exchanger.Exchange(ctx, req)
}

// exchangeTapped is exchange with copies of both messages. A query without a reply has no second
// message. The address and port of our own are not known before the query has left, so that they
// are left out.
func (r *Resolver) exchangeTapped(ctx context.Context, zone wire.Name, req transport.Request) (
	[]byte, error) {
	m := dnstap.Message{Kind: dnstap.ResolverQuery, Protocol: req.Via, Answerer: req.Server,
		Asked: time.Now(), Packet: req.Query, Zone: zone}
	if req.Query[2]&byte(wire.FlagRD>>8) != 0 { // who is asked to recurse is a forwarder
		m.Kind = dnstap.ForwarderQuery
	}
	r.tap.Put(&m)
	m.Kind++
	replied := func(reply []byte, err error) ([]byte, error) {
		if err == nil {
			m.Packet, m.Answered = reply, time.Now()
			r.tap.Put(&m)
		}
		return reply, err
	}
	req.Server = r.through(req.Server)
	reply, err := r.exchanger.Exchange(ctx, req)
	if open, ok := err.(*transport.Unanswered); ok {
		return nil, &transport.Unanswered{Resume: func(ctx context.Context, wait time.Duration) (
			[]byte, error) {
			return replied(open.Resume(ctx, wait))
		}}
	}
	return replied(reply, err)
}
