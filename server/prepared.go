// Prepared answers: responses in wire form to questions that were asked before.

package server

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// prepared answers with a prepared answer: patched, and with an OPT record for this client.
func (r *request) prepared() bool {
	r.at = atPrepared
	q := &r.q
	if !q.Has(wire.FlagRD) || q.Question.Class != wire.ClassIN ||
		len(q.QName) != q.Question.Name.Len() || // it is compressed, or there is no question
		r.aboutClient() {
		return false
	}
	now := r.now.Unix()
	a, shift, ok := r.findPrepared(now)
	if !ok || len(a.Msg())+shift+r.optLen(a.Options()) > r.limit() {
		return false
	}
	rc := wire.RCode(a.Msg()[3] & 15)
	msg := patch(r.buf, a, shift, q, now)
	if a.Compact && q.EDNS.CO {
		rc = wire.RCodeNXDomain
		msg[3] |= byte(rc)
	}
	r.answer = r.appendOPT(msg, rc, a.Options())
	r.origin, r.rcode, r.why = event.OriginPrepared, rc, a.Cause
	if r.rules.Events != nil {
		r.remembered(&resolver.Answer{RCode: rc})
	}
	r.respondedAtOnce(rc, a.Status)
	switch {
	case a.Cause == cause.None:
	case rc == wire.RCodeServFail:
		r.server.observe.ServFail(a.Cause)
		r.failsAgain()
	case a.Cause == cause.StaleAnswer || a.Cause == cause.StaleNXDomain:
		r.server.observe.Stale(resolver.StaleRecheck)
	}
	return true
}

// findPrepared finds a prepared answer: one to the question, or one for the span that its name is
// in. The question of the latter is shift octets shorter.
func (r *request) findPrepared(now int64) (a *cache.Answer, shift int, ok bool) {
	a, state := r.server.cache.LookupAnswer(r.key(r.q.Question), now)
	switch {
	case !state.Good():
		return r.denied()
	case state == cache.Ending: // the later steps take the query, and refresh the entry
		return nil, 0, false
	case a.Generation != r.view.Generation:
		a = r.judgeAgain(a)
	}
	return a, 0, a != nil
}

// judgeAgain checks an answer that was prepared under an older policy. If the policy leaves it as
// it is, it is stored with today's generation, and no server is asked. Otherwise, or if the older
// policy had left records out, it is dropped, and the later steps make another from the cache.
func (r *request) judgeAgain(a *cache.Answer) *cache.Answer {
	r.ask = r.q.Keep()
	k := r.key(r.ask)
	if a.Cut || r.ours(r.ask) != nil || r.cuts(a) || r.polices(a) || r.server.hooks.Any() {
		r.server.cache.Answers.Remove(k)
		return nil
	}
	a = a.Restamped(r.view.Generation)
	r.server.cache.Answers.Put(k, a)
	return a
}

// denied finds the prepared answer for the span of a name.
func (r *request) denied() (a *cache.Answer, shift int, ok bool) {
	q := &r.q
	if r.server.hooks.Any() || q.Has(wire.FlagCD) ||
		q.Question.Type == wire.TypeNone || q.Question.Type.IsMeta() ||
		strings.HasPrefix(q.Question.Name.Label(), sentinelPrefix) {
		return nil, 0, false
	}
	a, encloser, ok := r.resolver().Denied(q.Question, variantOf(q))
	if !ok || r.ours(q.Question) != nil || r.view.Zones != nil &&
		(r.view.Zones.AboutServers() || r.view.Zones.AboutName(q.Question.Name)) {
		return nil, 0, false
	}
	return a, q.Question.Name.Len() - encloser.Len(), true
}

// variantOf returns the variant of a prepared denial for a query.
func variantOf(q *wire.Query) cache.Variant {
	switch {
	case q.EDNS.DO:
		return cache.VariantDO
	case q.Has(wire.FlagAD):
		return cache.VariantAD
	}
	return cache.VariantPlain
}

// key returns the key of the prepared answer to the query, under the question's name.
func (r *request) key(q wire.Question) cache.AnswerKey {
	do := r.q.EDNS.DO
	return cache.AnswerKey{Name: q.Name, Type: q.Type, Policy: r.view.Class, DO: do,
		CD: r.q.Has(wire.FlagCD), AD: do || r.q.Has(wire.FlagAD)}
}

// patch appends a prepared answer, with the fields that are this client's own. The records of its
// run begin with a random one (RFC 1794). If the question's name grows by shift octets, everything
// after it moves by as many.
func patch(buf []byte, a *cache.Answer, shift int, q *wire.Query, now int64) []byte {
	own := a.Msg()
	msg := append(buf, own[:wire.HeaderLen]...)
	stamp(msg, q)
	msg = append(msg, q.QName...) // in the client's letter case
	msg = binary.BigEndian.AppendUint16(msg, uint16(q.Question.Type))
	rest := len(msg) - shift
	var turn cache.Turn
	if a.Run > 1 {
		turn = a.Turn(int(rand.Uint32N(uint32(a.Run))))
		msg = append(msg, own[rest:max(rest, turn.Start)]...)
		msg = append(msg, own[turn.First:turn.End]...)
		msg = append(msg, own[turn.Start:turn.First]...)
		rest = max(rest, turn.End)
	}
	msg = append(msg, own[rest:]...)
	if age := uint32(min(max(now-a.Stored, 0), 1<<31)); age > 0 {
		for at := range a.TTLs().All() {
			p := msg[turn.Place(at)+shift:]
			ttl := binary.BigEndian.Uint32(p)
			binary.BigEndian.PutUint32(p, ttl-min(age, ttl))
		}
	}
	for at := range a.Pointers().All() {
		p := msg[at+shift:]
		binary.BigEndian.PutUint16(p, binary.BigEndian.Uint16(p)+uint16(shift))
	}
	return msg
}
