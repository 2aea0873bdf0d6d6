// Shaping responses: from an answer to the message for this client.

package server

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// limit returns the size limit of the response to this client, in octets.
func (r *request) limit() int {
	most := wire.MaxMessageLen
	switch {
	case r.from.Protocol.Stream():
	case !r.q.EDNS.Present:
		most = wire.MinUDPSize
	default: // RFC 6891, section 6.2.5
		most = int(min(max(r.q.EDNS.UDPSize, wire.MinUDPSize), r.rules.UDPSize))
	}
	if room := int(r.from.Room); room > 0 {
		most = min(most, room)
	}
	return most - r.sealLen()
}

// took is how long the query has taken so far.
func (r *request) took() time.Duration { return r.server.clock.Now().Sub(r.now) }

// short returns a response without records.
func (r *request) short(rc wire.RCode, f *cause.Failure) []byte {
	flags := wire.FlagQR | r.q.Flags&(wire.FlagRD|wire.FlagCD|0x7800) | uint16(rc&15)
	// RA reports whether recursion is available to this client (RFC 1035, section 4.1.1). It is not
	// to a client that may not ask. It is to one whose question is refused, as it may ask others. A
	// transfer has nothing to do with recursion.
	available := f == nil || f.Cause != cause.ClientRefused
	if available && rc != wire.RCodeFormErr && !isTransfer(r.q.Question.Type) {
		flags |= wire.FlagRA
	}
	if f != nil {
		r.why = f.Cause
		if rc == wire.RCodeRefused {
			r.server.observe.Refused(f.Cause)
			r.decided(event.DecisionRefused, f.Cause, 0)
		}
	}
	bare := !available && r.rules.BareRefusals
	var qname []byte
	// Clients pass over a reply without their question (RFC 5452, section 9.1), and would hear
	// nothing. What is malformed as a message is not repeated, nor by Unbound.
	if r.q.QName != nil && !bare && !r.malformed() {
		qname = r.questionName()
	}
	b := wire.NewBuilder(r.limit(), r.q.ID, flags, qname, r.q.Question.Type, r.q.Question.Class)
	r.responded(rc, statusOf(f))
	switch {
	case bare:
		return r.finish(b, rc, nil)
	case rc == wire.RCodeServFail && r.origin == event.OriginKnown:
		return r.finish(b, rc, r.fitted(r.edeOfCached(f), b.Len()))
	}
	return r.finish(b, rc, r.fitted(r.edeOf(f), b.Len()))
}

// malformed reports whether the query is malformed as a message, whatever its question is.
func (r *request) malformed() bool {
	return r.err != nil || r.q.ANCount != 0 || r.q.NSCount != 0
}

// questionName returns the question's name without compression, in the client's letter case.
func (r *request) questionName() []byte {
	if len(r.q.QName) == r.q.Question.Name.Len() {
		return r.q.QName
	}
	return []byte(r.q.Question.Name.Wire()) // it was compressed, which nothing forbids
}

// edeOf returns the Extended DNS Errors of a failure as options, none for nil.
func (r *request) edeOf(f *cause.Failure) (o wire.Options) {
	for ; f != nil && r.rules.EDE; f = f.Under {
		if code, ok := f.Cause.EDE(); ok {
			o = o.AppendEDE(code, f.Extra())
		}
		if code, ok := f.Cause.Bogus(); ok {
			o = o.AppendEDE(code, "")
		}
	}
	return o
}

// edeOfCached returns the Extended DNS Errors of a failure that is remembered (RFC 8914, section
// 4.14).
func (r *request) edeOfCached(f *cause.Failure) wire.Options {
	return r.appendEDE(r.edeOf(f), cause.CachedError)
}

// appendEDE adds the code of a cause without any text.
func (r *request) appendEDE(o wire.Options, c cause.Cause) wire.Options {
	if code, ok := c.EDE(); ok && r.rules.EDE {
		o = o.AppendEDE(code, "")
	}
	return o
}

