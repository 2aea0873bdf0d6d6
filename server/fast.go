// The fast path: an answer that is ready.

package server

import (
	"encoding/binary"

	"bailiwick/cache"
	"bailiwick/internal/policy"
	"bailiwick/transport"
	"bailiwick/wire"
)

// optLen is an OPT record without options.
const optLen = 11

// Fast implements transport.Handler.
func (s *Entrance) Fast(packet []byte, from transport.Client, buf []byte) (reply []byte, drop bool) {
	q := s.queries.Get().(*wire.Query)
	defer s.queries.Put(q)
	if err := wire.ParseQuery(packet, q); err != nil || !plain(q) || from.Early {
		return nil, false
	}
	switch s.acl.Decide(from.Addr.Addr()) {
	case policy.Drop:
		return nil, true
	case policy.Refuse:
		return nil, false
	}
	k := keyOf(q, q.Question)
	a, ok := s.cache.Answers.Get(k)
	now := s.clock.Now().Unix()
	// In the last tenth of its time the slow path has it, which resolves it anew.
	if !ok || (a.Expires-now)*10 <= a.Expires-a.Stored || now >= a.Expires || len(a.EDE) > 0 && q.EDNS.Present {
		return nil, false
	}
	if from.Protocol == transport.UDP && len(a.Msg)+optLen > s.udpLimit(q) {
		return nil, false
	}
	reply = patch(append(buf, a.Msg...), a, q, now)
	if q.EDNS.Present {
		at := len(reply)
		var own [keepaliveLen]byte
		reply = wire.AppendOPT(reply, s.cfg.UDPSize, 0, q.EDNS.DO, appendKeepalive(own[:0], q, from))
		if padded(q, from) {
			reply = wire.PadOPT(reply, at, PaddingBlock)
		}
		binary.BigEndian.PutUint16(reply[10:], binary.BigEndian.Uint16(reply[10:])+1)
	}
	s.observe.Query(from.Protocol, q.Question.Type)
	s.observe.Response(wire.RCode(a.Msg[3]&15), true, 0)
	return reply, false
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

// patch makes a copy of a stored answer this client's own.
func patch(msg []byte, a *cache.Answer, q *wire.Query, now int64) []byte {
	binary.BigEndian.PutUint16(msg, q.ID)
	msg[2] |= byte(q.Flags >> 8 & 1)      // RD
	msg[3] |= byte(q.Flags & wire.FlagCD) // CD
	copy(msg[wire.HeaderLen:], q.QName)   // letter case
	if age := uint32(min(max(now-a.Stored, 0), 1<<31)); age > 0 {
		for _, at := range a.TTLs {
			ttl := binary.BigEndian.Uint32(msg[at:])
			binary.BigEndian.PutUint32(msg[at:], ttl-min(age, ttl))
		}
	}
	return msg
}
