// The ladder: in which form a server is asked, what came of it, and which form comes next. It is a
// value without I/O and without a clock.
//
// A downgrade helps for the question at hand. It is remembered (see [verdict]) only on evidence
// that an off-path attacker cannot forge and that a lost packet does not produce: the
// infrastructure cache believes a reply over TCP or with our cookie at once, and what one packet
// over UDP shows only after more than one observation (see [infraCache.learn]).

package resolver

import (
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/transport"
	"bailiwick/wire"
)

// form is how a query is written and sent.
type form struct {
	via                      transport.Protocol
	edns, cookie, randomCase bool
}

// reliable reports whether neither size nor forgery matter over the transport.
func (f *form) reliable() bool { return f.via.Stream() }

// ladder is what one question has shown of a server: which parts of the fullest form it did not
// answer.
type ladder struct {
	tcpOnly   bool // UDP does not bring the answer
	tcpNext   bool // the next is over TCP
	tcpFailed bool // TCP does not bring an answer
	noEDNS    bool
	mustEDNS  bool // EDNS is sent whatever the server replies
	noCookie  bool
	badOption bool // it may not bear with cookies
	lower     bool // no random letter case
	settled   bool // letter case makes no difference
	wrongCase bool // a reply came whose question was in other letters
	wasBare   bool // a fault came without a question
	garbled   bool // UDP brought a message that cannot be read
	forgeable bool // its data did not verify, may have been forged, and TCP may tell
	unproven  bool // its data did not verify, and may have been forged
	lettered  bool // its data did not verify, are its own, and the question had random letters
	silent    bool // UDP brought no reply in time

	formErrs   int8
	badCookies int8
	worth      int8 // of the doubtful reply
	doubt      *try // a reply to random letter case that is worth little
}

// next returns the fullest form that the server is not known to fail on; full is that of the
// configuration, tcp asks for TCP where it is not known to fail, and secure reports whether the
// zone is known to be signed. plain reports whether something is left out because the server was
// silent. A truncated reply to random letters has shown that the server keeps them; over TCP they
// protect nothing, and some signers sign them (see confirm). TCP for another reason keeps them, to
// see whether the server does. Where its data were bogus lately, and it has to return its cookie,
// they are left out: if they are why its other data do not verify, no further question tells.
func (l *ladder) next(full form, p *profile, tcp, secure bool) (f form, plain bool) {
	f = form{via: full.via, edns: !l.noEDNS && (!p.noEDNS || l.mustEDNS || secure),
		cookie:     full.cookie && !p.noCookie && !l.noCookie && !p.shy,
		randomCase: full.randomCase && !p.caseLost && !l.lower && !l.tcpOnly}
	if p.fault == faultProven && f.cookie && p.cookie != nil {
		f.randomCase = false
	}
	if !f.reliable() && (l.tcpOnly || !l.tcpFailed && (l.tcpNext || tcp)) {
		f.via = transport.TCP
	}
	if f.reliable() || !l.silent {
		return f, false
	}
	if p.cookie == nil && f.cookie {
		f.cookie, plain = false, true
	}
	if !p.caseKept && f.randomCase {
		f.randomCase, plain = false, true
	}
	return f, plain
}

// observation is what came of a try.
type observation struct {
	what      happening
	rcode     wire.RCode
	truncated bool
	opt       bool // the reply has an OPT record
	question  bool // the reply has the question
	cookie    cookieSeen
	worth     int8
	strays    bool // packets came that lacked the cookie
	proven    bool // the reply came over TCP, or with our cookie
	// secure reports whether the zone is known to be signed, with a DS or a trust anchor: EDNS is
	// never left out then.
	secure bool
}

// happening is the kind of an observation.
type happening uint8

const (
	sawReply     happening = iota // a reply, with its RCODE and flags
	sawContent                    // the same reply, evaluated: its worth
	sawFault                      // it is a fault of the server
	sawBogus                      // its data do not verify
	sawVerified                   // they do, or need not
	sawSilence                    // no reply in time
	sawFailure                    // an error in place of a reply
	sawGarbled                    // a reply that cannot be read
	sawOtherCase                  // the question in other letters (DNS 0x20)
	sawNoTCP                      // TCP, in place of UDP, brought no reply
	sawGuesses                    // too many packets that do not match (RFC 5452)
)

