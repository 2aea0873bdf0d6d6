// What the service manager's watchdog is told: whether questions are answered.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"bailiwick/internal/guard"
	"bailiwick/internal/policy"
	"bailiwick/internal/service"
	"bailiwick/wire"
)

// errNoAnswer is the error of a server that does not answer itself.
var errNoAnswer = errors.New("no answer to a question to this server's own listener")

// healthy asks for the root's name servers over the first UDP listener that this machine may ask,
// as a client does: by the socket, its readers, the pipeline, and the resolver where the answer is
// not in the cache. Any answer will do: that no authority can be reached is no reason to restart.
func (r *running) healthy(ctx context.Context) error {
	now := r.now()
	for _, l := range now.listeners {
		if l.protocol.Network() != "udp" || l.protocol.Encrypted() || len(l.spec.ProxyFrom) > 0 {
			continue
		}
		answered, err := ask(ctx, loopback(l.Addr()), now.accessOf(l))
		if answered || err != nil {
			return err
		}
	}
	return nil // nobody on this machine may ask: there is nothing to be learnt
}

// watchdog tells the service manager whether the server is well, until close.
func (r *running) watchdog() {
	go r.guard.Run(guard.Upkeep, func() {
		service.Watch(r.ctx, r.healthy, func(err error) {
			r.log.Error("the service manager is not told that all is well", "error", err.Error())
		})
	})
}

// loopback returns the address at which this machine reaches a listener.
func loopback(at netip.AddrPort) netip.AddrPort {
	switch {
	case !at.Addr().IsUnspecified():
		return at
	case at.Addr().Is4():
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	return netip.AddrPortFrom(netip.IPv6Loopback(), at.Port())
}

// ask asks a listener, unless its rules have it drop the question. It reports whether it asked.
func ask(ctx context.Context, at netip.AddrPort, rules []policy.Rule) (asked bool, err error) {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at))
	if err != nil {
		return false, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	defer c.Close()
	own := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	if action, _ := policy.NewACL(rules).Decide(own); action == policy.Drop {
		return false, nil
	}
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	const id = 0x4857
	question := wire.AppendQuery(nil, id, wire.FlagRD, []byte{0}, wire.TypeNS, 0, false, nil)
	if _, err := c.Write(question); err != nil {
		return true, fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	for buf := make([]byte, 512); ; {
		n, err := c.Read(buf)
		if err != nil {
			return true, errNoAnswer
		}
		if n >= wire.HeaderLen && buf[0] == id>>8 && buf[1] == id&0xFF {
			return true, nil
		}
	}
}
