// Shaping responses.

package server

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// limit is the most octets that an answer to this client may have.
func (r *request) limit() int {
	if !r.from.Protocol.Stream() {
		return r.udpLimit(r.q)
	}
	return wire.MaxMessageLen
}

// short is a response without records.
func (r *request) short(rc wire.RCode, f *cause.Failure) []byte {
	flags := wire.FlagQR | r.q.Flags&(wire.FlagRD|wire.FlagCD|0x7800) | uint16(rc&15)
	// RA says whether recursion is available to this client (RFC 1035, section 4.1.1): it is not
	// to one that may not ask; one whose question is refused for what it asks may ask others. A
	// transfer has nothing to do with recursion.
	available := f == nil || f.Cause != cause.ClientRefused
	if available && rc != wire.RCodeFormErr && !isTransfer(r.q.Question.Type) {
		flags |= wire.FlagRA
	}
	if f != nil {
		r.why = f.Cause
		if rc == wire.RCodeRefused {
			r.observe.Refused(f.Cause)
		}
	}
	var qname []byte
	if r.q.QName != nil && rc != wire.RCodeFormErr { // what is malformed is not repeated
		qname = r.questionName()
	}
	b := wire.NewBuilder(r.limit(), r.q.ID, flags, qname, r.q.Question.Type, r.q.Question.Class)
	r.observe.Response(rc, false, time.Since(r.began))
	return r.opt(b, rc, r.edeOf(f))
}

func isTransfer(t wire.Type) bool { return t == wire.TypeAXFR || t == wire.TypeIXFR }

// questionName is the question's name without compression, in the client's letter case.
func (r *request) questionName() []byte {
	if len(r.q.QName) == r.q.Question.Name.Len() {
		return r.q.QName
	}
	return []byte(r.q.Question.Name.Wire()) // it was compressed, which nothing forbids
}

// edeOf is the Extended DNS Errors of a failure as options, none for nil.
func (s *Server) edeOf(f *cause.Failure) (o wire.Options) {
	for ; f != nil && s.cfg.EDE; f = f.Under {
		if code, ok := f.Cause.EDE(); ok {
			o = o.AppendEDE(code, f.Extra())
		}
		if code, ok := f.Cause.Bogus(); ok {
			o = o.AppendEDE(code, "")
		}
	}
	return o
}

// opt writes the OPT record, if the client sent one (RFC 6891, section 6.1.1), and ends the message and the builder.
func (r *request) opt(b *wire.Builder, rc wire.RCode, ede wire.Options) []byte {
	defer b.Release()
	if !r.q.EDNS.Present {
		return bytes.Clone(b.Finish())
	}
	at := b.Len()
	b.OPT(r.cfg.UDPSize, uint8(rc>>4), r.q.EDNS.DO, r.options(ede))
	msg := bytes.Clone(b.Finish())
	if padded(r.q, r.from) {
		msg = wire.PadOPT(msg, at, PaddingBlock)
	}
	return msg
}

// options are our EDNS options for this client.
func (r *request) options(ede wire.Options) wire.Options {
	var o wire.Options
	if r.cookie != nil {
		o = o.Append(wire.OptionCookie, r.cookie, r.serverCookie(r.cookie))
	}
	if _, asked := r.q.EDNS.Options.Get(wire.OptionNSID); asked && len(r.cfg.NSID) > 0 {
		o = o.Append(wire.OptionNSID, r.cfg.NSID)
	}
	return append(appendKeepalive(o, r.q, r.from), ede...)
}