// cookieSeen is what a reply has of the cookie that was sent (RFC 7873, section 5.3).
type cookieSeen uint8

const (
	cookieNone  cookieSeen = iota // none was sent, or none is needed
	cookieOurs                    // it is returned
	cookieWrong                   // another one, or none from a server that returns it
)

// How much a reply is worth, as far as random letter case or a cookie may have affected it.
const (
	worthNothing int8 = iota // a fault
	worthLittle              // a denial without signatures
	worthMuch
)

// verdict is what follows from an observation.
type verdict struct {
	again  bool       // the server is asked at once, in the next form
	form   event.Form // why; FormNone if it is nothing to report
	use    *try       // the reply that was in doubt is used after all
	learnt conducts   // what the infrastructure cache learns of the server
}

// passes reports whether the reply is not used.
func (v *verdict) passes() bool { return v.again || v.use != nil }

// conducts is a set of events.
type conducts uint32

// setOf returns a set of events.
func setOf(list ...conduct) (s conducts) {
	for _, e := range list {
		s |= 1 << e
	}
	return s
}

// again is the verdict to ask once more.
func again(f event.Form) verdict { return verdict{again: true, form: f} }

// step takes what came of a try.
func (l *ladder) step(t *try, o observation) (v verdict) {
	switch o.what {
	case sawReply:
		return l.replied(t, &o)
	case sawContent:
		return l.weigh(t, &o)
	case sawFault:
		return l.faulty(t, &o)
	case sawBogus: // EDNS was left out, which a forged FORMERR may have caused (CVE-2026-52690)
		l.unproven = !o.proven && t.p.fault < faultProven
		l.forgeable = l.unproven && t.p.fault < faultGrave
		l.lettered = t.lettered(&o)
		if t.how.edns || l.mustEDNS {
			return verdict{}
		}
		l.noEDNS, l.mustEDNS = false, true
		return again(event.FormWithEDNS)
	case sawVerified:
		if l.lettered && o.proven && !t.mixed {
			v.learnt = setOf(eventCaseLostProven)
		}
		return v
	case sawSilence:
		if !t.how.reliable() {
			l.silent = true
			if o.strays && t.how.edns { // RFC 7873, section 5.3 asks for TCP
				l.tcpNext = true
				v.again = !l.tcpFailed && t.c.tcp == 0
			}
		}
	case sawGarbled:
		return l.unreadable(t, &o)
	case sawOtherCase:
		l.wrongCase, l.tcpNext = true, true // TCP needs no letter case against forgery
		v = again(event.FormTCP)
		if l.tcpFailed {
			l.lower, v.form = true, event.FormLowerCase
		}
	case sawGuesses:
		if !l.tcpFailed {
			v = again(event.FormTCP) // the schedule does not use UDP any more
		}
	case sawNoTCP:
		l.tcpFailed, l.tcpNext = true, false
		if l.tcpOnly { // prompt as it is over UDP, it would be asked first for all of the zone
			v.learnt = setOf(eventBad)
		} else if l.wrongCase && !l.lower {
			l.lower = true
			v = again(event.FormLowerCase)
		} else if l.garbled && l.mayLackEDNS(t, &o) {
			l.noEDNS = true
			v = again(event.FormWithoutEDNS)
		}
		if l.forgeable { // the next names do not wait for TCP as well
			v.learnt |= setOf(eventBogusNoTCP)
		}
	}
	v.use = l.undoubt(t)
	return v
}

// confirm has the next query be in lower case if the server's data did not verify, and over TCP if
// they may have been forged. It returns false if they were its own, whatever the letters. There are
// signers that put the letters of the question into what they sign, or look for proofs by them
// (coredns issue 5061, dnsviz issue 162). Of data that are the server's own that is learnt; others
// may have been a forger's.
func (l *ladder) confirm() bool {
	if !l.forgeable && !l.lettered {
		return false
	}
	l.tcpNext, l.lower = l.forgeable || l.tcpNext, true
	return true
}

