// The servers of forward and stub zones that are given by address: their health, and the probes
// that find out when one is back.

package resolver

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/guard"
	"bailiwick/transport"
	"bailiwick/wire"
)

// forwarder is a server that the operator names. Resolvers that follow each other share it.
type forwarder struct {
	forwarderKey
	mu      sync.Mutex
	health  health        // guarded by mu, as is all below
	rtt     time.Duration // smoothed; 0: not known
	last    cause.Cause   // of the last failure
	probing bool          // a goroutine sends probes
	probes  uint64        // that were sent
}

// forwarderKey identifies a forwarder. One address may serve several zones.
type forwarderKey struct {
	zone   wire.Name
	server netip.AddrPort
	via    transport.Protocol
}

// Forwarder is what is known of a server that the operator names.
type Forwarder struct {
	Realm   string // of the clients that it is for, "" for all others
	Zone    wire.Name
	Forward bool // else the zone is a stub
	Server  netip.AddrPort
	Via     transport.Protocol
	Weight  int    // -1: the fastest server is asked
	State   string // up, suspect or down
	Down    bool
	Since   time.Time
	RTT     time.Duration
	Last    cause.Cause // of the last failure; None if there was none
	Probes  uint64
}

// newForwarders returns the forwarders of a configuration; those that were there before stay.
func newForwarders(zones []Zone, before map[forwarderKey]*forwarder) map[forwarderKey]*forwarder {
	all := map[forwarderKey]*forwarder{}
	for i := range zones {
		for _, a := range zones[i].Addrs {
			for w := range len(zones[i].Then) + 1 {
				k := zones[i].key(a, w)
				if all[k] = before[k]; all[k] == nil {
					all[k] = &forwarder{forwarderKey: k}
				}
			}
		}
	}
	return all
}

// Forwarders returns the servers of forward and stub zones that are given by address, in the order
// of their zones, and then those of the realms.
func (r *Resolver) Forwarders() (list []Forwarder) {
	r.each(func(o *Resolver) { list = append(list, o.ownForwarders()...) })
	return list
}

// ownForwarders returns those of the zones that are not shared with others.
func (r *Resolver) ownForwarders() (list []Forwarder) {
	for i := range r.cfg.Zones {
		z := &r.cfg.Zones[i]
		if r.shared != nil && !r.memory.realm.Own(z.Name) {
			continue
		}
		for j := range len(z.Addrs) * (len(z.Then) + 1) {
			k := z.key(z.Addrs[j%len(z.Addrs)], j/len(z.Addrs))
			f := r.forwarders[k]
			f.mu.Lock()
			list = append(list, Forwarder{Realm: r.name, Zone: z.Name, Forward: z.Forward,
				Server: k.server, Via: k.via,
				Weight: z.weight(j % len(z.Addrs)), State: f.health.state.String(),
				Since: f.health.since, Down: f.health.state == healthDown, RTT: f.rtt,
				Last: f.last, Probes: f.probes})
			f.mu.Unlock()
		}
	}
	slices.SortStableFunc(list, func(a, b Forwarder) int {
		return cmp.Compare(a.Zone.String(), b.Zone.String())
	})
	return list
}

// weight returns the weight of a zone's address, -1 if it has none.
func (z *Zone) weight(i int) int {
	if z.Weights == nil {
		return -1
	}
	return z.Weights[i]
}

// down reports whether the server comes after all others. A nil forwarder is never down.
func (f *forwarder) down() bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.health.state == healthDown
}

// noteForwarder takes what came of a try for the server's health. What this machine lacks, and what
// a forger may have sent, says nothing about it.
func (a *zoneQuery) noteForwarder(t *try, what cause.Cause) {
	f, r := t.c.forwarder, a.x.r
	if f != nil && len(a.conf.Then) > 0 { // it may be asked over another way by now
		f = r.forwarders[forwarderKey{a.conf.Name, t.req.Server, t.how.via}]
	}
	if f == nil || t.how.via.Encrypted() != f.via.Encrypted() {
		return
	}
	switch what {
	case cause.None:
		r.changed(f, what, func(h *health, now time.Time) bool {
			f.smooth(t.took)
			return h.replied(now)
		})
	case cause.Timeout, cause.Unreachable, cause.ServerIdentity, cause.Malformed,
		cause.ServerRefused:
		r.changed(f, what, (*health).failed)
	}
}

