// Storing prepared answers for the next clients.

package server

import (
	"encoding/binary"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/event"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// store keeps a response as a prepared answer if it is worth it. Most questions are asked once, so
// the response to the second client is stored.
func (r *request) store(a *resolver.Answer, b *wire.Builder, whole bool, flags uint16,
	ede wire.Options) {
	switch {
	case r.told, r.apart:
	case whole && r.ask.Type != wire.TypeANY && !a.NoCache && r.again():
		r.keep(a, b, ede)
	case a.WholeSpan && !r.q.Has(wire.FlagCD) && a.Failure == nil:
		r.keepDenial(a, flags, ede)
	}
}

// again reports whether a question was asked before, so that a prepared answer is worth storing:
// the cache has its answer. A query without RD is only a look into the cache, and does not count.
func (r *request) again() bool { return r.origin == event.OriginKnown && r.q.Has(wire.FlagRD) }

// keep stores a whole response as a prepared answer.
func (r *request) keep(a *resolver.Answer, b *wire.Builder, ede wire.Options) {
	e := r.stored(a, b, r.ask.Name)
	if e == nil {
		return
	}
	if a.Failure != nil {
		e.Cause = a.Failure.Cause
	}
	if len(ede) > 0 {
		e.Beside = &cache.AnswerBeside{Options: ede}
	}
	if run := b.Run(); r.rules.Rotate && run.Count <= MaxRotated && run.At < 1<<16 {
		e.Run, e.RunAt = uint8(run.Count), uint16(run.At)
	}
	if a.Stale != resolver.StaleNone {
		e.Life = min(e.Life, uint32(a.KeepFor/time.Second))
		e.Fresh = e.Life
	} else if a.Refresh > 0 {
		e.Fresh = uint32(min(int64(e.Life), max(0, a.Refresh-e.Stored)))
	}
	r.prepare(e)
}

// prepare stores an answer as a prepared one, unless the cache was flushed after it was read there.
func (r *request) prepare(e *cache.Answer) {
	k := r.key(r.ask)
	if r.server.cache.Answers.Put(k, e); r.server.cache.Flushes() != r.flushes {
		r.server.cache.Answers.Remove(k)
	}
}

// keepFailure stores a failure as a prepared answer, for as long as it is remembered: clients that
// repeat the question get the same response at the price of a hit. The failure has been logged.
func (r *request) keepFailure(a *resolver.Answer) {
	end := r.resolver().FailureEnds(a, r.q.Has(wire.FlagCD))
	if end == 0 {
		return
	}
	flags := wire.FlagQR | wire.FlagRA | uint16(wire.RCodeServFail)
	b := wire.NewBuilder(wire.MaxMessageLen, 0, flags, r.questionName(), r.ask.Type, r.ask.Class)
	defer b.Release()
	e := cache.NewAnswer(b.Finish(), r.ask.Name, nil, r.server.clock.Now().Unix(), end)
	e.Generation = r.view.Generation
	e.Beside, e.Cause = &cache.AnswerBeside{Options: r.edeOfCached(a.Failure)}, a.Failure.Cause
	e.Status = statusOf(a.Failure)
	r.prepare(e)
}

// stored returns a response about name as a prepared answer that ends with its lowest TTL, or nil
// if that TTL is 0. One that policy has left empty ends with what it was made of.
func (r *request) stored(a *resolver.Answer, b *wire.Builder, name wire.Name) *cache.Answer {
	msg := b.Finish()
	ttl := ^uint32(0)
	for _, at := range b.TTLOffsets() {
		ttl = min(ttl, binary.BigEndian.Uint32(msg[at:]))
	}
	if len(b.TTLOffsets()) == 0 {
		ttl = uint32(a.KeepFor / time.Second)
	}
	if ttl == 0 {
		return nil
	}
	now := r.server.clock.Now().Unix()
	e := cache.NewAnswer(msg, name, b.TTLOffsets(), now, now+int64(ttl))
	e.Generation, e.Cut, e.Compact = r.view.Generation, r.cut, a.Compact
	e.Status = a.Status
	if a.Stale == resolver.StaleNone || a.Status == wire.Secure {
		e.Until = wire.EarliestEnd(wire.EarliestEnd(0, a.Sets...), a.Authority...)
		e.Until = wire.EarliestEnd(e.Until, a.Additional...)
	}
	return e
}

// keepDenial stores a denial as a prepared answer for the rest of the span that the name is in.
func (r *request) keepDenial(a *resolver.Answer, flags uint16, ede wire.Options) {
	denials, now := r.server.cache.Denials, r.server.clock.Now()
	span, ok := denials.Span(r.resolver().Realm(), a.Question.Name, now, a.Authority)
	if !ok {
		return
	}
	if e := r.denial(a, span.Encloser, flags); e != nil {
		e.Beside.Options = ede
		// If the span has changed meanwhile, the next denial is stored.
		_ = denials.StorePrepared(span, variantOf(&r.q), e, now)
	}
}

// denial returns the response for the rest of a span, as if the closest encloser had been asked
// for. A name that replaces the encloser is longer by the labels before it, and compression
// pointers remain right if they are moved by as much.
func (r *request) denial(a *resolver.Answer, encloser wire.Name, flags uint16) *cache.Answer {
	b := wire.NewBuilder(maxDenial, 0, flags, []byte(encloser.Wire()), r.ask.Type, r.ask.Class)
	defer b.Release()
	if !r.fill(b, a, r.q.EDNS.DO, r.ask.Type) {
		return nil
	}
	e := r.stored(a, b, encloser)
	if e != nil {
		e.Beside = &cache.AnswerBeside{Pointers: cache.NewOffsets(b.PointerOffsets())}
	}
	return e
}
