package resolver_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/wire"
)

// interrupted is a clock whose reader is interrupted at one of its readings.
type interrupted struct {
	clock.Real
	left atomic.Int32
	by   func()
}

func (c *interrupted) Now() time.Time {
	if c.left.Add(-1) == 0 {
		c.by()
	}
	return c.Real.Now()
}

// Two clients ask for a name. One is interrupted at any moment, also between its look into the
// cache, which has nothing, and the beginning of a fetch; meanwhile the other is answered. The
// servers are asked once.
func TestFetchThatBeginsLateFindsWhatAnotherHasStored(t *testing.T) {
	const name = "www.secure.example."
	for reading := range int32(40) {
		synctest.Test(t, func(t *testing.T) {
			in := newInternet(t)
			c := &interrupted{}
			in.parts.Clock = c
			in = in.withMemory(cache.DefaultMemory)
			in.resolve("secure.example.", wire.TypeNS) // the zones above are known
			in.transcript()
			c.by = func() {
				go in.resolve(name, wire.TypeA)
				synctest.Wait()
			}
			c.left.Store(reading + 1)
			if a := in.resolve(name, wire.TypeA); a.Status != wire.Secure {
				t.Errorf("reading %d: %s %v", reading, a.Status, a.Failure)
			}
			synctest.Wait()
			if asked := in.transcript(); strings.Count(asked, name+" A") != 1 {
				t.Errorf("reading %d: asked\n%s", reading, asked)
			}
		})
	}
}
