// The rules that every answer has to keep.

package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
)

// maxChecks is how many signatures a query may have checked: the validator's limit.
const maxChecks = 128

// check returns the rules that an answer breaks.
func check(n *internet, e *expectation, q *Query, t *try) (broken []string) {
	fail := func(format string, args ...any) {
		broken = append(broken, fmt.Sprintf(format, args...))
	}
	if t.told.sent > resolver.MaxQueries || len(t.asked) > resolver.MaxQueries {
		fail("%d packets, %d seen", t.told.sent, len(t.asked))
	}
	if t.asked != nil && t.checks > maxChecks {
		fail("%d signatures checked", t.checks)
	}
	if t.took > answerTime {
		fail("the answer took %v", t.took)
	}
	m := t.reply
	switch {
	case m == nil:
		fail("no answer at all")
		return broken
	case q.NoRD:
		if m.Rcode != dns.RcodeRefused {
			fail("a query without RD is answered with %s", dns.RcodeToString[m.Rcode])
		}
		return broken
	case m.Rcode == dns.RcodeServerFailure:
		return append(broken, n.checkCause(e, t)...)
	case e.class == classFails:
		fail("answered, though what the zone signed does not verify")
	}
	for _, s := range [][]dns.RR{m.Answer, m.Ns, m.Extra} {
		for _, got := range grouped(s) {
			broken = append(broken, n.checkSet(got, q.CD)...)
		}
	}
	if m.AuthenticatedData && (!q.DO && !q.AD || e.class == classFree && !e.steps[0].zone.signed ||
		e.class != classFree && e.ad == proofNone) {
		fail("AD without proof")
	}
	if e.class != classFree && !e.loop {
		broken = append(broken, e.compare(q, t)...)
	}
	if t.told.stale() {
		broken = append(broken, n.checkStale(e, q, t)...)
	}
	return broken
}

// checkStale returns the rules of RFC 8767 that an answer from stale data breaks.
func (n *internet) checkStale(e *expectation, q *Query, t *try) (broken []string) {
	switch {
	case !n.stale:
		broken = append(broken, "stale data, which nobody wants")
	case e.class == classClean && t.took < staleAfter:
		broken = append(broken, "stale data, though fresh ones can be had")
	case q.Type == dns.TypeDS, q.Type == dns.TypeDNSKEY:
		broken = append(broken, "stale data of the chain of trust")
	}
	if o := t.reply.IsEdns0(); o != nil && !slices.ContainsFunc(o.Option, func(x dns.EDNS0) bool {
		ede, ok := x.(*dns.EDNS0_EDE)
		return ok && (ede.InfoCode == dns.ExtendedErrorCodeStaleAnswer ||
			ede.InfoCode == dns.ExtendedErrorCodeStaleNXDOMAINAnswer)
	}) {
		broken = append(broken, "stale data that are not said to be stale")
	}
	return broken
}

// What RFC 8767, section 5 recommends.
const (
	staleTTL   = 30                      // of stale data, in seconds
	staleAfter = 1800 * time.Millisecond // a client that waits gets stale data
)

// compare returns how an answer differs from the truth.
func (e *expectation) compare(q *Query, t *try) (broken []string) {
	m := t.reply
	if m.Rcode != e.rcode() && !e.restored(m.Rcode) {
		return []string{fmt.Sprintf("%s, and not %s", dns.RcodeToString[m.Rcode],
			dns.RcodeToString[e.rcode()])}
	}
	got, want := grouped(m.Answer), e.sets()
	if len(got) != len(want) {
		return []string{fmt.Sprintf("%d sets, and not %d", len(got), len(want))}
	}
	for i, w := range want {
		g := got[i]
		if g.owner != w.owner || g.rtype != w.rtype ||
			w.records != nil && !slices.Equal(g.records, w.records) {
			broken = append(broken, fmt.Sprintf("%v, and not %v", g, w))
		} else if g.ttl > w.ttl && !(t.told.stale() && g.ttl <= staleTTL) {
			broken = append(broken, fmt.Sprintf("%v has TTL %d, and the zone %d", g, g.ttl, w.ttl))
		}
	}
	if o := e.last().outcome; o == outcomeNoData || o == outcomeNXDomain {
		soa := slices.IndexFunc(m.Ns, func(rr dns.RR) bool {
			return rr.Header().Rrtype == dns.TypeSOA
		})
		if soa < 0 || !strings.EqualFold(m.Ns[soa].Header().Name, e.last().zone.Name) {
			broken = append(broken, "a denial without the SOA of "+e.last().zone.Name)
		}
	}
	if (q.DO || q.AD) && !q.CD && !m.AuthenticatedData && e.ad == proofFull {
		broken = append(broken, "proven, and yet no AD")
	}
	return broken
}

