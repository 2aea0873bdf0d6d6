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

// lateProbes is a network whose replies over DoT come after a time.
type lateProbes struct {
	*lab.World
	by time.Duration
}

func (l *lateProbes) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	if r.Via == transport.DoT {
		time.Sleep(l.by)
	}
	return l.World.Exchange(ctx, r)
}

// What a probe finds out is known of the server that it went to, however long it takes: the
// question that it began with is over by then, and its memory serves others (RFC 9539, section
// 4.4).
func TestRFC9539SlowProbeIsOfItsServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := oddWorld(nil)
		in := newNetwork(t, w, &lateProbes{w, 300 * time.Millisecond}, func(c *resolver.Config) {
			c.Opportunistic = []transport.Protocol{transport.DoT}
		})
		in.resolve("somename.odd.example.", wire.TypeA)
		time.Sleep(time.Second)
		synctest.Wait()
		began := time.Now()
		in.resolve("another.odd.example.", wire.TypeA)
		if time.Since(began) != 300*time.Millisecond {
			t.Errorf("the next question took %v, and so did not go over DoT", time.Since(began))
		}
	})
}
