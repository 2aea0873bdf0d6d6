// What was flushed here: the store has it still.

package fleet

import (
	"slices"
	"sync"

	"bailiwick/wire"
)

// flushes are the names that were flushed, and when. Without them an operator who has a name
// forgotten would get it back from the store.
type flushes struct {
	mu   sync.Mutex
	list []flush // guarded by mu
}

type flush struct {
	name    wire.Name
	subtree bool
	at      int64 // second of the time of day
}

// add remembers a flush. Of too many the oldest two become one of all names.
func (f *flushes) add(name wire.Name, subtree bool, at int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = slices.DeleteFunc(f.list, func(o flush) bool {
		return o.name == name && (subtree || !o.subtree) || subtree && o.name.Within(name)
	})
	if f.list = append(f.list, flush{name, subtree, at}); len(f.list) > maxFlushes {
		last := f.list[1].at
		f.list = append([]flush{{wire.Root, true, last}}, f.list[2:]...)
	}
}

// after reports whether a name was flushed in the second that something was stored in, or later.
func (f *flushes) after(name wire.Name, stored int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.list, func(o flush) bool {
		return o.at >= stored && (o.name == name || o.subtree && name.Within(o.name))
	})
}
