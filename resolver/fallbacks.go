// Fallbacks: what a reply shows of its server's EDNS, cookies and letter case, and in what form the
// server is asked again.

package resolver

import (
	"bytes"
	"slices"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/wire"
)

// undoubt uses the doubtful reply to random letter case, if the question in lower case brought no
// reply that is better.
func (a *zoneQuery) undoubt(t *try) {
	s := &t.c.asked
	if s.doubt == nil || t.mixed {
		return
	}
	s.doubt.weighed, s.settled = true, true
	a.ready = append(a.ready, s.doubt)
	s.doubt = nil
}

// heard learns about the server from a reply, whatever the reply's content.
func (a *zoneQuery) heard(t *try) {
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
	r.replied(addr)
	a.x.budget.hear()
	rc := t.m.FullRCode()
	if t.m.EDNS.Present && !isFormErr(rc) && (!t.p.edns || t.p.noEDNS) {
		r.infra.learn(addr, a.zone, eventEDNS, 0, now)
	}
	if t.cased {
		// The transport accepted the reply nevertheless, so this is proven.
		r.infra.learn(addr, a.zone, eventCaseLostProven, 0, now)
	}
	switch v, has := t.m.EDNS.Options.Get(wire.OptionCookie); {
	case !t.req.Cookie.Sent || t.how.via.Encrypted():
	case has && len(v) >= 8 && [8]byte(v) == t.req.Cookie.Client:
		if len(v) >= 16 && len(v) <= 40 && !bytes.Equal(v[8:], t.p.cookie) {
			r.infra.setCookie(addr, bytes.Clone(v[8:]))
		}
	case t.how.reliable() && (has || t.p.cookie != nil):
		// RFC 7873, section 5.3 says to discard the reply. Over TCP a cookie protects nothing, and
		// the name would not resolve; BIND takes it too.
		r.infra.learn(addr, a.zone, eventNoCookieProven, 0, now)
	}
}

// isFormErr reports whether an RCODE may mean that EDNS, or an option, is not understood.
func isFormErr(rc wire.RCode) bool {
	return rc == wire.RCodeFormErr || rc == wire.RCodeNotImp || rc == wire.RCodeBadVers
}

// fallBackFrom reports whether a reply is a reason to ask its server at once in another form.
func (a *zoneQuery) fallBackFrom(t *try) bool {
	s, m := &t.c.asked, t.m
	rc := m.FullRCode()
	switch {
	case m.Has(wire.FlagTC) && !t.how.reliable():
		s.tcpOnly = true
		a.fellBack(t.c, event.FormTCP)
	case m.Has(wire.FlagTC): // TC over TCP: what is missing cannot be known
		t.c.spent = true
		a.recordFailure(cause.New(cause.Truncated, a.zone, "%s", a.q).At(t.c.addr))
		return true
	case isFormErr(rc) && t.how.edns:
		if a.doubted(t, 0) {
			return true
		}
		if !a.withoutEDNS(t) {
			return false
		}
		a.fellBack(t.c, event.FormWithoutEDNS)
	case rc == wire.RCodeBadCookie && !t.how.reliable(): // RFC 7873, section 5.3
		if s.badCookies++; s.badCookies > 1 {
			s.tcpNext = true
		}
		a.fellBack(t.c, event.FormCookie)
	default:
		a.learnForm(t, rc)
		return false
	}
	a.again = append(a.again, t.c)
	return true
}

// learnForm notes that a reduced form of the query works where a fuller one did not.
func (a *zoneQuery) learnForm(t *try, rc wire.RCode) {
	s, r, addr, now := &t.c.asked, a.x.r, t.c.addr.Addr(), a.x.r.clock.Now()
	if faultOf(rc) != cause.None {
		return
	}
	if !t.how.edns && s.noEDNS {
		e := eventNoEDNS
		if t.how.reliable() {
			e = eventNoEDNSProven
		}
		r.infra.learn(addr, a.zone, e, 0, now)
	}
	if s.badOption && t.how.edns && !t.how.cookie {
		r.infra.learn(addr, a.zone, eventNoCookie, 0, now)
	}
	switch {
	case t.plain:
		r.infra.learn(addr, a.zone, eventPlainOnly, 0, now)
	case t.p.shy && t.mixed && !t.how.cookie: // it was the cookie
		r.infra.learn(addr, a.zone, eventNoCookieProven, 0, now)
	}
}

