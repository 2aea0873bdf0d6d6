package resolver_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// An address that is silent is asked three times over each transport, at most, for a question (RFC
// 9520, section 3.1); and for all reasons together no more often than the limits allow.
func TestRFC9520ThreeTriesPerTransport(t *testing.T) {
	for name, script := range map[string]lab.Script{
		"silence": silence,
		"no TCP": func(q lab.Incoming) (lab.Reply, bool) {
			if q.TCP {
				return lab.Reply{Err: transport.ErrUnreachable}, true
			}
			return lab.Reply{}, true
		},
		"truncated, and no TCP": func(q lab.Incoming) (lab.Reply, bool) {
			if q.TCP {
				return lab.Reply{}, true
			}
			m := q.Honest()
			m.Truncated, m.Answer = true, nil
			return lab.Messages(m), true
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			in := newWorld(t, oddWorld(script), nil)
			if a := in.resolve("somename.odd.example.", wire.TypeA); a.RCode != servFail {
				t.Fatalf("%s: %s", name, a.RCode)
			}
			udp, tcp := 0, 0
			for line := range strings.Lines(in.transcript()) {
				switch {
				case strings.Contains(line, "somename") && strings.Contains(line, "TCP"):
					tcp++
				case strings.Contains(line, "somename"):
					udp++
				}
			}
			if udp > resolver.MaxTriesPerTransport || tcp > resolver.MaxTriesPerTransport {
				t.Errorf("%s: %d over UDP, %d over TCP", name, udp, tcp)
			}
		})
	}
}

// No more than MaxBogusTries bogus answers to a question are validated, however many servers there
// are.
func TestMaxBogusTries(t *testing.T) {
	limittest.Met(t, limit.BogusAnswers)
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		servers := make([]lab.ServerFaults, 2*resolver.MaxBogusTries)
		for i := range servers {
			servers[i] = lab.ServerFaults{lab.Forging}
		}
		w.Add(lab.Zone{Name: "forgers.example.", Records: "www A 192.0.2.1", Servers: servers})
		in := newWorld(t, w, nil)
		if a := in.resolve("www.forgers.example.", wire.TypeA); a.Status != wire.Bogus {
			t.Fatalf("%s %v", a.RCode, a.Failure)
		}
		if n := strings.Count(in.transcript(), "www.forgers"); n != resolver.MaxBogusTries {
			t.Errorf("%d were heard", n)
		}
	})
}

// poor is a machine that runs out of descriptors.
type poor struct {
	*lab.World
	lacks atomic.Bool
}

func (p *poor) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	if p.lacks.Load() {
		return nil, transport.ErrLocal
	}
	return p.World.Exchange(ctx, r)
}

// A lack of local resources is a cause of its own. It is held against no server and no name: when
// the lack ends names resolve at once, also for a question that is under way.
func TestLocalResourcesAreNobodysFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := oddWorld(nil)
		machine := &poor{World: w}
		in := newNetwork(t, w, machine, nil)
		expectAddress(t, in, "firstname.odd.example.")

		machine.lacks.Store(true)
		a := in.resolve("somename.odd.example.", wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.LocalResources {
			t.Errorf("%s %v", a.RCode, a.Failure)
		}
		k := cache.Key{Name: wire.MustParseName("somename.odd.example."), Type: wire.TypeA}
		if f, ok := in.cache.GetFailure(k, time.Now()); ok {
			t.Errorf("remembered: %v", f)
		}
		machine.lacks.Store(false)
		in.transcript()
		began := time.Now()
		expectAddress(t, in, "somename.odd.example.")
		if n := strings.Count(in.transcript(), "\n"); n != 1 || time.Since(began) > 0 {
			t.Errorf("when it has ended: %d packets, %v", n, time.Since(began))
		}

		machine.lacks.Store(true)
		time.AfterFunc(time.Second, func() { machine.lacks.Store(false) })
		expectAddress(t, in, "another.odd.example.")
	})
}

// However many questions wait for silent servers, no more than MaxOpenTries tries beyond the first
// of each are open.
func TestMaxOpenTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := silence
		in := newWorld(t, oddWorld(func(q lab.Incoming) (lab.Reply, bool) { return script(q) }),
			nil)
		in.resolve("nic.example.", wire.TypeA)
		const limit = resolver.MaxOpenTries / 32
		in.r.LimitOpenTries(limit)
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() { in.resolve(fmt.Sprintf("somename%d.odd.example.", i), wire.TypeA) })
		}
		most := 0
		for range 40 {
			time.Sleep(100 * time.Millisecond)
			most = max(most, in.r.OpenTries())
		}
		wg.Wait()
		if most > limit || most < limit/2 {
			t.Errorf("%d were open", most)
		}
		if n := in.r.OpenTries(); n != 0 {
			t.Errorf("%d are open when all is over", n)
		}
	})
}
