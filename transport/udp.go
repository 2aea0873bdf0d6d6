// The UDP listener.

package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/pires/go-proxyproto"

	"bailiwick/internal/cause"
)

// udpListener serves one address with several sockets.
type udpListener struct {
	spec     Spec
	addr     netip.AddrPort
	ends     []endpoint
	wildcard bool // at all addresses: each packet's control message has its destination
	teams    []*udpTeam
	closing  chan struct{} // closed when the readers are to end
	stop     sync.Once     // of reading
	gone     sync.Once     // sockets closed; the descriptors may be reused by now
	wg       sync.WaitGroup
}

// overUDP implements DNS over UDP.
type overUDP struct{}

// open opens the sockets of an address. The kernel distributes clients over them.
func (overUDP) open(s Spec) (Listener, error) {
	l := &udpListener{spec: s, addr: s.Addr, wildcard: s.Addr.Addr().IsUnspecified(),
		closing: make(chan struct{})}
	lc := net.ListenConfig{Control: func(network, _ string, c syscall.RawConn) error {
		var opt error
		err := c.Control(func(fd uintptr) {
			opt = errors.Join(setUDPOptions(int(fd), network, l.wildcard), s.early(int(fd)))
		})
		return errors.Join(err, opt)
	}}
	network := "udp4"
	if l.addr.Addr().Is6() {
		network = "udp6"
	}
	err := l.openSockets(lc, network)
	if err == nil {
		err = l.formTeams()
	}
	if err != nil {
		l.release()
		return nil, fmt.Errorf("listen on udp %v: %w", l.addr, busyError(err, "udp", l.addr))
	}
	return l, nil
}

// ask implements querier: each question has a port of its own.
func (overUDP) ask(ctx context.Context, n *NetExchanger, r Request,
	deadline time.Time) ([]byte, error) {
	return n.asking().exchange(ctx, &r, deadline)
}

// openSockets opens the sockets, or takes over those that are open. No more are added to these:
// only who opened them could let others share the port.
func (l *udpListener) openSockets(lc net.ListenConfig, network string) error {
	for _, c := range l.spec.Inherited.Packets {
		err := WithDescriptor(c, func(fd uintptr) error {
			return setUDPOptions(int(fd), network, l.wildcard)
		})
		if err == nil {
			err = l.add(c)
		}
		if err != nil {
			return err
		}
	}
	if len(l.ends) > 0 {
		return nil
	}
	for range max(1, min(l.spec.Sockets, maxSockets)) {
		c, err := lc.ListenPacket(context.Background(), network, l.addr.String())
		if err != nil {
			return err
		}
		if err := l.add(c.(*net.UDPConn)); err != nil {
			return err
		}
	}
	return nil
}

// add adds a socket. Later ones share a port that the kernel chose for it.
func (l *udpListener) add(c *net.UDPConn) error {
	l.addr = c.LocalAddr().(*net.UDPAddr).AddrPort()
	e, err := newEndpoint(c)
	if err == nil {
		l.ends = append(l.ends, e)
	}
	return err
}

// Each implements Listener.
func (l *udpListener) Each(f func(fd uintptr) error) error {
	for _, e := range l.ends {
		if err := WithDescriptor(e.conn(), f); err != nil {
			return err
		}
	}
	return nil
}

// Detach implements Listener. What has arrived is answered by whoever reads it.
func (l *udpListener) Detach() {}

// Change implements Listener.
func (l *udpListener) Change(p Proxies, path string) { l.spec.change(p, path) }

// formTeams divides the sockets into teams of readers.
func (l *udpListener) formTeams() error {
	for ends := range slices.Chunk(l.ends, teamSize) {
		t, err := newTeam(l, ends)
		if err != nil {
			return err
		}
		l.teams = append(l.teams, t)
	}
	return nil
}

// release closes the sockets and the teams.
func (l *udpListener) release() {
	for _, e := range l.ends {
		e.close()
	}
	for _, t := range l.teams {
		t.close()
	}
}

func (l *udpListener) Addr() netip.AddrPort { return l.addr }

func (l *udpListener) Start(h Handler) {
	for _, t := range l.teams {
		t.start(h)
	}
}

// Stop implements Listener.
func (l *udpListener) Stop() {
	l.stop.Do(func() {
		close(l.closing)
		for _, t := range l.teams {
			t.wake()
		}
	})
	l.wg.Wait()
}

func (l *udpListener) Close() {
	l.Stop()
	l.gone.Do(l.release)
}

// introduce determines the client of a packet: the sender, or the client that a trusted proxy names
// in a header before the query.
func (l *udpListener) introduce(in []byte, from netip.AddrPort) (packet []byte, c Client, ok bool) {
	if by := l.spec.now.Load().ProxyFrom; len(by) == 0 || !trusted(by, from.Addr()) {
		// A query has none of these bits, and so costs no more (RFC 1035, section 4.1.1: Opcode).
		if len(in) > 2 && in[2]&0x78 != 0 && beginsLikeProxy(in) {
			l.spec.unbidden(from.Addr())
			l.spec.Observer.Fault(UDP, cause.ProxyHeader)
			return nil, Client{}, false
		}
		return in, UDP.client(from), true
	}
	h, packet, err := proxyproto.ParseUDPDatagram(in)
	if err == nil {
		from, ok = proxied(h, from)
	}
	if !ok {
		if err == nil {
			err = errNoHeader
		}
		l.spec.badProxy(from.Addr(), err)
		l.spec.Observer.Fault(UDP, cause.ProxyHeader)
	}
	return packet, UDP.client(from), ok
}
