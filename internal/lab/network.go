// The network: in memory for tests, on loopback sockets for other programs.

package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/transport"
)

// behave returns what arrives of a server's reply to a query; without packets it is silent.
func (w *World) behave(s *server, query []byte, tcp bool) Reply {
	q := new(dns.Msg)
	if q.Unpack(query) != nil || len(q.Question) != 1 {
		return Reply{}
	}
	w.live.RLock()
	defer w.live.RUnlock()
	first := w.record(s, q.Question[0], tcp)
	in := Incoming{Server: s.addr, TCP: tcp, Query: q,
		honest: func() *dns.Msg { return w.sized(s, q, tcp) }}
	r := w.reply(s, in, first)
	if w.Path != nil {
		r = w.Path(in, r)
	}
	return r
}

// reply returns what a server sends for a query.
func (w *World) reply(s *server, in Incoming, first bool) (r Reply) {
	if w.Script != nil {
		if r, ok := w.Script(in); ok {
			return r
		}
	}
	f, q, tcp, opt := s.faults, in.Query, in.TCP, in.Query.IsEdns0()
	switch {
	case f.has(Dead), f.has(NoTCP) && tcp, f.has(LoseFirst) && first:
		return Reply{}
	case f.has(NoEDNS) && opt != nil:
		m := new(dns.Msg).SetRcode(q, dns.RcodeFormatError)
		return Messages(m)
	case f.has(HatesCookies) && opt != nil && len(opt.Option) > 0:
		m := new(dns.Msg).SetRcode(q, dns.RcodeFormatError)
		m.SetEdns0(1232, opt.Do())
		return Messages(m)
	case f.has(Garbage):
		m := pack(new(dns.Msg).SetReply(q))
		m[7] = 1 // ANCOUNT
		r.Packets = [][]byte{append(m, 0xC0, 0xFF, 0xFF)}
		return r
	}
	if f.has(Slow) {
		r.Delay = w.SlowBy
	}
	m := w.sized(s, q, tcp)
	if f.has(Cookies) && opt != nil {
		demandCookie(m, opt, tcp)
	}
	if f.has(LowerCase) {
		m.Question[0].Name = strings.ToLower(m.Question[0].Name)
	}
	right := pack(m)
	if f.has(Spoofed) && !tcp {
		forge(m)
		wrong := pack(m)
		wrong[0] ^= 0x5A
		r.Packets = append(r.Packets, wrong, wrong)
	}
	r.Packets = append(r.Packets, right)
	return r
}

// sized returns a server's answer, truncated to the size that the query allows.
func (w *World) sized(s *server, q *dns.Msg, tcp bool) *dns.Msg {
	f, opt := s.faults, q.IsEdns0()
	if opt != nil && opt.Version() != 0 {
		m := new(dns.Msg).SetReply(q)
		m.SetEdns0(1232, opt.Do())
		m.Rcode = dns.RcodeBadVers // RFC 6891, section 6.1.3
		return m
	}
	m := w.answer(s, q, opt != nil && opt.Do())
	size := dns.MinMsgSize
	if opt != nil {
		size = int(opt.UDPSize())
		m.SetEdns0(1232, opt.Do())
		w.tailor(s, q, m)
		if opt.Co() {
			restoreRCode(m)
		}
	}
	if tcp {
		size = dns.MaxMsgSize
	} else if f.has(Truncate) || f.has(NoTCP) {
		m.Answer, m.Ns, m.Extra, m.Truncated = nil, nil, nil, true
	}
	m.Truncate(size)
	m.Truncated = m.Truncated || f.has(AlwaysTC)
	return m
}

// restoreRCode gives a compact denial the RCODE of a name error, for who asks with CO (RFC 9824,
// section 5.1).
func restoreRCode(m *dns.Msg) {
	m.IsEdns0().SetCo()
	for _, rr := range m.Ns {
		if n, ok := rr.(*dns.NSEC); ok && slices.Contains(n.TypeBitMap, 128) { // NXNAME
			m.Rcode = dns.RcodeNameError
		}
	}
}

// labCookie is the server cookie of all servers that demand one.
const labCookie = "00112233445566778899aabbccddeeff"

// demandCookie answers like a server that demands cookies (RFC 7873, section 5.2.3), and returns
// them over TCP too, where it demands none.
func demandCookie(m *dns.Msg, opt *dns.OPT, tcp bool) {
	for _, o := range opt.Option {
		c, ok := o.(*dns.EDNS0_COOKIE)
		if !ok || len(c.Cookie) < 16 {
			continue
		}
		m.IsEdns0().Option = append(m.IsEdns0().Option,
			&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: c.Cookie[:16] + labCookie})
		if c.Cookie[16:] == labCookie || tcp {
			return
		}
	}
	if tcp {
		return
	}
	m.Answer, m.Ns, m.Extra = nil, nil, []dns.RR{m.IsEdns0()}
	m.Rcode = dns.RcodeBadCookie
}

