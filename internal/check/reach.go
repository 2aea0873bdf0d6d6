// Whether each server can be reached, over which transports, and with which forms of EDNS.

package check

import (
	"bailiwick/wire"
)

// reach judges each server by itself.
func (j *judge) reach() {
	for _, s := range j.o.Servers {
		if !j.answering(s) {
			continue
		}
		if !s.reply(ask(j.o.Zone, wire.TypeSOA), Usual).Lost { // else UDP shows nothing
			j.extensions(s)
			j.sizes(s)
			j.cookies(s)
		}
		j.questions(s)
	}
}

// answering judges the transports and the authority of a server, and reports whether the rest of
// its replies means anything.
func (j *judge) answering(s *Server) bool {
	soa, at := ask(j.o.Zone, wire.TypeSOA), where{server: s}
	usual, plain, tcp := s.reply(soa, Usual), s.reply(soa, NoEDNS), s.reply(soa, OverTCP)
	udp := usual.Msg != nil && !usual.Lost || usual.Truncated
	switch {
	case usual.Fault == NotAsked:
		return false
	case usual.Fault == NoRoute && tcp.Fault == NoRoute:
		j.add("server-not-asked", at, "no route to the network of the server")
		return false
	case usual.Fault == Malformed:
		j.add("reply-malformed", where{s, text(soa)}, "the reply cannot be read")
		return false
	case !udp && plain.Msg == nil && tcp.Msg == nil:
		j.add("server-silent", at, "UDP: %s; TCP: %s", usual.Fault, tcp.Fault)
		return false
	case !udp && plain.Msg != nil:
		j.add("edns-unanswered", at, "it answers without EDNS")
	case !udp:
		j.add("udp-unanswered", at, "UDP: %s", Silent)
	case tcp.Msg == nil:
		j.add("tcp-unanswered", at, "TCP: %s", tcp.Fault)
		if usual.Msg == nil {
			return false // the truncated reply says no more
		}
	}
	best := usual.Msg
	if best == nil {
		best = tcp.Msg
	}
	if best == nil || refusesEDNS(best) {
		if plain.Msg != nil && !refusesEDNS(plain.Msg) {
			if best != nil {
				j.add("edns-refused", at, "it answers %s to EDNS", best.FullRCode())
			}
			best = plain.Msg
		}
	}
	if c := classify(soa, best); c.kind != wire.KindAnswer && c.kind != wire.KindAlias {
		j.add("server-lame", at, "it answers %s", lameness(best))
		return false
	}
	if m := plain.Msg; m != nil && m.Has(wire.FlagRA) {
		j.add("recursion-offered", at, "the flag RA is set")
	}
	return usual.Msg != nil && !refusesEDNS(usual.Msg)
}

// refusesEDNS reports whether a reply is one of those of servers that do not know EDNS (RFC 6891,
// section 7).
func refusesEDNS(m *wire.Message) bool {
	rc := m.FullRCode()
	return rc == wire.RCodeFormErr || rc == wire.RCodeNotImp
}

// lameness says in which way a reply lacks authority.
func lameness(m *wire.Message) string {
	switch rc := m.FullRCode(); {
	case rc != wire.RCodeNoError:
		return rc.String()
	case wire.FindType(m.Authority, wire.TypeNS) != nil && len(m.Answer) == 0:
		return "with a referral to " +
			wire.FindType(m.Authority, wire.TypeNS).Name.String()
	case !m.Has(wire.FlagAA):
		return "without the flag AA"
	}
	return "without the SOA of the zone"
}

