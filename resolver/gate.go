// What a resolver may still store when another one has taken over its caches.

package resolver

import (
	"slices"
	"sync"

	"bailiwick/wire"
)

// gate keeps a resolver from storing data that its successor would not accept: what it began goes
// on for some seconds, by its own settings.
type gate struct {
	mu   sync.RWMutex // held while something is stored
	shut []wire.Name  // at and below these nothing is stored; guarded by mu
}

// enter reports whether data of a name may be stored. If so, leave has to be called.
func (g *gate) enter(name wire.Name) bool {
	g.mu.RLock()
	if slices.ContainsFunc(g.shut, name.Within) {
		g.mu.RUnlock()
		return false
	}
	return true
}

func (g *gate) leave() { g.mu.RUnlock() }

// close keeps data at and below names from being stored, from its return on.
func (g *gate) close(names []wire.Name) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = append(g.shut, names...)
}
