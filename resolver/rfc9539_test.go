package resolver_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// narrow is a machine that has no descriptor for a connection.
type narrow struct {
	*lab.World
	probes atomic.Int32
}

func (n *narrow) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	if r.Via == transport.DoT {
		n.probes.Add(1)
		return nil, transport.ErrLocal
	}
	return n.World.Exchange(ctx, r)
}

// A probe that this machine could not send says nothing about a server: it is repeated soon, and
// not after a day as a failed one (RFC 9539, section 4.3).
func TestRFC9539ProbeThatWasNotMadeTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := oddWorld(nil)
		machine := &narrow{World: w}
		in := newNetwork(t, w, machine, func(c *resolver.Config) {
			c.Opportunistic = []transport.Protocol{transport.DoT}
		})
		in.resolve("somename.odd.example.", wire.TypeA)
		synctest.Wait()
		first := machine.probes.Load()
		time.Sleep(time.Minute)
		in.resolve("another.odd.example.", wire.TypeA)
		synctest.Wait()
		if first == 0 || machine.probes.Load() == first {
			t.Errorf("%d probes, %d a minute later", first, machine.probes.Load())
		}
	})
}
