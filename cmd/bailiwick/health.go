// What the service manager's watchdog is told: whether questions are answered.

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"bailiwick/internal/guard"
	"bailiwick/internal/policy"
	"bailiwick/internal/rpz"
	"bailiwick/internal/service"
	"bailiwick/transport"
	"bailiwick/wire"
)

// errNoAnswer is the error of a listener that does not answer.
var errNoAnswer = errors.New("no answer to a question to this server's own listener")

// checkup is what the watchdog knows: a value, which each round changes.
type checkup struct {
	turn  int      // of the listener that is asked next
	stuck []string // the listeners that gave no answer the last time
}

// due returns the listeners that are asked in a round, of all that there are: one of them in turn,
// and those that gave no answer.
func (c checkup) due(all []string) (ask []string) {
	for i, l := range all {
		if i == c.turn%len(all) || slices.Contains(c.stuck, l) {
			ask = append(ask, l)
		}
	}
	return ask
}

// after returns the state after a round in which the listeners stuck did not answer.
func (c checkup) after(stuck []string) checkup { return checkup{c.turn + 1, stuck} }

// healthy asks listeners for the root's name servers, as a client does: by the socket, its readers,
// the pipeline, and the resolver where the answer is not in the cache. Each round it asks one
// listener in turn, and all that gave no answer before: none of the others makes up for them. Any
// answer will do, and any refusal: that no authority can be reached, or that there are too many
// clients, is no reason to restart.
func (r *running) healthy(ctx context.Context) error {
	now := r.now()
	byName, ways := map[string]listening{}, map[string]*way{}
	var all []string
	for i, l := range now.listeners {
		if len(l.spec.ProxyFrom) == 0 && here(l.Addr().Addr()) {
			name := l.text()
			all, byName[name], ways[name] = append(all, name), l, &now.ways[i]
		}
	}
	var asking sync.WaitGroup
	var mu sync.Mutex
	stuck := map[string]error{}
	for _, name := range r.checkup.due(all) {
		l := byName[name]
		if l.protocol.Stream() && 2*r.gate.Taken() > r.gate.Seats() {
			continue
		}
		asking.Go(func() {
			err := ask(ctx, l.protocol, loopback(l.Addr()), ways[name], now.peer())
			if err != nil {
				mu.Lock()
				defer mu.Unlock()
				stuck[name] = err
			}
		})
	}
	asking.Wait()
	if r.ctx.Err() != nil {
		return nil // it ends, and so do the listeners
	}
	silent := slices.Sorted(maps.Keys(stuck))
	for _, name := range silent {
		if !slices.Contains(r.checkup.stuck, name) {
			r.log.Error("a listener does not answer", "listener", name, "error",
				stuck[name].Error())
		}
	}
	for _, name := range r.checkup.stuck {
		if stuck[name] == nil {
			r.log.Info("a listener answers again", "listener", name)
		}
	}
	r.checkup = r.checkup.after(silent)
	count := map[transport.Protocol]int{}
	for _, name := range silent {
		count[byName[name].protocol]++
	}
	r.metrics.Stuck(count)
	if len(silent) > 0 {
		return fmt.Errorf("%w: %s", errNoAnswer, strings.Join(silent, ", "))
	}
	return nil
}

// peer is this server as its own client sees it.
func (u *inUse) peer() *transport.Peer {
	p := &transport.Peer{Path: u.Config.Transport.Path}
	if u.certificates != nil {
		for _, c := range u.certificates.All() {
			p.Pins = append(p.Pins, sha256.Sum256(c.Leaf.RawSubjectPublicKeyInfo))
		}
	}
	return p
}

// watchdog tells the service manager whether the server is well, until close.
func (r *running) watchdog() {
	go r.guard.Run(guard.Upkeep, func() {
		service.Watch(r.ctx, r.healthy, func(err error) {
			r.log.Error("the service manager is not told that all is well", "error", err.Error())
		})
	})
}

// here reports whether an address is this machine's: a listener may wait for one that is not there
// yet, and the question would leave to the network.
func here(a netip.Addr) bool {
	if a.IsUnspecified() || a.IsLoopback() {
		return true
	}
	own, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(own, func(o net.Addr) bool {
		p, err := netip.ParsePrefix(o.String())
		return err == nil && p.Addr() == a.WithZone("")
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

// silences reports whether policy has a client's question for the root's name servers dropped.
func (w *way) silences(client netip.Addr) bool {
	action, v := w.decide(client)
	if action == policy.Drop {
		return true
	}
	q := wire.Question{Name: wire.Root, Type: wire.TypeNS, Class: wire.ClassIN}
	if v.Local != nil {
		if l := v.Local(q); l != nil {
			return l.Action == policy.LocalDrop
		}
	}
	if v.Zones == nil {
		return false
	}
	f := rpz.Facts{Client: client, Name: q.Name, Answered: true}
	m, found := v.Zones.Find(&f, func(rpz.Match) {})
	return found == rpz.Found && m.Action == rpz.Drop
}

// ask asks a listener, unless policy has the question dropped.
func ask(ctx context.Context, via transport.Protocol, at netip.AddrPort, in *way,
	self *transport.Peer) error {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at)) // nothing is sent so far
	if err != nil {
		return err
	}
	defer c.Close()
	own := c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	if in.silences(own) {
		return nil
	}
	const id = 0x4857
	question := wire.AppendQuery(nil, id, wire.FlagRD, []byte{0}, wire.TypeNS, 0, false, nil)
	switch {
	case !via.Stream():
		return askUDP(ctx, c, question)
	case !via.Upstream():
		return connect(ctx, at)
	}
	client := &transport.NetExchanger{}
	defer client.Close()
	_, err = client.Exchange(ctx, transport.Request{Server: at, Via: via, Peer: self,
		Query: question, Timeout: time.Hour})
	if errors.Is(err, transport.ErrTimeout) || errors.Is(err, syscall.ECONNREFUSED) ||
		ctx.Err() != nil {
		return err
	}
	return nil // it answered, or refused to
}

// connect connects to a listener, as far as it can be asked by HTTP alone.
func connect(ctx context.Context, at netip.AddrPort) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", at.String())
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	if _, err := c.Read(make([]byte, 1)); ctx.Err() != nil {
		return err
	}
	return nil
}

// askUDP asks over a socket.
func askUDP(ctx context.Context, c *net.UDPConn, question []byte) error {
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if _, err := c.Write(question); err != nil {
		return err
	}
	for buf := make([]byte, 512); ; {
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		if n >= wire.HeaderLen && bytes.Equal(buf[:2], question[:2]) {
			return nil
		}
	}
}
