package server

import (
	"bailiwick/transport"
	"bailiwick/wire"
)

// Prepared reports whether a packet would be answered by a prepared answer.
func (e *Entrance) Prepared(packet []byte, from transport.Client) bool {
	r := &request{server: e.server, rules: e.rules.Load(), from: from, now: e.server.clock.Now()}
	r.err = wire.ParseQuery(packet, &r.q)
	if r.access() || r.screen() {
		return false
	}
	_, _, ok := r.findPrepared(r.now.Unix())
	return ok
}
