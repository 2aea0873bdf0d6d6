// How many nodes of a fleet may be withdrawn at once.

package announce

import (
	"context"
	"fmt"

	"bailiwick/internal/fleet"
	"bailiwick/internal/pattern"
)

// Permits are what a node of a fleet needs to withdraw its routes while it answers: there are so
// many, and a node without one stays announced. So nodes that fail for one reason, such as a zone
// that all of them depend on, are never all withdrawn. They are keys of the store that a fleet
// shares; without a store that works there is none to be had.
type Permits struct {
	Store fleet.Store
	Group string // of nodes that stand in for each other
	Node  string
	Most  int

	held int // which one, from 1 on; 0: none
}

func (p *Permits) key(n int) string { return fmt.Sprintf("bailiwick:withdrawn:%s:%d", p.Group, n) }

// Take reports whether this node has a permit, and gets or renews one.
func (p *Permits) Take(ctx context.Context) (bool, error) {
	if p.held > 0 {
		values, err := p.Store.Get(ctx, []string{p.key(p.held)})
		if err != nil {
			return true, err // whoever has it by now, this node was allowed to
		}
		if len(values) == 1 && string(values[0]) == p.Node {
			return true, p.write(ctx)
		}
		p.held = 0 // it has ended, or the store has lost it
	}
	for n := 1; n <= p.Most; n++ {
		ours, err := p.Store.Claim(ctx, p.key(n), permitTime)
		if err != nil {
			return false, err
		}
		if ours {
			p.held = n
			return true, p.write(ctx)
		}
	}
	return false, nil
}

func (p *Permits) write(ctx context.Context) error {
	return p.Store.Put(ctx, []fleet.Entry{{Key: p.key(p.held), Value: []byte(p.Node),
		Life: permitTime}})
}

// Give gives the permit back, if this node has one.
func (p *Permits) Give(ctx context.Context) error {
	if p.held == 0 {
		return nil
	}
	key := p.key(p.held)
	values, err := p.Store.Get(ctx, []string{key})
	if p.held = 0; err != nil || len(values) != 1 || string(values[0]) != p.Node {
		return err
	}
	return p.Store.Put(ctx, []fleet.Entry{{Key: key}})
}

// word is what a group and a node may be called.
var word = pattern.New(`^[A-Za-z0-9._-]{1,64}$`)

// Check reports what is wrong with the names and the number.
func (p *Permits) Check() error {
	switch {
	case !word.In(p.Group), !word.In(p.Node):
		return fmt.Errorf("group %q, node %q: letters, digits, dots, hyphens and underscores",
			p.Group, p.Node)
	case p.Most < 1 || p.Most > maxPermits:
		return fmt.Errorf("%d nodes that may be withdrawn: there have to be 1 to %d", p.Most,
			maxPermits)
	}
	return nil
}
