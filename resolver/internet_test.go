// The lab as the network of the resolver's tests.

package resolver_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// internet is a world and a resolver that asks its servers.
type internet struct {
	t     testing.TB
	world *lab.World
	cache *cache.Store
	r     *resolver.Resolver
	cfg   resolver.Config
	parts resolver.Parts
}

// newInternet returns the lab's internet; it has to be called in the test's bubble, whose clock it
// signs for.
func newInternet(t testing.TB) *internet { return newWorld(t, lab.Internet(time.Now()), nil) }

// newWorld returns a world with a resolver; change may alter its configuration.
func newWorld(t testing.TB, w *lab.World, change func(*resolver.Config)) *internet {
	t.Helper()
	return newNetwork(t, w, w, change)
}

// newNetwork is newWorld with a network between the two.
func newNetwork(t testing.TB, w *lab.World, ex transport.Exchanger,
	change func(*resolver.Config)) *internet {
	t.Helper()
	cfg, anchors := labtest.Resolver(w)
	cfg.Prefetch = false
	if change != nil {
		change(&cfg)
	}
	in := &internet{t: t, world: w, cfg: cfg, parts: resolver.Parts{Anchors: anchors, Exchanger: ex,
		Clock: clock.Real{}}}
	return in.withMemory(cache.DefaultMemory)
}

// withMemory returns the same internet with another resolver, which has caches of that many bytes.
func (in *internet) withMemory(octets int) *internet {
	other := *in
	cfg := cache.Default()
	cfg.Memory = octets
	other.cache = cache.New(cfg)
	other.parts.Cache = other.cache
	other.r = resolver.New(other.cfg, other.parts)
	in.t.Cleanup(other.r.Close)
	return &other
}

func (in *internet) resolve(name string, t wire.Type) *resolver.Answer {
	return in.ask(name, t, resolver.Options{})
}

func (in *internet) ask(name string, t wire.Type, o resolver.Options) *resolver.Answer {
	q := wire.Question{Name: wire.MustParseName(name), Type: t, Class: wire.ClassIN}
	return in.r.Resolve(context.Background(), q, o)
}

// transcript returns the questions that were sent upstream since the last call.
func (in *internet) transcript() string {
	var b strings.Builder
	for _, e := range in.world.Transcript() {
		fmt.Fprintf(&b, "%v %s %s", e.Server, e.Name, e.Type)
		if e.TCP {
			b.WriteString(" TCP")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// types lists the types of an answer's sets.
func types(sets []*wire.RRset) (ts []wire.Type) {
	for _, s := range sets {
		ts = append(ts, s.Type)
	}
	return ts
}