// checkSet compares a set with what its zone has, unless hostile servers decide what that is.
func (n *internet) checkSet(got answer, cd bool) []string {
	switch got.rtype {
	case dns.TypeOPT, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeSOA:
		return nil
	}
	t := n.truth(got.owner, got.rtype)
	if t.steps[0].class(got.rtype, cd) == classFree {
		return nil
	}
	for _, want := range t.steps[0].sets {
		if want.owner == got.owner && want.rtype == got.rtype &&
			(want.records == nil || slices.Equal(want.records, got.records)) {
			return nil
		}
	}
	return []string{fmt.Sprintf("%v is not what %s has", got, t.steps[0].zone.Name)}
}

// String returns the set as text.
func (a answer) String() string {
	return fmt.Sprint(a.owner, " ", dns.TypeToString[a.rtype], " ", a.records)
}

// grouped returns the sets of a section in order, without signatures.
func grouped(section []dns.RR) (sets []answer) {
	for _, rr := range section {
		h := rr.Header()
		if h.Rrtype == dns.TypeRRSIG || h.Rrtype == dns.TypeOPT {
			continue
		}
		owner := strings.ToLower(h.Name)
		i := slices.IndexFunc(sets, func(a answer) bool {
			return a.owner == owner && a.rtype == h.Rrtype
		})
		if i < 0 {
			i = len(sets)
			sets = append(sets, answer{owner: owner, rtype: h.Rrtype, ttl: h.Ttl})
		}
		sets[i].ttl = max(sets[i].ttl, h.Ttl)
		sets[i].records = append(sets[i].records, content(rr))
		slices.Sort(sets[i].records)
	}
	return sets
}

// Faults of a world that are none of the lab's.
const (
	faultLoss    lab.Fault = "loss"
	faultDelay   lab.Fault = "delay"
	faultOutage  lab.Fault = "outage"
	faultGuess   lab.Fault = "guess"
	faultForged  lab.Fault = "forged"
	faultHostile lab.Fault = "hostile"
	faultLoop    lab.Fault = "alias loop"
)

// silent are the faults for which no reply comes in time.
var silent = lab.Faults{lab.Dead, lab.Slow, lab.LoseFirst, lab.NoTCP, lab.Forging, faultLoss,
	faultDelay, faultOutage, faultForged, faultHostile}

