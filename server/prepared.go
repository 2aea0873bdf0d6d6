// Prepared answers: what was asked for before, as it goes out.

package server

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"

	"bailiwick/cache"
	"bailiwick/internal/event"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// prepared answers with what is ready in wire form: patched, and with the client's own OPT record.
func (r *request) prepared() bool {
	r.at = atPrepared
	q := &r.q
	if !q.Has(wire.FlagRD) || q.Question.Class != wire.ClassIN ||
		len(q.QName) != q.Question.Name.Len() { // it is compressed, or there is none
		return false
	}
	now := r.now.Unix()
	a, shift, ok := r.findPrepared(now)
	if !ok || len(a.Msg())+shift+r.optLen(a.Options()) > r.limit() {
		return false
	}
	rc := wire.RCode(a.Msg()[3] & 15)
	r.answer = r.appendOPT(patch(r.buf, a, shift, q, now), rc, a.Options())
	r.origin, r.rcode, r.why = event.OriginPrepared, rc, a.Cause
	if r.server.events != nil {
		r.remembered(&resolver.Answer{RCode: rc})
	}
	if r.server.observe.Response(rc, true, 0); rc == wire.RCodeServFail {
		r.server.observe.ServFail(a.Cause)
	}
	return true
}

// findPrepared finds an answer in wire form: one to the question, or one that denies the whole span
// that its name is in, and whose own question is shift octets shorter.
func (r *request) findPrepared(now int64) (a *cache.Answer, shift int, ok bool) {
	a, state := r.server.cache.LookupAnswer(r.key(r.q.Question), now)
	switch {
	case !state.Good():
		return r.denied()
	case state == cache.Ending: // the steps behind have the query, and have it resolved anew
		return nil, 0, false
	case a.Generation != r.view.Generation:
		a = r.judgeAgain(a)
	}
	return a, 0, a != nil
}

// judgeAgain judges an answer that was prepared under an older policy. One that stands is kept as
// one of today's: nothing is asked for it. One that does not, or that was cut, is forgotten, and
// the steps behind have the query: they make another of what memory holds.
func (r *request) judgeAgain(a *cache.Answer) *cache.Answer {
	r.ask = r.q.Keep()
	k := r.key(r.ask)
	if a.Cut || r.ours(r.ask) != nil || r.cuts(a) {
		r.server.cache.Answers.Remove(k)
		return nil
	}
	a = a.Restamped(r.view.Generation)
	r.server.cache.Answers.Put(k, a)
	return a
}

// denied finds the prepared answer of a span.
func (r *request) denied() (a *cache.Answer, shift int, ok bool) {
	q := &r.q
	if q.Has(wire.FlagCD) || q.Question.Type == wire.TypeNone || q.Question.Type.IsMeta() ||
		strings.HasPrefix(q.Question.Name.Label(), sentinelPrefix) {
		return nil, 0, false
	}
	a, encloser, ok := r.rules.Resolver.Denied(q.Question, variantOf(q))
	if !ok || r.ours(q.Question) != nil {
		return nil, 0, false
	}
	return a, q.Question.Name.Len() - encloser.Len(), true
}

// variantOf is which prepared denial a query gets.
func variantOf(q *wire.Query) cache.Variant {
	switch {
	case q.EDNS.DO:
		return cache.VariantDO
	case q.Has(wire.FlagAD):
		return cache.VariantAD
	}
	return cache.VariantPlain
}

// key is that of the prepared answer to the query, under a name that is the question's.
func (r *request) key(q wire.Question) cache.AnswerKey {
	do := r.q.EDNS.DO
	return cache.AnswerKey{Name: q.Name, Type: q.Type, Policy: r.view.Class, DO: do,
		CD: r.q.Has(wire.FlagCD), AD: do || r.q.Has(wire.FlagAD)}
}

// patch appends a stored answer, made this client's own. The records of its run begin with any of
// them (RFC 1794). Where its question's name grows by shift octets, all behind it moves by as
// many.
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
