// Reducing a world in which a rule is broken to the fewest events with which it still is.

package simulate

import (
	"slices"
	"time"

	"bailiwick/internal/lab"
)

// plainRTT is the round trip to a server that is nothing special.
const plainRTT = 10 * time.Millisecond

// Reduce returns the smallest world that it finds by leaving things out, one after the other, for
// which fails still reports true. fails is called with at most so many worlds.
func Reduce(w *World, most int, fails func(*World) bool) *World {
	tried := 0
	try := func(smaller *World) bool {
		if tried++; tried > most || !fails(smaller) {
			return false
		}
		w = smaller
		return true
	}
	for before := -1; before != w.size() && tried <= most; {
		before = w.size()
		reduceQueries(&w, try)
		reduceOperator(&w, try)
		for i := len(w.Zones) - 1; i >= 0; i-- {
			if i < len(w.Zones) {
				try(w.without(w.Zones[i].Name))
			}
		}
		for i := range w.Zones {
			reduceZone(&w, i, try)
		}
	}
	return w
}

// size counts what a world consists of.
func (w *World) size() int {
	n := len(w.Queries) + len(w.Negatives) + len(w.Stubs) + len(w.Copies)
	for i := range w.Queries {
		if w.Queries[i].Restart {
			n++
		}
	}
	for _, on := range []bool{w.Stale, w.Revalidate} {
		if on {
			n++
		}
	}
	for i := range w.Zones {
		z := &w.Zones[i]
		n += 1 + len(z.Lines) + len(z.Faults) + len(z.Servers)
		for j, f := range z.Servers {
			n += len(f) + z.Links[j].size()
		}
	}
	return n
}

// size counts what is special of a link.
func (l *Link) size() (n int) {
	for _, x := range []bool{l.Loss > 0, l.Duplicate, l.Guess, l.Lucky != forgedNothing,
		l.Outage[1] > 0, l.RTT != plainRTT} {
		if x {
			n++
		}
	}
	return n
}

// reduceQueries leaves out as many queries as it can: halves, quarters and so on. The time between
// the others stays.
func reduceQueries(w **World, try func(*World) bool) {
	for part := len((*w).Queries) / 2; part > 0; part /= 2 {
		for from := 0; from < len((*w).Queries); {
			c := (*w).clone()
			to := min(from+part, len(c.Queries))
			if to < len(c.Queries) && c.Queries[to].After > 0 {
				for _, q := range c.Queries[from:to] {
					c.Queries[to].After += q.After
				}
			}
			c.Queries = slices.Delete(c.Queries, from, to)
			if len(c.Queries) == 0 || !try(c) {
				from += part
			}
		}
	}
}

// reduceOperator leaves out what it can of what the operator does.
func reduceOperator(w **World, try func(*World) bool) {
	change := func(f func(c *World)) {
		c := (*w).clone()
		if f(c); c.size() < (*w).size() {
			try(c)
		}
	}
	change(func(c *World) { c.Stale = false })
	change(func(c *World) { c.Revalidate = false })
	change(func(c *World) { c.Negatives = nil })
	change(func(c *World) { c.Stubs = nil })
	for i := len((*w).Copies) - 1; i >= 0; i-- {
		change(func(c *World) { c.Copies = slices.Delete(c.Copies, i, i+1) })
	}
	for i := range (*w).Queries {
		change(func(c *World) { c.Queries[i].Restart = false })
	}
}

// reduceZone leaves out what it can of a zone.
func reduceZone(w **World, i int, try func(*World) bool) {
	change := func(f func(z *Zone)) bool {
		c := (*w).clone()
		f(&c.Zones[i])
		return c.size() < (*w).size() && try(c)
	}
	for n := len((*w).Zones[i].Lines); n > 0; n-- {
		change(func(z *Zone) { z.Lines = slices.Delete(z.Lines, n-1, n) })
	}
	change(func(z *Zone) { z.Faults = nil })
	for j := len((*w).Zones[i].Servers) - 1; j >= 0; j-- {
		if j > 0 && change(func(z *Zone) {
			z.Servers = slices.Delete(z.Servers, j, j+1)
			z.Links = slices.Delete(z.Links, j, j+1)
		}) {
			continue
		}
		change(func(z *Zone) { z.Servers[j] = nil })
		for _, less := range []func(l *Link){
			func(l *Link) { l.Loss = 0 }, func(l *Link) { l.Duplicate = false },
			func(l *Link) { l.Guess = false }, func(l *Link) { l.Lucky = forgedNothing },
			func(l *Link) { l.Outage = Link{}.Outage }, func(l *Link) { l.RTT = plainRTT },
		} {
			change(func(z *Zone) { less(&z.Links[j]) })
		}
	}
	simplify := func(f func(z *Zone)) {
		c := (*w).clone()
		f(&c.Zones[i])
		if c.String() != (*w).String() {
			try(c)
		}
	}
	simplify(func(z *Zone) { z.Denial, z.Iterations, z.Salt = lab.NSEC, 0, "" })
	simplify(func(z *Zone) { z.Algorithm, z.Denial, z.Iterations = lab.Unsigned, lab.NSEC, 0 })
}