// reasons are the faults that each cause may come of.
var reasons = map[cause.Cause]lab.Faults{
	cause.SignatureExpired:     {lab.Expired},
	cause.SignatureNotYetValid: {lab.Future},
	cause.SignatureReversed:    {lab.Reversed},
	cause.SignatureMissing: {lab.MissingSignatures, lab.Stripping, lab.NoEDNS, faultForged,
		faultHostile},
	cause.KeySignatureMissing: {lab.MissingKSKSignature},
	cause.SignatureInvalid:    {lab.CorruptSignatures, lab.Forging, faultForged, faultHostile},
	cause.KeyMissing: append(lab.Faults{lab.NoKeys, lab.NoEDNS, lab.Refusing, lab.Failing, lab.Lame,
		lab.Garbage, lab.NoAA, lab.AlwaysTC, lab.Truncate, lab.Stripping, lab.Spoofed,
		faultGuess}, silent...),
	cause.KeyNotFound: {lab.WrongKeys, lab.DSMismatch},
	cause.DSMismatch:  {lab.DSMismatch, lab.NoKeys},
	cause.DenialMissing: {lab.NoDenial, lab.WrongDenial, lab.NoKeys, lab.MissingSignatures,
		lab.Stripping, lab.NoEDNS, faultForged, faultHostile},
	cause.DenialInvalid:        {lab.WrongDenial, lab.NoDenial, faultForged, faultHostile},
	cause.WildcardProofMissing: {lab.NoWildcardProof, lab.Stripping, lab.WrongDenial, lab.NoDenial},
	cause.AliasMismatch:        {lab.WrongSynthesis, faultHostile},
	cause.Timeout:              silent,
	cause.Unreachable:          {lab.Forging, faultForged, faultHostile},
	cause.ServerRefused:        {lab.Refusing, faultForged, faultHostile},
	cause.ServerFailed:         {lab.Failing},
	cause.ServerFormErr:        {lab.NoEDNS, lab.HatesCookies},
	cause.Lame:                 {lab.Lame, lab.NoAA, faultForged, faultHostile},
	cause.Malformed:            {lab.Garbage},
	cause.Truncated: append(lab.Faults{lab.NoTCP, lab.AlwaysTC, lab.Truncate},
		silent...), // TCP is lost, too
	cause.Spoofed:        {lab.Spoofed, lab.LowerCase, faultGuess},
	cause.LimitAliases:   {faultLoop, faultHostile},
	cause.AliasLoop:      {faultLoop, faultHostile},
	cause.LimitReferrals: {faultHostile},
}

// checkCause reports whether the cause of a failure is a fault that the world has where the
// question leads.
func (n *internet) checkCause(e *expectation, t *try) []string {
	why := t.told.cause
	if f := t.told.failure; f != nil && f.Cause != why {
		return []string{fmt.Sprintf("two causes: %s and %s", f.Cause, why)}
	}
	if why == cause.None {
		return []string{"SERVFAIL without a cause"}
	}
	found := n.concerned(e)
	if may, ok := reasons[why]; ok {
		if slices.ContainsFunc(found, func(x lab.Fault) bool { return slices.Contains(may, x) }) {
			return nil
		}
	} else if len(found) > 0 {
		return nil // a limit, or the lack of addresses: any fault may lead to it
	}
	return []string{fmt.Sprintf("%s is the cause, but the faults are %v", why, found)}
}

// concerned returns the faults of all zones that an answer depends on.
func (n *internet) concerned(e *expectation) (found lab.Faults) {
	if e.loop {
		found = append(found, faultLoop)
	}
	seen := map[*authority]bool{}
	var visit func(a *authority)
	visit = func(a *authority) {
		if a == nil || seen[a] {
			return
		}
		seen[a] = true
		found = append(found, a.faults()...)
		visit(a.up)
		visit(a.host)
	}
	for i := range e.steps {
		visit(e.steps[i].zone)
	}
	if e.class == classFree { // they may lead anywhere
		for _, a := range n.zones {
			visit(a)
		}
	}
	return found
}

// faults returns all that is wrong with a zone, its servers and the paths to them.
func (a *authority) faults() (found lab.Faults) {
	found = append(found, a.Faults...)
	if a.Hostile != "" {
		found = append(found, faultHostile)
	}
	for i, f := range a.Servers {
		found = append(found, f...)
		l := &a.Links[i]
		for fault, has := range map[lab.Fault]bool{faultLoss: l.Loss > 0,
			faultDelay: l.RTT > nearRTT, faultOutage: l.Outage[1] > 0, faultGuess: l.Guess,
			faultForged: l.Lucky != forgedNothing} {
			if has {
				found = append(found, fault)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
