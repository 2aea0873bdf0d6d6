package resolver_test

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// wires is a network that records the transports of questions, and in which some do not work.
type wires struct {
	*lab.World
	mu     sync.Mutex
	cut    map[transport.Protocol]error
	asked  []transport.Protocol
	server []netip.AddrPort
	peers  []*transport.Peer
}

func (w *wires) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	w.mu.Lock()
	w.asked, w.server = append(w.asked, r.Via), append(w.server, r.Server)
	w.peers = append(w.peers, r.Peer)
	err := w.cut[r.Via]
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return w.World.Exchange(ctx, r)
}

// took returns the transports of the questions since the last call.
func (w *wires) took() []transport.Protocol {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.asked
	w.asked, w.server, w.peers = nil, nil, nil
	return a
}

func (w *wires) setCut(p transport.Protocol, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut[p] = err
}

// RFC 9539: authorities are probed in parallel to the first question, and from then on asked over
// the transport that works. When it fails they are asked without encryption, and not probed for a
// while.
func TestOpportunisticEncryption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wires{World: lab.Internet(time.Now()),
			cut: map[transport.Protocol]error{transport.DoQ: transport.ErrUnreachable}}
		in := newNetwork(t, w.World, w,
			func(c *resolver.Config) {
				c.Opportunistic = []transport.Protocol{transport.DoQ,
					transport.DoT}
			})
		in.resolve("www.secure.example.", wire.TypeA)
		synctest.Wait()
		if got := w.took(); !slices.Contains(got, transport.UDP) ||
			!slices.Contains(got, transport.DoT) || !slices.Contains(got, transport.DoQ) {
			t.Errorf("the first questions take %v", got)
		}
		if in.resolve("txt.secure.example.", wire.TypeTXT); !slices.Equal(w.took(),
			[]transport.Protocol{transport.DoT}) {
			t.Error("a server that has DoT is not asked over it alone")
		}
		w.setCut(transport.DoT, transport.ErrTimeout)
		if a := in.resolve("no.secure.example.", wire.TypeA); a.RCode != wire.RCodeNXDomain ||
			!slices.Equal(w.took(), []transport.Protocol{transport.DoT, transport.UDP}) {
			t.Errorf("when DoT fails: %v", a.RCode)
		}
		w.setCut(transport.DoT, nil)
		in.resolve("x.wild.secure.example.", wire.TypeA)
		if got := w.took(); len(got) == 0 || slices.Contains(got, transport.DoT) {
			t.Errorf("after a failure: %v", got)
		}
		time.Sleep(25 * time.Hour)
		in.resolve("y.wild.secure.example.", wire.TypeA)
		synctest.Wait()
		if got := w.took(); !slices.Contains(got, transport.DoT) {
			t.Errorf("a day later: %v", got)
		}
	})
}

// A zone whose servers are to be asked over an encrypted transport is asked over no other, unless
// that is allowed.
func TestStrictZones(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			world := lab.Internet(time.Now())
			w := &wires{World: world, cut: map[transport.Protocol]error{}}
			var server netip.Addr
			{
				plain := newWorld(t, world, nil)
				plain.resolve("www.secure.example.", wire.TypeA)
				for _, e := range world.Transcript() {
					if e.Name == "www.secure.example." {
						server = e.Server
					}
				}
			}
			in := newNetwork(t, world, w, func(c *resolver.Config) {
				c.Zones = []resolver.Zone{{Name: wire.MustParseName("secure.example."),
					Addrs: []netip.AddrPort{netip.AddrPortFrom(server, 853)}, Via: transport.DoT,
					Peer: &transport.Peer{Name: "dns.example"}, Fallback: fallback}}
			})
			a := in.resolve("www.secure.example.", wire.TypeA)
			if a.Status != wire.Secure || !slices.Contains(w.took(), transport.DoT) {
				t.Errorf("over DoT: %v %v", a.Status, a.Failure)
			}
			w.setCut(transport.DoT, transport.ErrIdentity)
			a = in.resolve("txt.secure.example.", wire.TypeTXT)
			w.mu.Lock()
			plain := 0
			for i, p := range w.asked {
				if !p.Encrypted() && w.server[i].Addr() == server {
					plain++
					if w.server[i].Port() != 53 {
						t.Errorf("in plain at %v", w.server[i])
					}
				}
			}
			w.mu.Unlock()
			if fallback && (a.Status != wire.Secure || plain == 0) {
				t.Errorf("with fallback: %v, %d questions in plain, %v", a.Status, plain, a.Failure)
			}
			if !fallback && (a.RCode != wire.RCodeServFail ||
				a.Failure.Cause != cause.ServerIdentity || plain > 0) {
				t.Errorf("strict: %v %v, %d questions in plain", a.RCode, a.Failure, plain)
			}
		})
	}
}