// lettered reports whether the random letters of a question may be why proven data of its server do
// not verify. Those of one whose data in lower case did not are not to blame.
func (t *try) lettered(o *observation) bool {
	return o.proven && t.mixed && t.p.fault < faultProven
}

// undoubt returns the doubtful reply, if the question in lower case brought no better one.
func (l *ladder) undoubt(t *try) (use *try) {
	if l.doubt == nil || t.mixed {
		return nil
	}
	use, l.doubt, l.settled = l.doubt, nil, true
	return use
}

// proves returns what a reply shows of its server, whatever its content.
func (o *observation) proves(t *try) (s conducts) {
	if o.opt && !isFormErr(o.rcode) && (!t.p.edns || t.p.noEDNS) {
		s |= setOf(eventEDNS)
	}
	if t.cased { // the transport accepted the reply nevertheless
		s |= setOf(eventCaseLostProven)
	}
	if o.cookie == cookieWrong && t.how.reliable() {
		// RFC 7873, section 5.3 says to discard the reply. Over TCP a cookie protects nothing, and
		// the name would not resolve; BIND takes it too.
		s |= setOf(eventNoCookieProven)
	}
	return s
}

// isFormErr reports whether an RCODE may mean that EDNS, or an option, is not understood.
func isFormErr(rc wire.RCode) bool {
	return rc == wire.RCodeFormErr || rc == wire.RCodeNotImp || rc == wire.RCodeBadVers
}

// replied takes a reply before its content is evaluated.
func (l *ladder) replied(t *try, o *observation) (v verdict) {
	switch {
	case o.truncated: // RFC 2181, section 9
		l.tcpOnly = true
		return again(event.FormTCP)
	case isFormErr(o.rcode) && t.how.edns:
		if v = l.weigh(t, o); !v.passes() && l.withoutEDNS(t, o) {
			v.again, v.form = true, event.FormWithoutEDNS
		}
		return v
	case o.rcode == wire.RCodeBadCookie && !t.how.reliable(): // RFC 7873, section 5.3
		if l.badCookies++; l.badCookies > 1 {
			l.tcpNext = true
		}
		return again(event.FormCookie)
	case faultOf(o.rcode) == cause.None:
		v.learnt = l.works(t)
	}
	return v
}

// works returns what it proves that a reduced form brings a reply where a fuller one did not.
func (l *ladder) works(t *try) (s conducts) {
	switch {
	case t.how.edns || !l.noEDNS:
	case t.how.reliable():
		s |= setOf(eventNoEDNSProven)
	default:
		s |= setOf(eventNoEDNS)
	}
	if l.badOption && t.how.edns && !t.how.cookie {
		s |= setOf(eventNoCookie)
	}
	switch {
	case t.plain:
		s |= setOf(eventPlainOnly)
	case t.p.shy && t.mixed && !t.how.cookie: // it was the cookie
		s |= setOf(eventNoCookieProven)
	}
	return s
}

// withoutEDNS reports whether a server is asked again after a FORMERR, and decides how. A FORMERR
// may come without a question, so that it can be forged without the name and its letter case, and
// without EDNS there is no DNSSEC. So a server that has answered with EDNS is asked once more, and
// then over TCP. For a zone that is known to be signed EDNS is never left out.
func (l *ladder) withoutEDNS(t *try, o *observation) bool {
	needed := l.mustEDNS || o.secure
	if t.how.cookie && o.opt && !l.noCookie {
		l.noCookie, l.badOption = true, true // it knows EDNS, but does not ignore an unknown option
		return true
	}
	if !t.p.edns && !needed {
		l.noEDNS = true // RFC 6891, section 7
		return true
	}
	l.formErrs++
	switch {
	case l.formErrs == 1 && !t.how.reliable():
		l.noCookie = t.p.cookie == nil
	case l.formErrs == 2 && !t.how.reliable() && !l.tcpFailed:
		l.tcpNext = true
	case needed || l.noEDNS:
		return false
	default:
		l.noEDNS = true // one over TCP, or three and no TCP: believed for this question
	}
	return true
}