func (f *forwarder) smooth(took time.Duration) {
	if f.rtt == 0 {
		f.rtt = took
	}
	f.rtt = (7*f.rtt + took) / 8
}

// changed has a server's health take an outcome. A change is reported, and probes begin while the
// server is not up.
func (r *Resolver) changed(f *forwarder, why cause.Cause, take func(*health, time.Time) bool) {
	now := r.clock.Now()
	f.mu.Lock()
	if why != cause.None {
		f.last = why
	}
	was := f.health
	changed := take(&f.health, now)
	is := f.health
	f.mu.Unlock()
	if changed && is.state != healthSuspect && was.state != is.state &&
		(is.state == healthDown || was.state == healthDown) {
		r.observe.Forwarder(f.zone, f.server, is.state == healthUp, why, now.Sub(was.since))
		if r.events != nil {
			r.events.Event(event.Event{Kind: event.Health, Time: time.Now(), Zone: f.zone,
				Server: f.server, Cause: why, Took: now.Sub(was.since)})
		}
	}
	r.probeAsNeeded(f)
}

// probeAsNeeded has probes be sent to a server that is not up, unless they are: after a reload, the
// resolver before sends none any more.
func (r *Resolver) probeAsNeeded(f *forwarder) {
	f.mu.Lock()
	begin := f.health.state != healthUp && !f.probing
	f.probing = f.probing || begin
	f.mu.Unlock()
	if begin {
		r.fetches.spawn(guard.Probe, func() { r.watchForwarder(f) })
	}
}

// watchForwarder sends probes to a server until it is up, or the resolver ends.
func (r *Resolver) watchForwarder(f *forwarder) {
	defer func() {
		f.mu.Lock()
		f.probing = false
		f.mu.Unlock()
	}()
	for r.fetches.ctx.Err() == nil {
		f.mu.Lock()
		up, wait := f.health.state == healthUp, f.health.next.Sub(r.clock.Now())
		f.mu.Unlock()
		if up {
			return
		}
		if wait <= 0 {
			r.probeForwarder(f)
			continue
		}
		// No longer than probeCheck: the next probe may become due sooner.
		r.rest.Wait(r.fetches.ctx, min(wait, probeCheck), nil)
	}
}

// probeForwarder asks a server for the SOA of its zone.
func (r *Resolver) probeForwarder(f *forwarder) {
	z := r.cfg.zoneOf(f.zone)
	var id [2]byte
	_, _ = rand.Read(id[:]) // it never fails
	flags := uint16(0)
	if z.Forward {
		flags = wire.FlagRD
	}
	req := transport.Request{Server: f.server, Via: f.via, Peer: z.peer(f.via),
		Timeout: probePatience, Query: wire.AppendQuery(nil, binary.BigEndian.Uint16(id[:]), flags,
			[]byte(f.zone.Wire()), wire.TypeSOA, r.cfg.UDPSize, true, nil)}
	began := time.Now()
	raw, err := r.exchange(r.fetches.ctx, f.zone, req)
	if r.fetches.ctx.Err() != nil {
		return
	}
	why := cause.None
	if err != nil {
		why = causeOfExchange(err)
	} else if m, err := wire.Parse(raw); err != nil {
		why = cause.Malformed
	} else if m.FullRCode() == wire.RCodeRefused {
		why = cause.ServerRefused
	}
	took := time.Since(began)
	r.observe.Upstream(f.server, f.via, took, why)
	r.changed(f, why, func(h *health, now time.Time) bool {
		f.probes++
		if why == cause.None {
			f.smooth(took)
			return h.replied(now)
		}
		return h.probeFailed(now)
	})
}

// zoneOf returns the configured zone of a name.
func (c *Config) zoneOf(name wire.Name) *Zone {
	for i := range c.Zones {
		if c.Zones[i].Name == name {
			return &c.Zones[i]
		}
	}
	return nil
}
