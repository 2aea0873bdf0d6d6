// The network goes away and comes back.

package resolver_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// A link is down for 40 seconds while clients go on asking, for names that are known and for new
// ones. When it is back every name is right: at once where the resolver is told, and within five
// seconds where nobody noticed, as the fault was behind the next router. What is known is answered
// meanwhile, with the network as the reason, however a resolution ended. Others needed a restart:
// NLnetLabs/unbound 830, systemd/systemd 13730, 25212 and 16724, coredns/coredns 1202.
func TestNetworkDownFor40SecondsThenEveryNameIsRight(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error // in place of replies
		told   bool
		within time.Duration
	}{
		{"no route", transport.ErrUnreachable, true, 0},
		{"no network", transport.ErrNoNetwork, true, 0},
		{"silence, and the link is seen to come back", nil, true, 2 * time.Second},
		{"silence", nil, false, 5 * time.Second},
		{"no route, unseen", transport.ErrUnreachable, false, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.New(time.Now())
			zones := []string{"a.", "b.", "c.", "d.", "e.a.", "f.b."}
			for i, z := range zones {
				signed := lab.Zone{Name: z, Records: "* A 192.0.2.1", TTL: 5,
					Servers: []lab.ServerFaults{nil, nil}}
				if i%2 > 0 {
					signed.Algorithm = lab.Unsigned
				}
				w.Add(signed)
			}
			var down atomic.Bool
			w.Path = func(_ lab.Incoming, r lab.Reply) lab.Reply {
				if down.Load() {
					return lab.Reply{Err: c.err}
				}
				return r.After(time.Millisecond)
			}
			in := newWorld(t, w, nil)
			ask := func(round int) (failed []string) {
				for i, z := range zones {
					for _, n := range []string{"lost", "known", fmt.Sprintf("n%d", round)} {
						n = fmt.Sprintf("%s%d.%s", n, i, z)
						a := in.resolve(n, wire.TypeA)
						if a.RCode != noError || a.Stale != resolver.StaleNone {
							failed = append(failed, n+" "+a.Failure.Error())
						}
					}
				}
				return failed
			}
			for i, z := range zones {
				in.resolve(fmt.Sprintf("known%d.%s", i, z), wire.TypeA)
			}
			down.Store(true)
			var asking sync.WaitGroup
			for i, z := range zones {
				asking.Go(func() { // a client that asks again when it has an answer
					for n := 0; down.Load(); n++ {
						in.resolve(fmt.Sprintf("lost%d.%s", n%5, z), wire.TypeA)
						in.resolve(fmt.Sprintf("new%d.%s", n, z), wire.TypeA)
						time.Sleep(50 * time.Millisecond)
					}
				})
				asking.Go(func() {
					for down.Load() {
						time.Sleep(5 * time.Second)
						in.resolve(fmt.Sprintf("known%d.%s", i, z), wire.TypeA)
					}
				})
			}
			time.Sleep(40 * time.Second)
			for i, z := range zones {
				a := in.resolve(fmt.Sprintf("known%d.%s", i, z), wire.TypeA)
				if a.Stale == resolver.StaleNone ||
					a.Failure.Under != nil && a.Failure.Under.Cause != cause.UplinkDown {
					t.Errorf("%s: known%d.%s: %v", c.name, i, z, a.Failure)
				}
			}
			down.Store(false)
			if c.told {
				in.r.NetworkChanged()
			}
			back := time.Now()
			for failed := ask(1); failed != nil; failed = ask(2) {
				if time.Since(back) > c.within {
					t.Errorf("%s: %v after it is back: %v", c.name, time.Since(back), failed)
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			asking.Wait()
		})
	}
}
