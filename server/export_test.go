package server

import (
	"bailiwick/internal/hook"
	"net/netip"

	"bailiwick/internal/ledger"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// Prepared reports whether a packet would be answered by a prepared answer.
func (h *Handler) Prepared(packet []byte, from transport.Client) bool {
	r := &request{server: h.server, rules: h.rules.Load(), from: from, now: h.server.clock.Now(),
		checks: new(resolver.Checks)}
	r.err = wire.ParseQuery(packet, &r.q)
	if r.access() || r.rates() || r.screen() {
		return false
	}
	_, _, ok := r.findPrepared(r.now.Unix())
	return ok
}

// FillPrefix uses up the places for queries whose address is not proven, of a client's prefix.
func (s *Server) FillPrefix(a netip.Addr) {
	for range MaxPerPrefix {
		_ = s.admit(a, false)
	}
}

// FillServing uses up the places for queries.
func (s *Server) FillServing() { s.serving.Store(MaxServing) }

// FillMemory leaves no memory for queries.
func (s *Server) FillMemory() { s.ledger = ledger.New(1) }

// HangUpTime is how long the query of a client that has hung up keeps its place.
const HangUpTime = hangUpTime

// Serving returns how many queries of an address's prefix have a place.
func (s *Server) Serving(a netip.Addr) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prefixes[transport.ClientPrefix(a)]
}

// HandleUnprepared is Handle without the step prepared.
func (h *Handler) HandleUnprepared(packet []byte, from transport.Client, buf []byte) ([]byte,
	transport.Pending) {
	r := &request{server: h.server, rules: h.rules.Load(), from: from, now: h.server.clock.Now(),
		checks: new(resolver.Checks), packet: packet,
		buf: buf}
	r.err = wire.ParseQuery(packet, &r.q)
	if r.q.Has(wire.FlagQR) {
		return nil, nil
	}
	r.count()
	if r.access() || r.signed() || r.rates() || r.screen() {
		return r.sealed(r.answer), nil
	}
	return r.behind()
}

// SetHooks gives the server policy steps, before it serves.
func (s *Server) SetHooks(c *hook.Chain) { s.hooks, s.hooksPerClient = c, c.PerClient() }
