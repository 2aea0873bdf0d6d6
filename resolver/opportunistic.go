// Queries over encrypted transports: strict ones to servers that the operator names, and
// opportunistic ones to authorities (RFC 9539).

package resolver

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/internal/limit"
	"bailiwick/transport"
)

// via returns the transport that a server is asked over first.
func (a *zoneQuery) via(c *candidate, p *profile) transport.Protocol {
	switch {
	case a.conf != nil && a.conf.Via != transport.UDP && !(a.conf.Fallback && c.fellBack):
		return a.conf.way(c.way).Via
	case a.conf != nil:
		return transport.UDP
	}
	for _, e := range a.x.r.cfg.Opportunistic {
		if slices.Contains(p.encrypted, e) && !c.fellBack {
			return e
		}
	}
	return transport.UDP
}

// port returns the address and port of a server: encrypted transports have ports of their own.
func (a *zoneQuery) port(c *candidate, how form) netip.AddrPort {
	usual := transport.UDP
	if a.conf != nil {
		usual = a.conf.Via
	}
	switch {
	case a.conf != nil && c.way > 0 && how.via == a.conf.way(c.way).Via:
		return a.conf.at(c.addr, c.way)
	case usual.Encrypted() == how.via.Encrypted():
		return c.addr
	case how.via.Encrypted():
		return netip.AddrPortFrom(c.addr.Addr(), how.via.Port())
	}
	return netip.AddrPortFrom(c.addr.Addr(), a.x.r.cfg.Port)
}

// fallBack goes from an encrypted transport to the next one or, after the last, to UDP, and reports
// whether that is allowed. For a server that the operator named, UDP is allowed only by
// configuration (RFC 8310, section 5), for an authority always (RFC 9539, section 4.6.9: the
// failure is remembered, so that it costs once).
func (a *zoneQuery) fallBack(c *candidate, via transport.Protocol, err error) bool {
	if a.x.budget.err() != nil || errors.Is(err, transport.ErrNoNetwork) ||
		errors.Is(err, transport.ErrLocal) {
		return false
	}
	if a.conf == nil {
		a.x.r.infra.learnEncrypted(c.addr.Addr(), via, false, a.x.r.clock.Now())
	} else if via != a.conf.way(c.way).Via {
		return false // see left
	} else if a.nextWay(c) {
		return true
	} else if !a.conf.Fallback {
		return false
	}
	a.fellBack(c, event.FormPlain)
	c.fellBack = true
	return true
}

// probe tests in parallel to the question whether an authority supports encryption (RFC 9539,
// section 4.4). It sends the question itself, so that the server learns nothing more. No query
// waits for it.
func (a *zoneQuery) probe(c *candidate, query []byte) {
	r, addr := a.x.r, c.addr.Addr()
	if a.conf != nil || len(r.cfg.Opportunistic) == 0 {
		return
	}
	for _, e := range r.infra.unknown(addr, r.cfg.Opportunistic, r.clock.Now()) {
		select {
		case r.probes <- struct{}{}:
		default:
			limit.Probes.Met()
			return // a later question probes again
		}
		req := transport.Request{Server: a.port(c, form{via: e}), Via: e,
			Query: slices.Clone(query), Timeout: probeTimeout}
		r.infra.probing(addr, e, r.clock.Now())
		zone := a.zone // the memory of a and of c is used again before the probe ends
		r.fetches.spawn(guard.Probe, func() {
			defer func() { <-r.probes }()
			began := time.Now()
			_, err := r.exchange(r.fetches.ctx, zone, req)
			why := cause.None
			if err != nil {
				why = causeOfExchange(err)
			}
			r.observe.Upstream(req.Server, e, time.Since(began), why)
			if why == cause.LocalResources || r.fetches.ctx.Err() != nil {
				r.infra.probing(addr, e, r.clock.Now()) // the probe has no result
				return
			}
			r.infra.learnEncrypted(addr, e, err == nil, r.clock.Now())
		})
	}
}

// encryption is what is known of one encrypted transport of a server.
type encryption struct {
	via   transport.Protocol
	works bool
	until time.Time // then the server is probed again
}

// learnEncrypted notes whether an encrypted transport of a server works.
func (s *infraCache) learnEncrypted(a netip.Addr, p transport.Protocol, works bool, now time.Time) {
	hold := encryptedDamping
	if works {
		hold = encryptedPersistence
	}
	s.setEncrypted(a, encryption{p, works, now.Add(hold)})
}

// probing notes that a probe of a transport is under way.
func (s *infraCache) probing(a netip.Addr, p transport.Protocol, now time.Time) {
	s.setEncrypted(a, encryption{p, false, now.Add(2 * probeTimeout)})
}

func (s *infraCache) setEncrypted(a netip.Addr, e encryption) {
	v := s.get(a)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.encrypted = slices.DeleteFunc(v.encrypted, func(o encryption) bool { return o.via == e.via })
	v.encrypted = append(v.encrypted, e)
	s.account(a, v)
}

// unknown returns those of the transports that the server has to be probed for.
func (s *infraCache) unknown(a netip.Addr, list []transport.Protocol,
	now time.Time) (out []transport.Protocol) {
	v := s.get(a)
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range list {
		known := func(e encryption) bool { return e.via == p && !now.After(e.until) }
		if !slices.ContainsFunc(v.encrypted, known) {
			out = append(out, p)
		}
	}
	return out
}