// answer returns a server's answer, its faults applied.
func (w *World) answer(s *server, q *dns.Msg, do bool) *dns.Msg {
	f := s.faults
	switch {
	case f.has(Refusing):
		return new(dns.Msg).SetRcode(q, dns.RcodeRefused)
	case f.has(Failing):
		return new(dns.Msg).SetRcode(q, dns.RcodeServerFailure)
	case f.has(Lame):
		m := new(dns.Msg).SetReply(q)
		m.Ns = w.zones["."].data["."][dns.TypeNS]
		return m
	}
	m := respond(s.served(), q, do)
	if f.has(NoAA) {
		m.Authoritative = false
	}
	if f.has(Stripping) {
		strip(m)
	}
	if f.has(Forging) {
		forge(m)
	}
	if f.has(SplitHorizon) {
		hideOutside(m)
	}
	return m
}

func pack(m *dns.Msg) []byte {
	m.Compress = true
	b, err := m.Pack()
	if err != nil {
		panic("lab: " + err.Error())
	}
	return b
}

// Exchange implements transport.Exchanger: the world as a network in memory.
func (w *World) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	w.build()
	s := w.servers[r.Server.Addr()]
	if s == nil {
		return nil, transport.ErrUnreachable
	}
	reply := w.behave(s, r.Query, r.Via.Stream())
	return arrive(ctx, &r, reply, time.Now().Add(reply.Delay), r.Timeout)
}

// arrive waits for a server's reply, which comes at the given time.
func arrive(ctx context.Context, r *transport.Request, from Reply, at time.Time,
	wait time.Duration) ([]byte, error) {
	over := time.Now().Add(wait)
	if here := time.Until(at); here < wait || here <= 0 {
		if err := pass(ctx, here); err != nil {
			return nil, err
		}
		if reply, decided, err := received(r, from); decided {
			return reply, err
		}
		from = Reply{}
	}
	if err := pass(ctx, time.Until(over)); err != nil {
		return nil, err
	}
	if r.Via.Stream() || !r.KeepOpen {
		return nil, transport.ErrTimeout
	}
	return nil, &transport.Unanswered{
		Resume: func(ctx context.Context, wait time.Duration) ([]byte, error) {
			later := *r
			later.KeepOpen, later.Into = false, nil
			return arrive(ctx, &later, from, at, wait)
		},
	}
}

// pass returns nil when a time has passed, or the error of ctx if that ends before. It makes no
// timer that is over at once: under the race detector the runtime of Go 1.26 crashes now and then
// when such a one is waited for in a bubble of package synctest.
func pass(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// received matches a reply with its query: over TCP letter case and cookies are not compared.
func received(r *transport.Request, from Reply) (reply []byte, decided bool, err error) {
	if from.Err != nil {
		return nil, true, from.Err
	}
	if !r.Via.Stream() {
		return r.Over(from.Packets)
	}
	misses := 0
	for _, p := range from.Packets {
		switch transport.Matches(r.Query, p) {
		case transport.MatchReply, transport.MatchCase:
			return p, true, nil
		case transport.MatchMiss:
			if misses++; misses >= transport.MaxNearMisses {
				return nil, true, transport.ErrSpoofed
			}
		}
	}
	return nil, false, nil
}

// Listen serves the world on loopback, every server at its own address and this port, until ctx
// ends.
func (w *World) Listen(ctx context.Context, port uint16) error {
	w.build()
	for _, a := range w.order {
		s := w.servers[a]
		at := netip.AddrPortFrom(a, port)
		pc, err := net.ListenPacket("udp", at.String())
		if err != nil {
			return fmt.Errorf("lab: %w", err)
		}
		l, err := net.Listen("tcp", at.String())
		if err != nil {
			_ = pc.Close()
			return fmt.Errorf("lab: %w", err)
		}
		context.AfterFunc(ctx, func() { _ = pc.Close(); _ = l.Close() })
		go w.serveUDP(pc, s)
		go w.serveTCP(l, s)
	}
	return nil
}

func (w *World) serveUDP(pc net.PacketConn, s *server) {
	buf := make([]byte, 4096)
	for {
		n, from, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		r := w.behave(s, buf[:n], false)
		time.AfterFunc(r.Delay, func() {
			for _, p := range r.Packets {
				_, _ = pc.WriteTo(p, from) // if that fails, the client has gone
			}
		})
	}
}

func (w *World) serveTCP(l net.Listener, s *server) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			for {
				q, err := transport.ReadFrame(c)
				if err != nil {
					return
				}
				r := w.behave(s, q, true)
				time.Sleep(r.Delay)
				for _, p := range r.Packets {
					if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(p))),
						p...)); err != nil {
						return
					}
				}
			}
		}()
	}
}
