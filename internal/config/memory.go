// The division of the process's memory.

package config

import "bailiwick/cache"

// Memory is the division of the process's memory, in bytes.
type Memory struct {
	Total int64 // what the process takes at most
	Held  int64 // of it, for what clients and peers make it hold: the ledger's total
	Heap  int64 // of it, for what Go's runtime manages: its memory limit
}

// What the process takes besides caches and what is held, in bytes, as measured.
const (
	imageMemory = 24 << 20 // the pages of the program itself, and kernel structures
	baseMemory  = 24 << 20 // the heap of an idle server
	// idleMemory is what the caches get none of: an idle server with its garbage.
	idleMemory = 64 << 20
	// minHeld is the least that is left for what is held: a hundred connections and queries.
	minHeld = 8 << 20
	// queryMemory is what one query in work takes with all that it causes.
	queryMemory = 64 << 10
	// minCopies is the least that copies of zones get where there are some: the root takes 3 MB.
	minCopies = 4 << 20
	// connectionMemory is what one connection takes with its streams.
	connectionMemory = 128 << 10
)

// copies returns what copies of zones may take. While one is replaced there are two of it.
func (c *Config) copies() int64 {
	if !c.LocalRoot && len(c.Held)+len(c.RPZ)+len(c.Catalogs) == 0 {
		return 0
	}
	return 2 * c.Secondary.Octets
}

// tailored returns what answers for some networks may take.
func (c *Config) tailored() int64 {
	if !c.Resolver.ECS.On() {
		return 0
	}
	return c.Resolver.ECS.Memory
}

// Caches returns what the caches may take.
func (c *Config) Caches() int { return c.Cache.Memory + int(c.tailored()) }

// Division returns how the process's memory is divided. With memory.total, the caches, copies of
// zones and what is held fit into it, and a third more than what lives is left for garbage. Without
// it, as much may be held as all other limits allow together.
func (c *Config) Division() Memory {
	caches := int64(c.Cache.Memory)
	packed := int64(cache.OffHeap(c.Cache.Memory))
	heap := caches - packed + c.tailored()
	if c.Total > 0 {
		limit := c.Total - imageMemory - packed
		held := limit*3/4 - baseMemory - heap - c.copies()
		return Memory{Total: c.Total, Heap: limit, Held: held}
	}
	g := &c.Transport.Gate
	held := g.Memory + int64(g.Max)*connectionMemory + int64(c.Resolver.MaxFlights)*queryMemory
	limit := heap*3/2 + 64<<20 + (held+c.copies())*4/3
	return Memory{Total: limit + packed + imageMemory, Heap: limit, Held: held}
}

// divide gives the keys that the file does not set their part of memory.total.
func (p *reader) divide() {
	c := p.c
	if c.Total == 0 {
		return
	}
	part := func(name string, bytes int64) {
		if k := lookUp(name); !c.Given(name) {
			_ = k.set(c, value{int: bytes})
			c.text[name] = k.render(k.valueOf(c))
		}
	}
	if c.copies() > 0 {
		part("zones.memory", min(c.Secondary.Octets, max(minCopies, c.Total/32)))
	}
	part("cache.memory", max(cache.MinMemory, (c.Total-idleMemory-c.copies()-c.tailored())/2))
	part("connections.memory", min(c.Transport.Gate.Memory, max(1<<20, c.Division().Held/2)))
}

// memoryContradictions finds parts that exceed the total.
func (p *reader) memoryContradictions(say reporter) {
	c := p.c
	if c.Total == 0 || c.bad["cache.memory"] || c.bad["connections.memory"] {
		return
	}
	held := c.Division().Held
	switch {
	case held < minHeld && c.copies() > 0 && c.Given("zones.memory"):
		say("zones.memory", "memory.total %s leaves too little for clients beside %s of caches "+
			"(cache.memory) and twice %s of copies of zones (zones.memory)", sizeText(c.Total),
			sizeText(int64(c.Cache.Memory)), sizeText(c.Secondary.Octets))
	case held < minHeld:
		say("memory.total", "memory.total %s leaves too little for clients beside %s of caches "+
			"(cache.memory)", sizeText(c.Total), sizeText(int64(c.Cache.Memory)))
	case c.Transport.Gate.Memory > held:
		say("connections.memory", "connections.memory %s is above the %s that memory.total leaves "+
			"for clients", sizeText(c.Transport.Gate.Memory), sizeText(held))
	}
}
