// Networks that answer in place of the Internet's servers: captive portals, and firewalls that
// redirect DNS. They are reported. Validation goes on as everywhere.

package resolver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/guard"
	"bailiwick/transport"
	"bailiwick/wire"
)

// NetworkState is what is known of the network between this machine and the root's servers.
type NetworkState uint8

// The states.
const (
	NetworkUnknown NetworkState = iota
	NetworkOpen                 // the root's signed data arrive
	NetworkForged               // something else answers in the place of the root's servers
)

// NetworkStates returns all states.
func NetworkStates() []NetworkState {
	return []NetworkState{NetworkUnknown, NetworkOpen, NetworkForged}
}

// String returns the label of the state.
func (s NetworkState) String() string { return [...]string{"unknown", "open", "forged"}[s] }

// NetworkState returns what is known of the network. It is found out by [Resolver.Watch].
func (r *Resolver) NetworkState() NetworkState {
	return NetworkState(r.connectivity.network.Load())
}

// rootReply is what came of a question for the root's keys to one of its servers.
type rootReply uint8

const (
	rootSilent rootReply = iota // nothing, or nothing that can be judged
	rootSigned                  // keys with signatures, right or wrong
	rootForged                  // anything else: no server of the root replies without
)

// judgeNetwork decides from the replies of several root servers. The root is signed, and there is
// no question for its keys that a server of it refuses, denies or answers without signatures: if
// all that reply do, they are not those servers. One that is broken decides nothing. Signatures
// that do not verify are not a sign of a portal, but of old anchors or of a clock that is wrong.
func judgeNetwork(replies []rootReply) NetworkState {
	forged := 0
	for _, reply := range replies {
		switch reply {
		case rootSigned:
			return NetworkOpen
		case rootForged:
			forged++
		}
	}
	if forged > 0 && forged >= min(networkWitnesses, len(replies)) {
		return NetworkForged
	}
	return NetworkUnknown
}

// rootReplyOf returns what a reply to a question for the root's keys shows.
func rootReplyOf(raw []byte, err error) rootReply {
	if err != nil {
		return rootSilent
	}
	m, err := wire.Parse(raw)
	if err != nil || m.Has(wire.FlagTC) {
		return rootSilent
	}
	keys := wire.Find(m.Answer, wire.Root, wire.TypeDNSKEY)
	if keys != nil && keys.Sigs.Len() > 0 {
		return rootSigned
	}
	return rootForged
}

// watchNetwork finds out, when the root was asked with this outcome, whether its servers are heard.
// A network that has forged replies is taken to do so until they are. Then what has failed
// meanwhile is tried anew.
func (r *Resolver) watchNetwork(ctx context.Context, why *cause.Failure) {
	was, is := r.NetworkState(), NetworkUnknown
	switch _, anchored := r.anchors.At(wire.Root); {
	case why == nil:
		is = NetworkOpen
	case !anchored || silent(why.Cause) || r.ClockState().Wrong() ||
		r.cfg.configured(wire.Root) != nil:
	default:
		is = judgeNetwork(r.askRoots(ctx))
	}
	if ctx.Err() != nil || was == NetworkForged && is == NetworkUnknown {
		return
	}
	r.connectivity.network.Store(uint32(is))
	if was == NetworkForged && is == NetworkOpen {
		r.memory.flushFailures()
		r.infra.forgive()
	}
}

// askRoots asks some of the root's servers for its keys, all at once.
func (r *Resolver) askRoots(ctx context.Context) []rootReply {
	var addrs []netip.Addr
	use := r.families()
	for _, h := range r.cfg.Hints {
		for _, a := range h.Addrs {
			if r.mayAsk(a, false, use) == cause.None {
				addrs = append(addrs, a)
				break // a server has one voice
			}
		}
	}
	for i := range min(len(addrs), networkAsked) {
		j := i + r.chance(len(addrs)-i)
		addrs[i], addrs[j] = addrs[j], addrs[i]
	}
	addrs = addrs[:min(len(addrs), networkAsked)]
	replies := make([]rootReply, len(addrs))
	var asked sync.WaitGroup
	for i, a := range addrs {
		asked.Go(func() {
			r.guard.Run(guard.Fetch, func() {
				var id [2]byte
				_, _ = rand.Read(id[:]) // it never fails
				query := wire.AppendQuery(nil, binary.BigEndian.Uint16(id[:]), 0,
					[]byte(wire.Root.Wire()), wire.TypeDNSKEY, r.cfg.UDPSize, true, nil)
				replies[i] = rootReplyOf(r.exchange(ctx, wire.Root, transport.Request{
					Server: netip.AddrPortFrom(a, r.cfg.Port), Query: query,
					Timeout: networkPatience}))
			})
		})
	}
	asked.Wait()
	return replies
}

// suspectNetwork has the root be asked, if a failure is such as a portal causes: data of a signed
// zone came without signatures, or the servers replied with something useless. While the network is
// known to forge replies, the failure gets advice for that. Nothing else changes: the answer stays
// SERVFAIL, as it may be an attack.
func (x *resolution) suspectNetwork(f *cause.Failure) *cause.Failure {
	switch f.Cause {
	case cause.SignatureMissing, cause.DenialMissing, cause.KeyMissing, cause.ServerRefused,
		cause.ServerFailed, cause.ServerUnexpected, cause.Lame, cause.NoAddress:
	default:
		return f
	}
	if x.r.cfg.configured(x.q.Name) != nil {
		return f
	}
	x.r.connectivity.doubt.Store(true)
	if x.r.NetworkState() != NetworkForged {
		return f
	}
	g := *f
	g.Actor = cause.Network
	g.Remedy = "this network answers in place of the Internet's servers, without signatures: log " +
		"in to it if it is a captive portal, or have it let DNS through; or use a forwarder over " +
		"TLS or HTTPS that validates (resolver.forward_zones)"
	return &g
}

// networkDoubted reports whether the root is to be asked because of what has happened since it was
// asked: the network has changed, or answers came without signatures, for which there is a pause.
func (r *Resolver) networkDoubted(asked time.Time) bool {
	c := r.connectivity
	return c.changed.Swap(false) ||
		c.doubt.Load() && time.Since(asked) >= networkPause && c.doubt.Swap(false)
}
