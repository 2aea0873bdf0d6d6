package fleetsim

import (
	"cmp"
	"slices"
)

// micros is a time since the beginning, in microseconds. An hour fits.
type micros = uint32

// due is a question of a name that will miss the memory of a node, or refresh it.
type due struct {
	at   micros
	name uint32
	node uint16
	life uint16 // of the node: how often it had begun anew; a due of an earlier life is void
	ends micros // when what the node has of the name ends; 0: it has nothing
}

// slot is the time that one list of the calendar is for.
const slot = 5000

// calendar has very many dues in order of time. They are sorted when their time has come.
type calendar struct {
	slots [][]due
	now   int // the slot that is taken from; -1: none yet
}

func newCalendar(end micros) *calendar {
	return &calendar{slots: make([][]due, end/slot+1), now: -1}
}

// add adds a due, unless it is after the end. It returns false if its slot is the one at hand.
func (c *calendar) add(d due) bool {
	n := int(d.at / slot)
	if n <= c.now {
		return false
	}
	if n < len(c.slots) {
		c.slots[n] = append(c.slots[n], d)
	}
	return true
}

// open begins the next slot, whose dues are returned in order.
func (c *calendar) open() ([]due, bool) {
	if c.now++; c.now >= len(c.slots) {
		return nil, false
	}
	list := c.slots[c.now]
	c.slots[c.now] = nil
	slices.SortFunc(list, func(a, b due) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.name, b.name),
			cmp.Compare(a.node, b.node))
	})
	return list, true
}

// step is something that happens soon.
type step struct {
	at    micros
	order uint64 // of those at the same time
	what  what
	ask   *ask
	due   due
	n     int // of a claim
}

// steps is a heap of steps.
type steps struct {
	list  []step
	order uint64
}

func (s *steps) less(i, j int) bool {
	a, b := &s.list[i], &s.list[j]
	return a.at < b.at || a.at == b.at && a.order < b.order
}

func (s *steps) push(x step) {
	s.order++
	x.order = s.order
	s.list = append(s.list, x)
	for i := len(s.list) - 1; i > 0; {
		up := (i - 1) / 2
		if !s.less(i, up) {
			break
		}
		s.list[i], s.list[up] = s.list[up], s.list[i]
		i = up
	}
}

func (s *steps) pop() step {
	top, last := s.list[0], len(s.list)-1
	s.list[0] = s.list[last]
	s.list[last] = step{}
	s.list = s.list[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && s.less(down+1, down) {
			down++
		}
		if !s.less(down, i) {
			break
		}
		s.list[i], s.list[down] = s.list[down], s.list[i]
		i = down
	}
	return top
}
