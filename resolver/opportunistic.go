// Asking servers over encrypted transports: those that the operator names, strictly, and
// authorities by opportunity (RFC 9539).

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

// via is the transport that a server is asked over first.
func (a *zoneQuery) via(c *candidate, p profile) transport.Protocol {
	switch {
	case a.conf != nil && a.conf.Via != transport.UDP && !(a.conf.Fallback && c.fellBack):
		return a.conf.Via
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

// port is where a server is reached: what encrypts and what does not have ports of their own.
func (a *zoneQuery) port(c *candidate, how attempt) netip.AddrPort {
	usual := transport.UDP
	if a.conf != nil {
		usual = a.conf.Via
	}
	switch {
	case usual.Encrypted() == how.via.Encrypted():
		return c.addr
	case how.via.Encrypted():
		return netip.AddrPortFrom(c.addr.Addr(), how.via.Port())
	}
	return netip.AddrPortFrom(c.addr.Addr(), a.x.r.cfg.Port)
}

// fallBack goes from encrypted to plain, where that may be: a server that the operator named is
// asked in plain only if told so (RFC 8310, section 5), an authority always (RFC 9539, section
// 4.6.9: the failure is remembered, so that it costs once).
func (a *zoneQuery) fallBack(c *candidate, via transport.Protocol, err error) bool {
	if a.x.budget.err() != nil || errors.Is(err, transport.ErrNoNetwork) ||
		errors.Is(err, transport.ErrLocal) {
		return false
	}
	if a.conf == nil {
		a.x.r.infra.learnEncrypted(c.addr.Addr(), via, false, a.x.r.clock.Now())
	} else if !a.conf.Fallback {
		return false
	}
	a.fellBack(c, event.FormPlain)
	c.fellBack = true
	return true
}

// probe finds out, beside the question, whether an authority encrypts (RFC 9539, section 4.4). The
// question itself is what is sent, so that the server learns nothing that it does not hear anyway.
// Nobody waits for it.
func (a *zoneQuery) probe(c *candidate, query []byte) {
	r := a.x.r
	if a.conf != nil || len(r.cfg.Opportunistic) == 0 {
		return
	}
	for _, e := range r.infra.unknown(c.addr.Addr(), r.cfg.Opportunistic, r.clock.Now()) {
		select {
		case r.probes <- struct{}{}:
		default:
			limit.Probes.Met()
			return // some other time
		}
		req := transport.Request{Server: a.port(c, attempt{via: e}), Via: e,
			Query: slices.Clone(query), Timeout: probeTimeout}
		r.infra.probing(c.addr.Addr(), e, r.clock.Now())
		r.fetches.spawn(guard.Probe, func() {
			defer func() { <-r.probes }()
			began := time.Now()
			_, err := r.exchanger.Exchange(r.fetches.ctx, req)
			why := cause.None
			if err != nil {
				why = causeOfExchange(err)
			}
			r.observe.Upstream(req.Server, e, time.Since(began), why)
			if why == cause.LocalResources || r.fetches.ctx.Err() != nil {
				r.infra.probing(c.addr.Addr(), e, r.clock.Now()) // nothing was found out
				return
			}
			r.infra.learnEncrypted(c.addr.Addr(), e, err == nil, r.clock.Now())
		})
	}
}

// encryption is what is known of a server and a transport.
type encryption struct {
	via   transport.Protocol
	works bool
	until time.Time // then it is to be found out again
}

// learnEncrypted notes whether a server encrypts.
func (s *infraCache) learnEncrypted(a netip.Addr, p transport.Protocol, works bool, now time.Time) {
	hold := encryptedDamping
	if works {
		hold = encryptedPersistence
	}
	s.setEncrypted(a, encryption{p, works, now.Add(hold)})
}

// probing notes that it is being found out.
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

// unknown are those of the transports of which it has to be found out whether a server has them.
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