// fitted returns the Extended DNS Errors that a response with so many octets besides has room for.
// Texts give way, the last ones first, as the first error is the most precise: they must not be why
// records are left out (RFC 8914, section 2). All codes stay.
func (r *request) fitted(ede wire.Options, besides int) wire.Options {
	if besides+r.optLen(ede) <= r.limit() {
		return ede
	}
	var errs [][]byte
	for _, v := range ede.All() {
		errs = append(errs, v)
	}
	for i := len(errs) - 1; i >= 0 && besides+r.optLen(ede) > r.limit(); i-- {
		errs[i], ede = errs[i][:2], nil
		for _, v := range errs {
			ede = ede.Append(wire.OptionEDE, v)
		}
	}
	return ede
}

// finish ends a message and its builder.
func (r *request) finish(b *wire.Builder, rc wire.RCode, ede wire.Options) []byte {
	r.rcode = rc
	msg, whole := r.buf, b.Finish()
	if msg == nil {
		msg = make([]byte, 0, len(whole)+r.optLen(ede))
	}
	msg = append(msg, whole...)
	b.Release()
	return r.appendOPT(msg, rc, ede)
}

// beside adds the zone's NS set to data, unless responses are minimal. It is added to secure data
// only if it is secure (RFC 4035, section 3.2.3). Where policy has removed everything it would make
// the response look like a referral (RFC 2308, section 2.2), with which a BIND that forwards fails.
func (r *request) beside(a *resolver.Answer) *resolver.Answer {
	if !r.rules.NSBeside || a.RCode != wire.RCodeNoError || len(a.Authority) > 0 ||
		len(a.Sets) == 0 {
		return a
	}
	last := a.Sets[len(a.Sets)-1]
	ns := r.resolver().Servers(last.Name, a.Status == wire.Secure)
	if ns == nil || last.Type == wire.TypeNS {
		return a
	}
	c := *a
	c.Authority = []*wire.RRset{ns}
	return &c
}

// shape makes the response of an answer, and stores it for the next client.
func (r *request) shape(a *resolver.Answer) []byte {
	if a.RCode == wire.RCodeServFail {
		if r.again() && !r.apart && !r.told {
			r.keepFailure(a)
		}
		return r.short(a.RCode, a.Failure)
	}
	if a.Failure != nil {
		r.why = a.Failure.Cause
	}
	if a.Stale != resolver.StaleNone {
		r.server.observe.Stale(a.Stale)
		r.logStale(a)
	}
	do, rc := r.q.EDNS.DO, a.RCode
	if a.Compact && do {
		rc = wire.RCodeNoError // for those who cannot see from the proof that it has to be another
	}
	flags := wire.FlagQR | wire.FlagRA | uint16(rc&15)
	if a.Status == wire.Secure && !r.q.Has(wire.FlagCD) && (do || r.q.Has(wire.FlagAD)) {
		flags |= wire.FlagAD // RFC 6840, section 5.8
	}
	ede := r.edeOf(a.Failure)
	if a.Synthesised {
		ede = r.appendEDE(ede, cause.Synthesised)
	}
	name := r.questionName()
	b, whole := r.build(a, flags, name)
	r.store(a, b, whole, flags, ede)
	ede = r.fitted(ede, b.Len())
	opt := r.optLen(ede)
	if !whole || b.Len()+opt > r.limit() || r.ask.Type == wire.TypeANY {
		b.Release()
		b = wire.NewBuilder(r.limit(), 0, flags, name, r.ask.Type, r.ask.Class)
		b.Reserve(opt)
		if !r.fill(b, r.shorten(a), do, r.ask.Type) {
			b.SetFlags(wire.FlagTC)
		}
	}
	if a.Compact && r.q.EDNS.CO { // what is prepared is for clients without CO
		rc = wire.RCodeNXDomain
		b.SetFlags(uint16(rc))
	}
	r.responded(rc, a.Status)
	msg := r.finish(b, rc, ede)
	stamp(msg, &r.q)
	return msg
}