// faulty takes a fault. One that came without a question needed no more than ID and port to be
// forged, so the server is asked once more, over TCP. SERVFAIL without OPT may mean that the
// server does not know EDNS, as RFC 2671, section 5.3 allowed: one that has never shown EDNS is
// asked without. Unbound, BIND and Knot Resolver leave such a name unresolved.
func (l *ladder) faulty(t *try, o *observation) verdict {
	switch {
	case !o.question && !t.how.reliable() && !l.wasBare:
		l.wasBare, l.tcpNext = true, true
		return again(event.FormTCP)
	case o.rcode == wire.RCodeServFail && !o.opt && (o.question || t.how.reliable()) &&
		l.mayLackEDNS(t, o):
		l.noEDNS = true
		return again(event.FormWithoutEDNS)
	}
	return verdict{}
}

// unreadable takes a reply that cannot be read. Over UDP a box on the way may have cut it without
// TC, which TCP survives; some servers and boxes spoil what has an OPT record. Who asks as BIND
// does resolves such names: over TCP, then without EDNS.
func (l *ladder) unreadable(t *try, o *observation) verdict {
	switch {
	case !t.how.reliable() && !l.garbled && !l.tcpFailed:
		l.garbled, l.tcpNext = true, true
		return again(event.FormTCP)
	case l.mayLackEDNS(t, o):
		l.noEDNS = true
		return again(event.FormWithoutEDNS)
	}
	return verdict{use: l.undoubt(t)}
}

// mayLackEDNS reports whether a server may be asked without EDNS that was asked with it: it has
// never shown EDNS, and the zone is not known to be signed.
func (l *ladder) mayLackEDNS(t *try, o *observation) bool {
	return t.how.edns && !t.p.edns && !l.mustEDNS && !o.secure
}

// weigh takes a reply whose worth is known. The server is asked again in lower case and without a
// cookie if one of them may have caused the reply. If the reply to that is the better one, that is
// an observation against the server; which of the two it was is found out by later questions (see
// works).
func (l *ladder) weigh(t *try, o *observation) (v verdict) {
	switch {
	case t.weighed:
	case !t.mixed && l.doubt != nil:
		switch {
		case o.worth <= l.worth:
			v.learnt = setOf(eventCaseKept)
			l.lower, l.settled, l.noCookie = false, true, false
		case !l.doubt.how.cookie || t.how.cookie:
			v.learnt = setOf(eventCaseLost)
		case t.p.caseKept: // it was the cookie
			v.learnt = setOf(eventNoCookie)
		default: // or it was the cookie
			v.learnt = setOf(eventPlainOnly)
		}
		if o.worth < l.worth { // the earlier reply was better
			v.use = l.doubt
		}
		l.doubt = nil
	case !t.mixed && l.wrongCase && o.worth > worthNothing:
		v.learnt = setOf(eventCaseLost)
	case !t.mixed:
	case o.worth == worthMuch:
		if !t.p.caseKept && !t.cased {
			v.learnt = setOf(eventCaseKept)
		}
	case l.doubtful(t, o):
		l.lower, l.doubt, l.worth = true, t, o.worth
		l.noCookie = l.noCookie || t.p.cookie == nil
		return again(event.FormLowerCase)
	}
	return v
}

// doubtful reports whether random letter case or the cookie may have caused a fault or a denial
// without signatures. That is so if it is not known that the server copes with random case, or if
// it leaves out the OPT record though it knows EDNS (RFC 6891, section 6.1.1): a part of it, or
// what stands before it, may not bear with the option. Who keeps the rules is not asked twice.
func (l *ladder) doubtful(t *try, o *observation) bool {
	cookie := t.how.edns && t.how.cookie && t.p.cookie == nil && !t.how.via.Encrypted()
	return !l.settled && (!t.p.caseKept || cookie && t.p.edns && !o.opt && !isFormErr(o.rcode))
}
