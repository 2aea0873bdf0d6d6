// One question to one server, in each form.

package probe

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"syscall"
	"time"

	"bailiwick/internal/check"
	"bailiwick/transport"
	"bailiwick/wire"
)

// unknownOption is an EDNS option for local use (RFC 6891, section 9), which no server knows.
const unknownOption wire.OptionCode = 65313

// asker sends questions.
type asker struct {
	over    transport.Exchanger
	timeout time.Duration
	budget  *budget
	zone    wire.Name // that is checked
}

// question returns a question of class IN.
func question(n wire.Name, t wire.Type) wire.Question {
	return wire.Question{Name: n, Type: t, Class: wire.ClassIN}
}

// ask asks a server in one form, over UDP as often as a packet may be lost, and over TCP if
// the form wants it.
func (a *asker) ask(ctx context.Context, s *check.Server, q check.Query) *check.Reply {
	r := &check.Reply{}
	message := a.message(s, q, r)
	if message == nil {
		return &check.Reply{Fault: check.NotAsked}
	}
	if q.Form == check.OverTCP {
		a.tries(ctx, s.Addr, transport.TCP, message, r)
		return r
	}
	dead := q.Form == check.Usual && a.overTCPAlone(s)
	if !dead {
		a.tries(ctx, s.Addr, transport.UDP, message, r)
	}
	switch {
	case q.Form != check.Usual:
	case dead, r.Fault == check.Silent:
		udp := *r
		a.tries(ctx, s.Addr, transport.TCP, message, r)
		if r.Lost = r.Msg != nil; !r.Lost && !dead {
			*r = udp
		}
	case r.Msg != nil && r.Msg.Has(wire.FlagTC):
		a.tries(ctx, s.Addr, transport.TCP, message, r)
		r.Truncated = true
	}
	return r
}

// tries asks until there is a reply or another fault than silence.
func (a *asker) tries(ctx context.Context, at netip.AddrPort, via transport.Protocol,
	message []byte, r *check.Reply) {
	tries := check.MaxTries
	if via == transport.TCP {
		tries = check.MaxTCPTries
	}
	for range tries {
		if a.exchange(ctx, at, via, message, r); r.Fault != check.Silent {
			return
		}
	}
}

// overTCPAlone reports whether a server is known not to answer over UDP.
func (a *asker) overTCPAlone(s *check.Server) bool {
	soa := s.Replies[check.Query{Question: question(a.zone, wire.TypeSOA)}]
	return soa != nil && soa.Lost
}

// message returns a question in a form, nil if there is none for this server.
func (a *asker) message(s *check.Server, q check.Query, r *check.Reply) []byte {
	var random [10]byte
	_, _ = rand.Read(random[:]) // never fails
	var options wire.Options
	switch q.Form {
	case check.Option:
		options = options.Append(unknownOption, []byte{1, 2, 3, 4})
	case check.Cookie:
		r.Cookie = [8]byte(random[2:])
		options = options.Append(wire.OptionCookie, r.Cookie[:])
	case check.CookieAgain:
		before := s.Replies[check.Query{Question: q.Question, Form: check.Cookie}]
		if before == nil || before.Msg == nil {
			return nil
		}
		cookie, ok := before.Msg.EDNS.Options.Get(wire.OptionCookie)
		if !ok || len(cookie) < 16 || len(cookie) > 40 || [8]byte(cookie) != before.Cookie {
			return nil
		}
		r.Cookie = before.Cookie
		options = options.Append(wire.OptionCookie, cookie)
	}
	m := wire.AppendQuery(nil, binary.BigEndian.Uint16(random[:]), 0, []byte(q.Name.Wire()),
		q.Type, q.Form.Size(), q.Form != check.NoEDNS, options)
	if q.Form == check.Version1 {
		m[len(m)-5] = 1 // VERSION is the sixth octet from the end of an OPT record without options
	}
	return m
}

// exchange asks once, and notes what came.
func (a *asker) exchange(ctx context.Context, at netip.AddrPort, via transport.Protocol,
	message []byte, r *check.Reply) {
	r.Msg, r.Octets = nil, 0
	if !a.budget.take() {
		r.Fault = check.NotAsked
		return
	}
	reply, err := a.over.Exchange(ctx, transport.Request{Server: at, Via: via, Query: message,
		Timeout: a.timeout, AnyCase: true})
	if ctx.Err() != nil {
		r.Fault = check.NotAsked
		return
	}
	if err != nil {
		r.Fault = faultOf(err)
		return
	}
	m, err := wire.Parse(reply)
	if err != nil {
		r.Fault = check.Malformed
		return
	}
	r.Fault, r.Msg, r.Octets = check.NoFault, m, len(reply)
}

// faultOf returns what an error of an exchange means. A machine without IPv6, as many of those that
// run pipelines, is not the fault of the server.
func faultOf(err error) check.Fault {
	switch {
	case errors.Is(err, transport.ErrRefused):
		return check.Refused
	case errors.Is(err, transport.ErrNoNetwork), errors.Is(err, syscall.ENETUNREACH),
		errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		return check.NoRoute
	}
	return check.Silent
}