// extensions judges what a server does with EDNS that it does not know.
func (j *judge) extensions(s *Server) {
	soa, at := ask(j.o.Zone, wire.TypeSOA), where{server: s}
	switch r := s.reply(soa, Version1); {
	case r.Fault == Silent:
		j.add("edns-version", at, "there is no reply to version 1")
	case r.Msg != nil && r.Msg.FullRCode() != wire.RCodeBadVers:
		j.add("edns-version", at, "it answers version 1 with %s", r.Msg.FullRCode())
	}
	switch r := s.reply(soa, Option); {
	case r.Fault == Silent:
		j.add("edns-option", at, "there is no reply to an unknown option")
	case r.Msg != nil && r.Msg.FullRCode() != wire.RCodeNoError:
		j.add("edns-option", at, "it answers an unknown option with %s", r.Msg.FullRCode())
	}
}

// sizes judges the sizes of UDP replies: none may be larger than the question allows, and large
// ones have to arrive.
func (j *judge) sizes(s *Server) {
	keys := ask(j.o.Zone, wire.TypeDNSKEY)
	usual, small, large := s.reply(keys, Usual), s.reply(keys, Small), s.reply(keys, Large)
	for _, r := range []struct {
		*Reply
		limit int
	}{{small, smallSize}, {usual, usualSize}} {
		if r.Msg != nil && !r.Truncated && !r.Lost && r.Octets > r.limit {
			j.add("udp-size-exceeded", where{s, text(keys)}, "%d octets where %d are allowed",
				r.Octets, r.limit)
		}
	}
	if large.Fault == Silent && usual.Truncated && usual.Msg != nil && usual.Octets > usualSize {
		j.add("large-udp-lost", where{s, text(keys)}, "a reply of %d octets, allowed by the "+
			"question, does not arrive over UDP", usual.Octets)
	}
}

// cookies judges what a server does with DNS cookies. None has to support them.
func (j *judge) cookies(s *Server) {
	soa, at := ask(j.o.Zone, wire.TypeSOA), where{server: s}
	r := s.reply(soa, Cookie)
	switch {
	case r.Fault == Silent:
		j.add("cookie-refused", at, "there is no reply to a question with a cookie")
	case r.Msg == nil:
	case r.Msg.FullRCode() != wire.RCodeNoError && r.Msg.FullRCode() != wire.RCodeBadCookie:
		j.add("cookie-refused", at, "it answers %s to a question with a cookie",
			r.Msg.FullRCode())
	default:
		got, has := r.Msg.EDNS.Options.Get(wire.OptionCookie)
		if has && (len(got) < 8 || [8]byte(got) != r.Cookie) {
			j.add("cookie-wrong", at, "the client cookie comes back as %x", got[:min(8, len(got))])
		}
	}
	again := s.reply(soa, CookieAgain)
	if again.Msg != nil && again.Msg.FullRCode() == wire.RCodeBadCookie {
		j.add("cookie-unstable", at, "it answers BADCOOKIE to its own cookie")
	}
}

// questions judges whether a server answers everything that it is asked, whatever the answer is
// (RFC 8906, section 3).
func (j *judge) questions(s *Server) {
	for _, q := range asked(s) {
		r, at := s.Replies[q], where{s, text(q.Question)}
		if q.Form != Usual || q.Question == ask(j.o.Zone, wire.TypeSOA) {
			continue
		}
		switch {
		case r.Fault == Malformed:
			j.add("reply-malformed", at, "the reply cannot be read")
		case r.Fault != NoFault && r.Truncated:
			j.add("question-unanswered", at, "the reply over UDP is truncated; TCP: %s", r.Fault)
		case r.Fault != NoFault:
			j.add("question-unanswered", at, "UDP and TCP: %s", r.Fault)
		case r.Lost && !s.reply(ask(j.o.Zone, wire.TypeSOA), Usual).Lost:
			j.add("question-unanswered", at, "UDP: no reply; over TCP it answers, with %d octets",
				r.Octets)
		case r.Msg.FullRCode() != wire.RCodeNoError && r.Msg.FullRCode() != wire.RCodeNXDomain:
			j.add("question-failed", at, "it answers %s", r.Msg.FullRCode())
		}
	}
}