// shape makes the response of an answer, and leaves it behind for the fast path.
func (r *request) shape(a *resolver.Answer) []byte {
	if a.RCode == wire.RCodeServFail {
		if r.known {
			r.keepFailure(a)
		}
		return r.short(a.RCode, a.Failure)
	}
	r.observe.Response(a.RCode, false, time.Since(r.began))
	do := r.q.EDNS.DO
	flags := wire.FlagQR | wire.FlagRA | uint16(a.RCode&15)
	if a.Status == wire.Secure && !r.q.Has(wire.FlagCD) && (do || r.q.Has(wire.FlagAD)) { // RFC 6840, section 5.8
		flags |= wire.FlagAD
	}
	ede := r.edeOf(a.Failure)
	name := r.questionName()
	b, whole := r.build(a, flags, name)
	msg := b.Finish()
	switch {
	case whole && r.ask.Type != wire.TypeANY && !a.NoCache && r.known: // what is asked for once is most of what is asked for: the second client's is kept
		r.keep(a, b, msg, ede)
	case !r.q.Has(wire.FlagCD) && len(ede) == 0:
		r.resolver.KeepDenied(a, variantOf(r.q), func(encloser wire.Name) *cache.Answer { return r.denial(a, encloser, flags) })
	}
	opt := optLen + len(r.options(ede))
	if !r.q.EDNS.Present {
		opt = 0
	}
	if len(msg)+opt > r.limit() || r.ask.Type == wire.TypeANY {
		b.Release()
		b = wire.NewBuilder(r.limit(), 0, flags, name, r.ask.Type, r.ask.Class)
		b.Reserve(opt)
		if !r.fill(b, r.shorten(a), do, r.ask.Type) {
			b.SetFlags(wire.FlagTC)
		}
	}
	msg = r.opt(b, a.RCode, ede)
	binary.BigEndian.PutUint16(msg, r.q.ID)
	msg[2] |= byte(r.q.Flags >> 8 & 1)
	msg[3] |= byte(r.q.Flags & wire.FlagCD)
	return msg
}

// build writes the whole response. Its records may change places, unless that takes it beyond
// what fits into one packet.
func (r *request) build(a *resolver.Answer, flags uint16, name []byte) (
	b *wire.Builder, whole bool) {
	do, limit := r.q.EDNS.DO, wire.MinUDPSize
	if do { // whoever sets DO knows EDNS
		limit = int(r.cfg.UDPSize)
	}
	for _, loose := range []bool{r.cfg.Rotate && r.known, false} {
		b = wire.NewBuilder(wire.MaxMessageLen, 0, flags, name, r.ask.Type, r.ask.Class)
		if loose {
			b.Loose()
		}
		if whole = r.fill(b, a, do, r.ask.Type); !b.Grown() || b.Len()+optLen <= limit {
			break
		}
		b.Release()
	}
	return b, whole
}

// shorten leaves one set of an answer to ANY over UDP, so that it is no amplifier (RFC 8482, sections 4.1 and 4.4).
func (r *request) shorten(a *resolver.Answer) *resolver.Answer {
	if r.ask.Type != wire.TypeANY || r.cfg.AnyFull || r.from.Protocol.Stream() {
		return a
	}
	c := *a
	c.Sets = c.Sets[:min(1, len(c.Sets))]
	return &c
}

// fill writes the sections and says whether all fitted. Signatures and proofs are for those who set DO (RFC 4035, section 3.2.1).
func (r *request) fill(b *wire.Builder, a *resolver.Answer, do bool, t wire.Type) bool {
	for _, s := range a.Sets {
		first := 0
		if r.cfg.Rotate {
			first = rand.IntN(max(1, s.Len()))
		}
		if !b.AddFrom(wire.SectionAnswer, s, do || t == wire.TypeANY, first) {
			return false
		}
	}
	for _, s := range a.Authority {
		switch s.Type {
		case wire.TypeSOA:
			if hasType(a.Sets, t) {
				continue // it came along with a wildcard's proof
			}
		case wire.TypeNSEC, wire.TypeNSEC3:
			if !do {
				continue
			}
		case wire.TypeNS: // in place of an SOA, as the servers have it
		default:
			continue
		}
		if !b.Add(wire.SectionAuthority, s, do) {
			return false
		}
	}
	for _, s := range a.Additional {
		if !b.Add(wire.SectionAdditional, s, do) {
			return true // it is a courtesy
		}
	}
	return true
}

