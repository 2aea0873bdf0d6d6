package resolver_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// A network loses half of all replies. At first each lost packet is waited for; once the loss is
// seen, questions are sent to both servers of a zone at once, and the median is that of a network
// without loss. Without loss no question is sent twice.
func TestLossIsMetWithTwoPackets(t *testing.T) {
	const zones, names = 40, 400
	for _, c := range []struct {
		loss        float64
		median      time.Duration
		packetsEach float64
	}{{0, 20 * time.Millisecond, 1}, {0.5, 21 * time.Millisecond, 3}} {
		t.Run(fmt.Sprint(c.loss), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := lab.Internet(time.Now())
				for i := range zones {
					w.Add(lab.Zone{Name: fmt.Sprintf("z%d.example.", i), Algorithm: lab.Unsigned,
						Records: "* A 192.0.2.1", Servers: []lab.ServerFaults{nil, nil}})
				}
				random, loss := rand.New(rand.NewPCG(3, 4)), 0.0
				var mu sync.Mutex
				w.Path = func(in lab.Incoming, r lab.Reply) lab.Reply {
					mu.Lock()
					defer mu.Unlock()
					if random.Float64() < loss && !in.TCP {
						return lab.Reply{}
					}
					return r.After(20 * time.Millisecond)
				}
				in := newWorld(t, w, nil)
				for i := range 2 * zones { // both servers of each become known
					in.resolve(fmt.Sprintf("warm%d.z%d.example.", i, i%zones), wire.TypeA)
				}
				mu.Lock()
				loss = c.loss
				mu.Unlock()
				var took []time.Duration
				for i := range 2 * names {
					if i == names {
						in.transcript()
					}
					began := time.Now()
					a := in.resolve(fmt.Sprintf("n%d.z%d.example.", i, i%zones), wire.TypeA)
					if a.RCode != noError {
						t.Errorf("n%d: %v", i, a.Failure)
					}
					if i >= names {
						took = append(took, time.Since(began))
					}
				}
				slices.Sort(took)
				each := float64(strings.Count(in.transcript(), "\n")) / names
				if took[names/2] > c.median || each > c.packetsEach {
					t.Errorf("median %v, %.2f packets each", took[names/2], each)
				}
			})
		})
	}
}
