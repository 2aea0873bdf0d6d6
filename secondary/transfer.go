// Transfers from primaries, over TCP or TLS.

package secondary

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"bailiwick/wire"
	"bailiwick/zone"
)

// The ports of the transports (RFC 1035, section 4.2; RFC 9103, section 7).
const (
	portTCP = 53
	portTLS = 853
)

// session is a connection to a primary.
type session struct {
	conn net.Conn
	zone *Zone
	now  func() time.Time // the time of day
	id   func() uint16
	due  int // octets that are to come of a reply before it gets more time
}

// connect opens a session. Over TLS the primary has to prove who it is, with version 1.3 and the
// protocol of DNS (RFC 9103, sections 7.1 and 8.2).
func (k *Keeper) connect(ctx context.Context, z *Zone, addr netip.AddrPort) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	conn, err := k.parts.Dial(ctx, "tcp", addr.String())
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, zone: z, now: k.day, id: dns.Id}
	if z.TLS == nil {
		return s, nil
	}
	t := tls.Client(conn, &tls.Config{MinVersion: tls.VersionTLS13, ServerName: z.TLS.Name,
		RootCAs: z.TLS.Roots.Pool(), NextProtos: []string{"dot"}})
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s.conn = t
	return s, nil
}

// close ends the session.
func (s *session) close() { _ = s.conn.Close() }

// ask sends a question; each takes the messages of the reply until it returns true.
func (s *session) ask(ctx context.Context, q *dns.Msg, each func(*dns.Msg) (bool, error)) error {
	q.Id = s.id()
	b, v, err := sign(q, s.zone.Key, s.now())
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	s.due = 0
	if err := s.wait(ctx); err != nil {
		return err
	}
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(b)))
	if _, err := s.conn.Write(append(framed, b...)); err != nil {
		return err
	}
	for {
		raw, m, err := s.read(ctx)
		if err != nil {
			return err
		}
		switch {
		case m.Id != q.Id || !m.Response || m.Opcode != dns.OpcodeQuery,
			len(m.Question) > 0 && (m.Question[0].Qtype != q.Question[0].Qtype ||
				!sameName(m.Question[0].Name, s.zone.Name)):
			return errors.New("the reply is that to another question")
		case m.Truncated:
			return errors.New("the reply is truncated, over a connection")
		}
		if err := v.take(raw, m, s.now()); err != nil {
			if m.Rcode != dns.RcodeSuccess {
				err = errors.Join(&refusal{q.Question[0].Qtype, m.Rcode}, err)
			}
			return err
		}
		if m.Rcode != dns.RcodeSuccess {
			return &refusal{q.Question[0].Qtype, m.Rcode}
		}
		if done, err := each(m); err != nil {
			return err
		} else if done {
			return v.end()
		}
	}
}

// sameName reports whether a name in presentation form is a zone's.
func sameName(text string, zone wire.Name) bool {
	n, err := wire.ParseName(text)
	return err == nil && n == zone
}

// refusal is the error of a reply with an RCODE.
type refusal struct {
	qtype uint16
	rcode int
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%s is answered with %s", dns.TypeToString[r.qtype],
		dns.RcodeToString[r.rcode])
}

// wait gives the primary time to be heard, or to take what is sent, unless too little has come
// since it last had some.
func (s *session) wait(ctx context.Context) error {
	if s.due > 0 {
		return ctx.Err()
	}
	s.due = minProgress
	until := time.Now().Add(idleTime)
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	if err := s.conn.SetDeadline(until); err != nil {
		return err
	}
	return ctx.Err()
}

// read reads a message.
func (s *session) read(ctx context.Context) ([]byte, *dns.Msg, error) {
	if err := s.wait(ctx); err != nil {
		return nil, nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(s.conn, length[:]); err != nil {
		return nil, nil, err
	}
	raw := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(s.conn, raw); err != nil {
		return nil, nil, err
	}
	s.due -= len(raw)
	m := new(dns.Msg)
	return raw, m, m.Unpack(raw)
}

// serial asks for the SOA record of the zone.
func (s *session) serial(ctx context.Context) (serial uint32, err error) {
	q := new(dns.Msg).SetQuestion(s.zone.Name.String(), dns.TypeSOA)
	q.RecursionDesired = false
	err = s.ask(ctx, q, func(m *dns.Msg) (bool, error) {
		for _, rr := range m.Answer {
			if soa, ok := rr.(*dns.SOA); ok && sameName(soa.Hdr.Name, s.zone.Name) {
				serial = soa.Serial
				return true, nil
			}
		}
		return false, errors.New("the reply has no SOA record of the zone")
	})
	return serial, err
}

// transfer transfers the zone: its changes if have is not nil, else all of it. It returns nil if
// the primary has no newer one.
func (s *session) transfer(ctx context.Context, have *zone.Zone, octets int) (*zone.Zone, error) {
	q := new(dns.Msg)
	if have == nil {
		q.SetAxfr(s.zone.Name.String())
	} else {
		soa := have.SOA()
		q.SetIxfr(s.zone.Name.String(), soa.Serial, soa.MName.String(), soa.RName.String())
	}
	in := &stream{apex: s.zone.Name, have: have, octets: octets}
	err := s.ask(ctx, q, func(m *dns.Msg) (bool, error) {
		for _, rr := range m.Answer {
			if err := in.take(rr); err != nil {
				return false, err
			}
		}
		if in.endOfMessage(); len(m.Answer) == 0 {
			return false, errBroken
		}
		return in.done, nil
	})
	if err != nil {
		return nil, err
	}
	return in.zone()
}
