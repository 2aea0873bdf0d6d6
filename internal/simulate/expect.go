// What the faults of a world allow: which zones can be resolved, and which answers are proven.

package simulate

import (
	"slices"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// class is how sure an answer is.
type class uint8

const (
	classFree  class = iota // hostile servers decide
	classMay                // the truth, or a failure
	classFails              // a failure: what is signed does not verify
	classMust               // the truth, though perhaps not at the first try
	classClean              // the truth, at once
)

// String returns the name of the class.
func (c class) String() string {
	return [...]string{"free", "may fail", "fails", "must succeed", "must succeed at once"}[c]
}

// expectation is what is expected of the answer to a question.
type expectation struct {
	truth
	class class
	ad    proof
}

// proof is whether an answer is proven.
type proof uint8

const (
	proofNone  proof = iota // AD would be wrong
	proofMaybe              // RFC 5155, section 9.2 leaves it open
	proofFull
)

// breaking are the faults that leave nothing of a signed zone that verifies.
var breaking = lab.Faults{lab.Expired, lab.Future, lab.MissingSignatures, lab.CorruptSignatures,
	lab.WrongKeys, lab.DSMismatch, lab.NoKeys}

// harmless are the faults of servers that a resolver has to get along with.
var harmless = lab.Faults{lab.Slow, lab.LoseFirst, lab.Truncate, lab.Cookies, lab.HatesCookies,
	lab.LowerCase, lab.Spoofed}

// expect returns what is expected of a question's answer.
func (n *internet) expect(q *Query) expectation {
	e := expectation{truth: n.truth(q.Name, q.Type), class: classClean, ad: proofFull}
	if e.loop {
		e.class = classMay
	}
	for i := range e.steps {
		s := &e.steps[i]
		e.class = worse(e.class, s.class(q.Type, q.CD))
		e.ad = min(e.ad, s.proof())
	}
	return e
}

// worse returns the less sure of two classes; a failure anywhere fails the answer, unless
// hostile servers decide, or it may fail otherwise.
func worse(a, b class) class { return min(a, b) }

// class returns how sure the step is. What cannot be proven can be forged, and what is signed wrong
// may have keys that are signed well.
func (s *step) class(t uint16, cd bool) class {
	c := s.zone.class(cd)
	switch {
	case s.proof() != proofFull && s.zone.lied(),
		t == dns.TypeDNSKEY && slices.Contains(s.zone.Faults, lab.NoKeys):
		return classFree
	case t == dns.TypeDNSKEY && c == classFails:
		return classMay
	}
	return c
}

// class returns how sure the zone's answers are: no surer than those of the zones above, and of the
// one whose names its servers have.
func (a *authority) class(cd bool) class {
	cd = cd || a.excepted
	if a.Hostile != "" {
		return classFree
	}
	if a.false(cd) {
		return classFree
	}
	c := a.ownClass(cd)
	if a.up != nil {
		c = worse(c, a.up.class(cd))
	}
	if a.host != a {
		if h := a.host.class(true); h == classFree || h == classMay {
			c = worse(c, classMay) // its servers may not be found
		} else if h == classMust {
			c = worse(c, classMust)
		}
	}
	return c
}

// false reports whether false data of the zone may be believed: nothing proves them false, and
// somebody sends them.
func (a *authority) false(cd bool) bool {
	if a.signed && !cd {
		return false
	}
	return a.lied()
}

// lied reports whether somebody sends false data in place of the servers of the zone, or of a zone
// above it.
func (a *authority) lied() bool {
	for z := a; z != nil; z = z.up {
		for i, f := range z.host.Servers {
			if slices.Contains(f, lab.Forging) || z.host.Links[i].Lucky != forgedNothing {
				return true
			}
		}
	}
	return false
}

// ownClass is how sure the zone's answers are if all zones above are.
func (a *authority) ownClass(cd bool) class {
	faults := slices.ContainsFunc(a.Faults, func(f lab.Fault) bool {
		return a.signed || f == lab.WrongSynthesis
	})
	if faults {
		breaks := slices.ContainsFunc(a.Faults, func(f lab.Fault) bool {
			return slices.Contains(breaking, f)
		})
		if breaks && !cd && a.Iterations <= maxIterations && !a.gap() {
			return classFails
		}
		return classMay
	}
	c := classMay
	all := true
	for i, f := range a.host.Servers {
		switch a.server(f, &a.host.Links[i]) {
		case classMust:
			c, all = classMust, false
		case classMay:
			all = false
		case classClean:
			c = classMust
		}
	}
	if all {
		c = classClean
	}
	return c
}

// server is how sure answers of one server are.
func (a *authority) server(f lab.ServerFaults, l *Link) class {
	for _, x := range f {
		// Who does not take EDNS has no DNSSEC, but for zones without DS that does not matter.
		if !slices.Contains(harmless, x) && !(x == lab.NoEDNS && a.up != nil && !a.hasDS() &&
			!(a.up.signed && a.up.host == a.host)) {
			return classMay
		}
	}
	switch {
	case l.Outage[1] > 0, l.Loss > goodLoss, l.RTT > 400*time.Millisecond,
		l.Loss > 0 && l.RTT > nearRTT, // all of a client's time may not suffice
		l.Lucky == forgedRefusal, l.Lucky != forgedNothing && (!a.signed || l.Loss > 0):
		return classMay
	case len(f) > 0, l.Loss > 0, l.RTT > nearRTT, l.Guess, l.Lucky != forgedNothing:
		return classMust
	}
	return classClean
}

// goodLoss is the loss, in per cent, below which no more than two packets of one question to one
// server are lost in a row, so that each question is answered in the end.
const goodLoss = 20

// proof reports whether the zone can prove what it says of the name.
func (s *step) proof() proof {
	a := s.zone
	if !a.signed {
		return proofNone
	}
	denial := s.wildcard || s.outcome == outcomeNoData || s.outcome == outcomeNXDomain
	switch {
	case (a.Iterations > maxIterations || a.gap()) && a.weak(),
		slices.Contains(a.Faults, lab.WrongDenial): // a wrong denial is signed all the same
		return proofMaybe
	case !denial, a.Denial == lab.NSEC, a.Denial == lab.Compact:
		return proofFull
	case a.Iterations > maxIterations: // RFC 9276, section 3.2
		return proofNone
	case a.Denial == lab.NSEC3:
		return proofFull
	case s.wildcard:
		return proofMaybe
	case s.outcome == outcomeNXDomain, s.cut:
		return proofNone // RFC 5155, section 9.2
	case len(a.data[s.name]) == 0:
		return proofMaybe // an empty non-terminal of unsigned delegations alone has no NSEC3
	}
	return proofFull
}

// gap reports whether there is a name between the zone and the one above that cannot be proven to
// be no unsigned delegation.
func (a *authority) gap() bool {
	for z := a; z.up != nil; z = z.up {
		if z.up.Iterations > maxIterations && parent(z.Name) != z.up.Name {
			return true
		}
	}
	return false
}

// weak reports whether data of the zone, or the DS records on the way to it, may come without
// signatures.
func (a *authority) weak() bool {
	for z := a; z != nil; z = z.up {
		if len(z.Faults) > 0 || slices.ContainsFunc(z.host.Servers, func(f lab.ServerFaults) bool {
			return slices.Contains(f, lab.Stripping) || slices.Contains(f, lab.NoEDNS)
		}) {
			return true
		}
	}
	return a.lied()
}

// maxIterations is how many NSEC3 iterations a resolver computes; the generated zones have far
// fewer, or more than any.
const maxIterations = 50

// restored reports whether an RCODE may stand for a truth: compact denial says NOERROR of names
// that do not exist (RFC 9824, section 3.1).
func (e *expectation) restored(rcode int) bool {
	return e.last().outcome == outcomeNXDomain && e.last().zone.Denial == lab.Compact &&
		e.last().zone.Algorithm != lab.Unsigned && rcode == dns.RcodeSuccess
}
