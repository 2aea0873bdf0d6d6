// Limits of how fast clients may ask, and how often they are told the same.
//
// An address over UDP may be forged, and whoever forges it wants its owner to get the responses. So
// queries and responses are counted by address and by prefix, what exceeds a rate gets no response,
// and every so many times a truncated one without records: it is no longer than its query, and a
// client that has really asked asks again over TCP, or with the cookie that it has got. What has
// come over a connection or with a cookie of ours is limited by limits.proven_per_address alone,
// and is told so.

package server

import (
	"hash/maphash"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/policy"
	"bailiwick/wire"
)

// Tally counts the clients of one listener that are refused or limited. Its method returns at once
// and allocates nothing.
type Tally interface {
	ClientRefused(c cause.Cause, how policy.Refusal)
}

// tally counts a client that is refused or limited.
func (r *request) tally(c cause.Cause, how policy.Refusal) {
	if r.rules.Tally != nil {
		r.rules.Tally.ClientRefused(c, how)
	}
}

// lazily returns a table of buckets, which is made when the first query needs it.
func lazily(p *atomic.Pointer[buckets], now time.Time) *buckets {
	if b := p.Load(); b != nil {
		return b
	}
	p.CompareAndSwap(nil, newBuckets(now))
	return p.Load()
}

// rates ends a query that exceeds the rates of its client. The prefix is counted first, so that the
// addresses of one that is limited take no place in the table.
func (r *request) rates() bool {
	l, addr := r.view.Rates, r.from.Addr.Addr()
	if l == nil || !l.Queries || l.Exempts(addr) {
		return false
	}
	if r.err == nil && len(r.q.EDNS.Options) > 0 {
		r.readOptions() // what is malformed in them, screen refuses
	}
	b := lazily(&r.server.asked, r.now)
	within := func(w what, length int, rate policy.Rate) bool {
		if rate.Every == 0 {
			return true
		}
		held, ok := b.take(b.key(addr, length, w, 0), r.now, rate, 0)
		return ok || r.exceeds(cause.RateQueries, l, held, length)
	}
	if r.proven() {
		return !within(ofProven, addr.BitLen(), l.Proven)
	}
	return !within(ofPrefix, l.Bits(addr), l.PerPrefix) ||
		!within(ofAddress, addr.BitLen(), l.PerAddress)
}

// exceeds ends a query that exceeds a rate, and reports whether it is served all the same. held is
// how many of its client were held back before it.
func (r *request) exceeds(c cause.Cause, l *policy.Rates, held uint32, length int) (served bool) {
	if held == 0 {
		r.logLimited(c, length)
	}
	switch {
	case l.LogOnly:
		r.tally(c, policy.RefusalServed)
		return true
	case r.proven():
		r.tally(c, policy.RefusalTold)
		r.reject(wire.RCodeRefused, &cause.Failure{Cause: c})
	case slips(l, held) && r.truncates():
		r.tally(c, policy.RefusalTruncated)
		r.why, r.answer = c, r.truncated()
		r.server.observe.Refused(c)
		r.responded(wire.RCodeNoError, wire.Unchecked)
	default:
		r.tally(c, policy.RefusalSilent)
		r.silence(c)
	}
	return false
}

// slips reports whether a response leaves truncated, after so many that were held back.
func slips(l *policy.Rates, held uint32) bool { return l.Slip > 0 && held%l.Slip == l.Slip-1 }

// truncates reports whether a truncated response makes sense: the packet is a question.
func (r *request) truncates() bool {
	return r.err == nil && r.q.QDCount == 1 && r.q.Opcode() == wire.OpcodeQuery
}

// truncated returns a response with nothing but the question, and TC.
func (r *request) truncated() []byte {
	flags := wire.FlagQR | wire.FlagTC | wire.FlagRA | r.q.Flags&(wire.FlagRD|wire.FlagCD)
	b := wire.NewBuilder(r.limit(), r.q.ID, flags, r.questionName(), r.q.Question.Type,
		r.q.Question.Class)
	return r.finish(b, wire.RCodeNoError, nil)
}

// throttled returns the response that leaves: the one that was made or, if the client's prefix has
// got too many like it, a truncated one or none. It is for responses over UDP to addresses that may
// be forged. Errors cannot be truncated: every so many leave as they are.
func (r *request) throttled(answer []byte) []byte {
	l := r.view.Rates
	if l == nil || !l.Answers || answer == nil || r.proven() || r.why == cause.RateQueries ||
		l.Exempts(r.from.Addr.Addr()) {
		return answer
	}
	b, addr := lazily(&r.server.told, r.now), r.from.Addr.Addr()
	w, rate, name := r.like(b, l, answer)
	if rate.Every == 0 {
		return answer
	}
	length := l.Bits(addr)
	held, ok := b.take(b.key(addr, length, w, name), r.now, rate, l.Window)
	if ok {
		return answer
	}
	if held == 0 {
		r.logLimited(cause.RateResponses, length)
	}
	switch slip := slips(l, held); {
	case l.LogOnly, slip && w == ofErrors:
		r.tally(cause.RateResponses, policy.RefusalServed)
		return answer
	case slip:
		r.tally(cause.RateResponses, policy.RefusalTruncated)
		r.server.observe.Refused(cause.RateResponses)
		r.why = cause.RateResponses
		return r.truncated()
	}
	r.tally(cause.RateResponses, policy.RefusalSilent)
	r.silence(cause.RateResponses)
	return nil
}

// like returns what a response is counted with: equal answers, and denials, referrals and errors
// whatever name was asked for.
func (r *request) like(b *buckets, l *policy.Rates, answer []byte) (w what, rate policy.Rate,
	name uint64) {
	if r.rcode != wire.RCodeNoError && r.rcode != wire.RCodeNXDomain {
		return ofErrors, l.Errors, 0
	}
	if hasAnswers := answer[6]|answer[7] != 0; hasAnswers && r.rcode == wire.RCodeNoError {
		q := r.q.Question
		return ofResponses, l.Responses, maphash.String(b.names, q.Name.Wire()) + uint64(q.Type)
	}
	var buf [wire.MaxNameLen]byte
	owner, t, ok := wire.PeekAuthority(answer, buf[:0])
	if !ok {
		owner = append(buf[:0], r.q.Question.Name.Wire()...)
	}
	if t == wire.TypeNS {
		return ofReferrals, l.Referrals, maphash.Bytes(b.names, owner)
	}
	return ofDenials, l.Denials, maphash.Bytes(b.names, owner)
}

// logLimited logs that a network begins to be limited. It is not logged again before its rate has
// fallen off.
func (r *request) logLimited(c cause.Cause, length int) {
	left, ok := r.server.limits.Take(r.now)
	if !ok {
		return
	}
	network, _ := r.from.Addr.Addr().WithZone("").Prefix(length)
	r.server.log.Info("limited", "network", network.String(), "transport",
		r.from.Protocol.String(), "listener", r.rules.Listener, "cause", c.Label(), "hint",
		c.Hint(), "left_out", left)
}
