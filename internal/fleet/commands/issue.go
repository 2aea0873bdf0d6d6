// Commands that are given here.

package commands

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Receipt tells what has become of a command.
type Receipt struct {
	Seq     uint64
	Applied []string          // nodes that have done it, this one first
	Waiting []string          // nodes that were heard of lately and have not done it yet
	Silent  []string          // nodes that were not, and get it when they are back
	Refused map[string]string // why, by node
	// Unsaved is why a restart of this node would forget the command before others have it; nil: it
	// would not.
	Unsaved error
	Problem string // why the store does not pass it on now, "" if nothing is known
}

// errOff is the error of a node that is in no fleet.
var errOff = errors.New("there is no fleet to tell: fleet.store and fleet.commands are not set, " +
	"or the server ends")

// Issue has a command done here by a function and then, unless that fails, by all nodes. It waits
// for some seconds until they have. The command needs no number.
func (m *Member) Issue(c Command, here func() error) (Receipt, error) {
	return m.issue(func(uint64) Command { return c }, here)
}

// issue is Issue of a command that knows its number.
func (m *Member) issue(of func(seq uint64) Command, here func() error) (r Receipt, err error) {
	if r, err = m.write(of, here); err != nil {
		return r, err
	}
	ctx := m.context()
	if ctx == nil { // the next process passes it on
		m.follow(&r)
		return r, nil
	}
	late := time.NewTimer(ackTime)
	defer late.Stop()
	look := time.NewTicker(ackLook)
	defer look.Stop()
	for waits := true; waits; {
		m.wake()
		select {
		case <-look.C:
		case <-late.C:
			waits = false
		case <-ctx.Done():
			waits = false
		}
		waits = !m.follow(&r) && waits
	}
	return r, nil
}

// ackLook is the pause between two looks for what nodes have done.
const ackLook = 200 * time.Millisecond

// write does a command here and puts it into this node's journal.
func (m *Member) write(of func(seq uint64) Command, here func() error) (r Receipt, err error) {
	m.applying.Lock()
	defer m.applying.Unlock()
	now := m.now()
	m.mu.Lock()
	m.amend(now)
	wrong := m.clockError(now)
	seq := max(m.last+1, seqOf(now))
	on, own := m.on && m.parts.Store.Secrets() != nil, m.journals[m.id]
	if own == nil {
		own = &journal{ID: m.id}
	}
	own = &journal{ID: own.ID, Commands: slices.Clone(own.Commands)} // others may expire
	name := m.name
	m.mu.Unlock()
	switch {
	case !on:
		return r, errOff
	case wrong != nil:
		return r, fmt.Errorf("%w: they would not use the command, and nothing was done. Set the "+
			"clock, or give it to another node", wrong)
	case seq > seqOf(now.Add(maxSkew)):
		return r, fmt.Errorf("nothing was done, as no node would use the command: this node knows "+
			"commands of %s, which is later than its clock shows. If that is wrong, set it. If "+
			"it was wrong then, this node commands again when it hears of another node whose "+
			"clock agrees with it", time.UnixMicro(int64(seq)).UTC().Format(time.RFC3339))
	}
	c := of(seq)
	c.Seq, c.By = seq, cut(c.By, 2*maxText)
	if !c.right() {
		return r, errors.New("the command holds for too long, or its arguments are too long")
	}
	next, err := own.with(c)
	if err != nil {
		return r, err
	}
	next.Name = name
	if err := here(); err != nil {
		return r, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.id != own.ID { // see twin
		return r, errors.New("this node has got another identity meanwhile, and the others do " +
			"not know of the command: give it again")
	}
	m.journals[m.id], m.applied[m.id], m.last = next, seq, seq
	delete(m.repeated, m.id)
	m.enter(&c, next)
	m.counts.add(Issued)
	r.Seq, r.Unsaved = seq, m.save()
	return r, nil
}

// follow tells who has done a command, and reports whether all have that were heard of lately.
func (m *Member) follow(r *Receipt) bool {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	r.Applied, r.Waiting, r.Silent, r.Refused = []string{m.name}, nil, nil, map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(m.peers)) {
		p := m.peers[id]
		switch done := p.Applied[m.id] >= r.Seq; {
		case !p.fresh(now) && !done:
			r.Silent = append(r.Silent, p.Name)
		case !done:
			r.Waiting = append(r.Waiting, p.Name)
		default:
			if f := slices.IndexFunc(p.Failed, func(f failure) bool {
				return f.Of == m.id && f.Seq == r.Seq
			}); f >= 0 {
				r.Refused[p.Name] = p.Failed[f].Why
				continue
			}
			r.Applied = append(r.Applied, p.Name)
		}
	}
	return len(r.Waiting) == 0
}
