// The fast path: an answer that is ready.

package server

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/internal/policy"
	"bailiwick/transport"
	"bailiwick/wire"
)

// optLen is an OPT record without options.
const optLen = 11

// usualOptions is room for the Extended DNS Errors of most answers that have any.
const usualOptions = 120

// Fast implements transport.Handler.
func (s *Entrance) Fast(packet []byte, from transport.Client, buf []byte) (reply []byte, drop bool) {
	q := s.queries.Get().(*wire.Query)
	defer s.queries.Put(q)
	defer func() {
		if s.guard.Caught(recover(), guard.Fast) {
			reply, drop = nil, false // what is half done is nothing; the slow path answers
		}
	}()
	if err := wire.ParseQuery(packet, q); err != nil || !plain(q) || from.Early {
		return nil, false
	}
	switch s.acl.Decide(from.Addr.Addr()) {
	case policy.Drop:
		s.observe.Query(from.Protocol, q.Question.Type)
		s.observe.Refused(cause.ClientDropped)
		return nil, true
	case policy.Refuse:
		return nil, false
	}
	now := s.clock.Now().Unix()
	a, shift, ok := s.ready(q, now)
	if !ok || !from.Protocol.Stream() && len(a.Msg)+shift+optLen+len(a.Options()) > s.udpLimit(q) {
		return nil, false
	}
	reply = patch(buf, a, shift, q, now)
	if q.EDNS.Present {
		at := len(reply)
		var own [keepaliveLen + usualOptions]byte
		reply = wire.AppendOPT(reply, s.cfg.UDPSize, 0, q.EDNS.DO, append(appendKeepalive(own[:0], q, from), a.Options()...))
		if padded(q, from) {
			reply = wire.PadOPT(reply, at, PaddingBlock)
		}
		binary.BigEndian.PutUint16(reply[10:], binary.BigEndian.Uint16(reply[10:])+1)
	}
	s.observe.Query(from.Protocol, q.Question.Type)
	rc := wire.RCode(a.Msg[3] & 15)
	if s.observe.Response(rc, true, 0); rc == wire.RCodeServFail {
		s.observe.ServFail(a.Cause)
	}
	if s.debug {
		s.logQuery(q.Question, from, reply, true, a.Cause, 0)
	}
	return reply, false
}

// ready finds an answer in wire form: one to the question, or one that denies the whole gap that its name is in, and whose own question is shift octets
// shorter.
func (s *Entrance) ready(q *wire.Query, now int64) (a *cache.Answer, shift int, ok bool) {
	a, ok = s.cache.Answers.Get(keyOf(q, q.Question))
	if !ok {
		return s.denied(q)
	}
	// In the last tenth of its time the slow path has it, which resolves it anew.
	return a, 0, s.cache.Ready(a, now)
}

// denied finds the ready answer of a gap.
func (s *Entrance) denied(q *wire.Query) (a *cache.Answer, shift int, ok bool) {
	if q.Has(wire.FlagCD) || q.Question.Type == wire.TypeNone || q.Question.Type.IsMeta() || strings.HasPrefix(q.Question.Name.Label(), sentinelPrefix) {
		return nil, 0, false
	}
	a, encloser, ok := s.resolver.Denied(q.Question, variantOf(q))
	if !ok || s.ours(q.Question) != nil {
		return nil, 0, false
	}
	return a, q.Question.Name.Len() - encloser.Len(), true
}

// variantOf is which ready denial a query gets.
func variantOf(q *wire.Query) cache.Variant {
	switch {
	case q.EDNS.DO:
		return cache.VariantDO
	case q.Has(wire.FlagAD):
		return cache.VariantAD
	}
	return cache.VariantPlain
}

// plain says that a query has nothing that the fast path does not know.
func plain(q *wire.Query) bool {
	return len(q.QName) == q.Question.Name.Len() && q.Flags&(wire.FlagQR|0x7800|wire.FlagTC|wire.FlagRD) == wire.FlagRD && q.QDCount == 1 && q.ANCount == 0 && q.NSCount == 0 &&
		(q.ARCount == 0 || q.ARCount == 1 && q.EDNS.Present && q.EDNS.Version == 0 && plainOptions(q.EDNS.Options)) && q.Question.Class == wire.ClassIN
}

// plainOptions says that there are only options of the transport.
func plainOptions(o wire.Options) bool {
	for c := range o.All() {
		if c != wire.OptionPadding && c != wire.OptionKeepalive {
			return false
		}
	}
	return true
}

// keyOf is the key of the answer to a query. It shares the question's memory.
func keyOf(q *wire.Query, question wire.Question) cache.AnswerKey {
	return cache.AnswerKey{Name: question.Name, Type: question.Type, Class: question.Class, DO: q.EDNS.DO, CD: q.Has(wire.FlagCD),
		AD: q.EDNS.DO || q.Has(wire.FlagAD)}
}

// udpLimit is the most octets that the client takes over UDP.
func (s *Server) udpLimit(q *wire.Query) int {
	if !q.EDNS.Present {
		return wire.MinUDPSize
	}
	return int(min(max(q.EDNS.UDPSize, wire.MinUDPSize), s.cfg.UDPSize)) // RFC 6891, section 6.2.5
}

// patch appends a stored answer, made this client's own. The records of its run begin with any of
// them (RFC 1794). Where its question's name grows by shift octets, all behind it moves by as
// many.
func patch(buf []byte, a *cache.Answer, shift int, q *wire.Query, now int64) []byte {
	msg := append(buf, a.Msg[:wire.HeaderLen]...)
	binary.BigEndian.PutUint16(msg, q.ID)
	msg[2] |= byte(q.Flags >> 8 & 1)      // RD
	msg[3] |= byte(q.Flags & wire.FlagCD) // CD
	msg = append(msg, q.QName...)         // in the client's letter case
	msg = binary.BigEndian.AppendUint16(msg, uint16(q.Question.Type))
	rest := len(msg) - shift
	var turn cache.Turn
	if a.Run > 1 {
		turn = a.Turn(int(rand.Uint32N(uint32(a.Run))))
		msg = append(msg, a.Msg[rest:max(rest, turn.Start)]...)
		msg = append(msg, a.Msg[turn.First:turn.End]...)
		msg = append(msg, a.Msg[turn.Start:turn.First]...)
		rest = max(rest, turn.End)
	}
	msg = append(msg, a.Msg[rest:]...)
	if age := uint32(min(max(now-a.Stored, 0), 1<<31)); age > 0 {
		for at := range a.TTLs.All() {
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
