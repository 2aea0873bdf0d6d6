// What a reply shows of its server, as the ladder takes it.

package resolver

import (
	"bytes"
	"slices"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// seen returns what a reply shows, for the ladder.
func (a *zoneQuery) seen(t *try) observation {
	m := t.m
	o := observation{what: sawReply, rcode: m.FullRCode(), truncated: m.Has(wire.FlagTC),
		opt: m.EDNS.Present, question: m.QDCount > 0}
	o.secure = t.how.edns && faultOf(o.rcode) != cause.None && a.secure()
	v, has := m.EDNS.Options.Get(wire.OptionCookie)
	o.proven = t.how.reliable()
	switch {
	case !t.req.Cookie.Sent || t.how.via.Encrypted():
	case has && len(v) >= 8 && [8]byte(v) == t.req.Cookie.Client:
		o.cookie, o.proven = cookieOurs, true
	case has || t.p.cookie != nil:
		o.cookie = cookieWrong
	}
	return o
}

// heard learns about the server from a reply, whatever the reply's content.
func (a *zoneQuery) heard(t *try, o *observation) {
	r, addr, now := a.x.r, t.c.addr.Addr(), a.x.r.clock.Now()
	r.observe.Upstream(t.c.addr, t.how.via, t.took, cause.None)
	if a.x.sink != nil {
		a.exchanged(t, cause.None, t.took, nil)
	}
	e := eventAlive
	if a.usual(t) {
		e = eventReply
	}
	r.infra.learn(addr, a.zone, e, t.took, now)
	if t.c.forwarder != nil {
		what := cause.None
		if o.rcode == wire.RCodeRefused {
			what = cause.ServerRefused
		}
		a.noteForwarder(t, what)
	}
	a.witness(t, packetHeard)
	r.replied(addr)
	a.x.budget.hear()
	if r.cfg.ErrorReporting && o.proven {
		r.reporting.hear(a.zone, t.m.EDNS.Options, r.clock.Now())
	}
	a.learn(t, o.proves(t))
	if o.cookie == cookieOurs {
		v, _ := t.m.EDNS.Options.Get(wire.OptionCookie)
		if n := len(v) - 8; n >= minServerCookie && n <= maxServerCookie &&
			!bytes.Equal(v[8:], t.p.cookie) {
			r.infra.setCookie(addr, serverCookie{t.p.client, bytes.Clone(v[8:])})
		}
	}
}

// secure reports whether the zone is known to be signed, with a DS or a trust anchor.
func (a *zoneQuery) secure() bool {
	r := a.x.r
	if t, ok := a.x.Zone(a.zone); ok {
		return t.Status == wire.Secure
	}
	if _, ok := r.anchors.At(a.zone); ok {
		return true
	}
	l, ok := r.cached(cache.Key{Name: a.zone, Type: wire.TypeDS})
	return ok && l.kind == wire.KindAnswer && l.status == wire.Secure
}

// worthOf returns how much a reply is worth.
func worthOf(r *reply) int8 {
	switch r.kind {
	case wire.KindNone:
		return worthNothing
	case wire.KindNoData, wire.KindNXDomain:
		if !slices.ContainsFunc(r.authority, func(s *wire.RRset) bool { return len(s.Sigs) > 0 }) {
			return worthLittle
		}
	}
	return worthMuch
}