// hasType says that the chain ends in data.
func hasType(sets []*wire.RRset, t wire.Type) bool {
	return len(sets) > 0 && (sets[len(sets)-1].Type == t || t == wire.TypeANY)
}

// keep stores a whole response for the fast path.
func (r *request) keep(a *resolver.Answer, b *wire.Builder, msg []byte, ede wire.Options) {
	e := r.stored(a, b, msg, r.ask.Name)
	if e == nil {
		return
	}
	if len(ede) > 0 {
		e.Beside = &cache.AnswerBeside{Options: ede}
	}
	if run := b.Run(); r.cfg.Rotate && run.Count <= MaxRotated && run.At < 1<<16 {
		e.Run, e.RunAt = uint8(run.Count), uint16(run.At)
	}
	if a.Refresh > 0 {
		e.Fresh = uint32(min(int64(e.Life), max(0, a.Refresh-e.Stored)))
	}
	r.cache.Answers.Put(keyOf(r.q, r.ask), e)
}

// keepFailure stores a failure for the fast path, as long as it is remembered: who asks again and again hears the same at the price of a hit. The log has
// had its line.
func (r *request) keepFailure(a *resolver.Answer) {
	end := r.resolver.FailureEnds(a, r.q.Has(wire.FlagCD))
	if end == 0 {
		return
	}
	b := wire.NewBuilder(wire.MaxMessageLen, 0, wire.FlagQR|wire.FlagRA|uint16(wire.RCodeServFail), r.questionName(), r.ask.Type, r.ask.Class)
	defer b.Release()
	e := cache.NewAnswer(b.Finish(), r.ask.Name, nil, r.clock.Now().Unix(), end)
	e.Beside, e.Cause = &cache.AnswerBeside{Options: r.edeOf(a.Failure)}, a.Failure.Cause
	r.cache.Answers.Put(keyOf(r.q, r.ask), e)
}

// stored is the form of a response about name that the fast path takes, good for the shortest of its TTLs; nil if that is 0.
func (r *request) stored(a *resolver.Answer, b *wire.Builder,
	msg []byte, name wire.Name) *cache.Answer {
	ttl := ^uint32(0)
	for _, at := range b.TTLOffsets() {
		ttl = min(ttl, binary.BigEndian.Uint32(msg[at:]))
	}
	if len(b.TTLOffsets()) == 0 || ttl == 0 {
		return nil
	}
	now := r.clock.Now().Unix()
	e := cache.NewAnswer(msg, name, b.TTLOffsets(), now, now+int64(ttl))
	e.Until = wire.EarliestEnd(wire.EarliestEnd(0, a.Sets...), a.Authority...)
	return e
}

// denial is the response for the rest of a gap, as if the closest encloser had been asked for: a name that is put in its place is longer by what stands before
// it, so that all pointers stay good if they are moved.
func (r *request) denial(a *resolver.Answer, encloser wire.Name, flags uint16) *cache.Answer {
	b := wire.NewBuilder(maxDenial, 0, flags, []byte(encloser.Wire()), r.ask.Type, r.ask.Class)
	defer b.Release()
	if !r.fill(b, a, r.q.EDNS.DO, r.ask.Type) {
		return nil
	}
	e := r.stored(a, b, b.Finish(), encloser)
	if e != nil {
		e.Beside = &cache.AnswerBeside{Pointers: cache.NewOffsets(b.PointerOffsets())}
	}
	return e
}

// HexOrText reads a setting that is octets: "ascii_" and text, or hexadecimal digits.
func HexOrText(s string) ([]byte, error) {
	if len(s) > 6 && s[:6] == "ascii_" {
		return []byte(s[6:]), nil
	}
	return hex.DecodeString(s)
}