// withoutEDNS reports whether a server is asked again after a FORMERR, and decides how. A FORMERR
// may come without a question, so that it can be forged without the name and its letter case, and
// without EDNS there is no DNSSEC. So a server that has answered with EDNS is asked once more, and
// then over TCP. For a zone that is known to be signed EDNS is never left out.
func (a *zoneQuery) withoutEDNS(t *try) bool {
	s := &t.c.asked
	if t.how.cookie && t.m.EDNS.Present && !s.noCookie {
		s.noCookie, s.badOption = true, true // it knows EDNS, but does not ignore an unknown option
		return true
	}
	if !t.p.edns && !s.mustEDNS && !a.secure() {
		s.noEDNS = true // RFC 6891, section 7
		return true
	}
	s.formErrs++
	switch {
	case t.how.reliable():
		if s.mustEDNS || a.secure() || s.noEDNS {
			return false
		}
		s.noEDNS = true
	case s.formErrs == 1:
		s.noCookie = t.p.cookie == nil
	case s.formErrs == 2 && !s.tcpFailed:
		s.tcpNext = true
	case s.mustEDNS || a.secure() || s.noEDNS:
		return false
	default:
		s.noEDNS = true // three FORMERRs and no TCP: believed for this question
	}
	return true
}

// withEDNS reports whether a server is asked once more after a bogus answer: EDNS was left out,
// which a forged FORMERR may have caused.
func (a *zoneQuery) withEDNS(t *try) bool {
	s := &t.c.asked
	if t.how.edns || s.mustEDNS {
		return false
	}
	s.noEDNS, s.mustEDNS = false, true
	a.fellBack(t.c, event.FormWithEDNS)
	a.again = append(a.again, t.c)
	return true
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

// How much a reply is worth, as far as random letter case may have affected it.
const (
	worthNothing int8 = iota // a fault
	worthLittle              // a denial without signatures
	worthMuch
)

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

// doubted reports whether the server is asked again in lower case and without a cookie, because
// random letter case or the cookie may have caused its reply. That is so if it is not known whether
// the server copes with random case, and the reply is a fault or a denial without signatures. If
// the reply to the plain question is the better one, that is an observation against the server;
// which of the two it was is found out by later questions (see learnForm).
func (a *zoneQuery) doubted(t *try, worth int8) bool {
	s, r, addr, now := &t.c.asked, a.x.r, t.c.addr.Addr(), a.x.r.clock.Now()
	switch {
	case t.weighed:
	case !t.mixed && s.doubt != nil:
		if worth > s.worth {
			e := eventCaseLost
			if s.doubt.how.cookie && !t.how.cookie { // or it was the cookie
				e = eventPlainOnly
			}
			r.infra.learn(addr, a.zone, e, 0, now)
		} else {
			r.infra.learn(addr, a.zone, eventCaseKept, 0, now)
			s.lower, s.settled, s.noCookie = false, true, false
		}
		if worth < s.worth { // the earlier reply was better
			a.undoubt(t)
			return true
		}
		s.doubt = nil
	case !t.mixed && s.wrongCase && worth > worthNothing:
		r.infra.learn(addr, a.zone, eventCaseLost, 0, now)
	case !t.mixed:
	case worth == worthMuch:
		if !t.p.caseKept && !t.cased {
			r.infra.learn(addr, a.zone, eventCaseKept, 0, now)
		}
	case !t.p.caseKept && !s.settled:
		s.lower, s.doubt, s.worth = true, t, worth
		s.noCookie = s.noCookie || t.p.cookie == nil
		a.fellBack(t.c, event.FormLowerCase)
		a.again = append(a.again, t.c)
		return true
	}
	return false
}

// bare reports whether a fault came without a question, so that ID and port were enough to forge
// it. The server is then asked once more, over TCP.
func (a *zoneQuery) bare(t *try) bool {
	s := &t.c.asked
	if t.m.QDCount > 0 || t.how.reliable() || s.wasBare {
		return false
	}
	s.wasBare, s.tcpNext = true, true
	a.fellBack(t.c, event.FormTCP)
	a.again = append(a.again, t.c)
	return true
}