// stamp writes the query's ID, RD and CD into a response that lacks them.
func stamp(msg []byte, q *wire.Query) {
	binary.BigEndian.PutUint16(msg, q.ID)
	msg[2] |= byte(q.Flags >> 8 & 1)      // RD
	msg[3] |= byte(q.Flags & wire.FlagCD) // CD
}

// build writes the whole response. Its records may be rotated, unless the response then no longer
// fits into one packet.
func (r *request) build(a *resolver.Answer, flags uint16, name []byte) (
	b *wire.Builder, whole bool) {
	do, limit := r.q.EDNS.DO, wire.MinUDPSize
	if do { // a client that sets DO supports EDNS
		limit = int(r.rules.UDPSize)
	}
	for _, loose := range []bool{r.rules.Rotate && r.again(), false} {
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

// shorten leaves one set of an answer to ANY over UDP, against amplification (RFC 8482, sections
// 4.1 and 4.4), the one that such clients want most; of an alias that a DNAME makes the set of the
// name itself, too.
func (r *request) shorten(a *resolver.Answer) *resolver.Answer {
	if r.ask.Type != wire.TypeANY || r.rules.AnyFull || r.from.Protocol.Stream() {
		return a
	}
	c := *a
	switch {
	case len(a.Sets) < 2:
	case a.Sets[0].Type == wire.TypeDNAME && a.Sets[0].Name != r.ask.Name:
		c.Sets = a.Sets[:2] // with the CNAME that follows from it (RFC 6672, section 3.1)
	default:
		c.Sets = []*wire.RRset{slices.MinFunc(a.Sets, func(a, b *wire.RRset) int {
			return anyRank(a.Type) - anyRank(b.Type)
		})}
	}
	return &c
}

// wantedOfANY are the types that programs look for which still ask for ANY, in this order: mail
// servers for an alias, Java's naming service for several types at once. The servers send the sets
// in any order, and what is of use to validators alone is the largest (NLnetLabs/nsd 22).
var wantedOfANY = []wire.Type{wire.TypeCNAME, wire.TypeA, wire.TypeAAAA, wire.TypeMX, wire.TypePTR,
	wire.TypeSRV, wire.TypeTXT, wire.TypeSOA}

// anyRank returns the place of a type in the order of what is left of an answer to ANY.
func anyRank(t wire.Type) int {
	switch i := slices.Index(wantedOfANY, t); {
	case i >= 0:
		return i
	case t == wire.TypeRRSIG, t == wire.TypeDNSKEY, t == wire.TypeNSEC, t == wire.TypeNSEC3PARAM:
		return len(wantedOfANY) + 1
	}
	return len(wantedOfANY)
}

// fill writes the sections, and reports whether everything fitted. Signatures and proofs are added
// for clients that set DO (RFC 4035, section 3.2.1).
func (r *request) fill(b *wire.Builder, a *resolver.Answer, do bool, t wire.Type) bool {
	for _, s := range a.Sets {
		first := 0
		if r.rules.Rotate {
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
				continue // it came with the proof of a wildcard
			}
		case wire.TypeNSEC, wire.TypeNSEC3:
			if !do {
				continue
			}
		case wire.TypeNS: // in place of an SOA, as the servers sent it
		default:
			continue
		}
		if !b.Add(wire.SectionAuthority, s, do) {
			return false
		}
	}
	for _, s := range a.Additional {
		if !b.Add(wire.SectionAdditional, s, do) {
			return true // these records are optional
		}
	}
	return true
}

// hasType reports whether an alias chain ends in data.
func hasType(sets []*wire.RRset, t wire.Type) bool {
	return len(sets) > 0 && (sets[len(sets)-1].Type == t || t == wire.TypeANY)
}
