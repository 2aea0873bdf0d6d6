// The look-ups of certmagic, which takes the address of a resolver: this server's own answers there
// while an order is under way.

package acme

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"github.com/miekg/dns"

	"bailiwick/wire"
)

// lookups answers questions for addresses on loopback, over UDP and TCP.
type lookups struct {
	lookUp func(context.Context, wire.Name) ([]netip.Addr, error)
	ctx    context.Context
	at     netip.AddrPort
	over   [2]*dns.Server
	ended  sync.WaitGroup
}

// answerLookUps begins to answer. Close ends it.
func answerLookUps(ctx context.Context,
	lookUp func(context.Context, wire.Name) ([]netip.Addr, error)) (*lookups, error) {
	var failed error
	for _, host := range []string{"127.0.0.1", "127.0.0.1", "127.0.0.1", "::1", "::1"} {
		stream, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			failed = err
			continue
		}
		packets, err := net.ListenPacket("udp", stream.Addr().String())
		if err != nil { // somebody else has this port over UDP
			_ = stream.Close()
			failed = err
			continue
		}
		l := &lookups{lookUp: lookUp, ctx: ctx, at: stream.Addr().(*net.TCPAddr).AddrPort()}
		l.over = [2]*dns.Server{{Listener: stream, Handler: l}, {PacketConn: packets, Handler: l}}
		if failed = l.start(); failed == nil {
			return l, nil
		}
		_, _ = stream.Close(), packets.Close()
		l.Close()
	}
	return nil, failed
}

// start begins to answer, unless the machine does not let it.
func (l *lookups) start() error {
	for _, s := range l.over {
		started := make(chan error, 2)
		s.NotifyStartedFunc = func() { started <- nil }
		l.ended.Go(func() { started <- s.ActivateAndServe() }) // until Close
		if err := <-started; err != nil {
			return err
		}
	}
	return nil
}

// ServeDNS implements dns.Handler.
func (l *lookups) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	m := new(dns.Msg).SetReply(q)
	m.RecursionAvailable = true
	if len(q.Question) == 1 {
		m.Rcode = l.answer(m, q.Question[0])
	}
	_ = w.WriteMsg(m) // who asks asks again
}

// answer puts the addresses of a name into a reply.
func (l *lookups) answer(m *dns.Msg, q dns.Question) (rcode int) {
	name, err := wire.ParseName(q.Name)
	if err != nil || q.Qtype != dns.TypeA && q.Qtype != dns.TypeAAAA {
		return dns.RcodeSuccess
	}
	addrs, err := l.lookUp(l.ctx, name)
	if err != nil {
		return dns.RcodeServerFailure
	}
	head := dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET}
	for _, a := range addrs {
		switch a = a.Unmap(); {
		case a.Is4() && q.Qtype == dns.TypeA:
			m.Answer = append(m.Answer, &dns.A{Hdr: head, A: a.AsSlice()})
		case a.Is6() && q.Qtype == dns.TypeAAAA:
			m.Answer = append(m.Answer, &dns.AAAA{Hdr: head, AAAA: a.AsSlice()})
		}
	}
	return dns.RcodeSuccess
}

// Close ends the answers, and waits for those under way.
func (l *lookups) Close() {
	for _, s := range l.over {
		_ = s.Shutdown() // or it was not started
	}
	l.ended.Wait()
}
