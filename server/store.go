// What of an answer the next client finds prepared.

package server

import (
	"encoding/binary"

	"bailiwick/cache"
	"bailiwick/internal/event"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// store keeps of a response what the next client can have prepared. Most of what is asked for is
// asked for once: it is the second client's response that is kept.
func (r *request) store(a *resolver.Answer, b *wire.Builder, whole bool, flags uint16,
	ede wire.Options) {
	switch {
	case whole && r.ask.Type != wire.TypeANY && !a.NoCache && r.again():
		r.keep(a, b, ede)
	case a.WholeSpan && !r.q.Has(wire.FlagCD) && len(ede) == 0:
		r.keepDenial(a, flags)
	}
}

// again reports whether an answer is asked for again, so that it is worth to be prepared: memory
// has it. What is asked without RD is the client's look into memory, and not a question of its
// own.
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
	if a.Refresh > 0 {
		e.Fresh = uint32(min(int64(e.Life), max(0, a.Refresh-e.Stored)))
	}
	r.server.cache.Answers.Put(r.key(r.ask), e)
}

// keepFailure stores a failure as a prepared answer, as long as it is remembered: who asks again
// and again hears the same at the price of a hit. The log has had its line.
func (r *request) keepFailure(a *resolver.Answer) {
	end := r.rules.Resolver.FailureEnds(a, r.q.Has(wire.FlagCD))
	if end == 0 {
		return
	}
	flags := wire.FlagQR | wire.FlagRA | uint16(wire.RCodeServFail)
	b := wire.NewBuilder(wire.MaxMessageLen, 0, flags, r.questionName(), r.ask.Type, r.ask.Class)
	defer b.Release()
	e := cache.NewAnswer(b.Finish(), r.ask.Name, nil, r.server.clock.Now().Unix(), end)
	e.Generation = r.view.Generation
	e.Beside, e.Cause = &cache.AnswerBeside{Options: r.edeOf(a.Failure)}, a.Failure.Cause
	r.server.cache.Answers.Put(r.key(r.ask), e)
}

// stored returns a response about name as a prepared answer that ends with its lowest TTL, or nil
// if that TTL is 0.
func (r *request) stored(a *resolver.Answer, b *wire.Builder, name wire.Name) *cache.Answer {
	msg := b.Finish()
	ttl := ^uint32(0)
	for _, at := range b.TTLOffsets() {
		ttl = min(ttl, binary.BigEndian.Uint32(msg[at:]))
	}
	if len(b.TTLOffsets()) == 0 || ttl == 0 {
		return nil
	}
	now := r.server.clock.Now().Unix()
	e := cache.NewAnswer(msg, name, b.TTLOffsets(), now, now+int64(ttl))
	e.Generation, e.Cut = r.view.Generation, r.cut
	e.Until = wire.EarliestEnd(wire.EarliestEnd(0, a.Sets...), a.Authority...)
	return e
}

// keepDenial stores a denial as a prepared answer for the rest of the span that the name is in.
func (r *request) keepDenial(a *resolver.Answer, flags uint16) {
	denials, now := r.server.cache.Denials, r.server.clock.Now()
	span, ok := denials.Span(a.Question.Name, now, a.Authority)
	if !ok {
		return
	}
	if e := r.denial(a, span.Encloser, flags); e != nil {
		// If the span has changed meanwhile the next denial is kept.
		_ = denials.StorePrepared(span, variantOf(&r.q), e, now)
	}
}

// denial is the response for the rest of a span, as if the closest encloser had been asked for: a
// name that is put in its place is longer by what stands before it, so that all pointers stay good
// if they are moved.
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
