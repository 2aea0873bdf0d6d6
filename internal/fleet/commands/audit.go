// The audit trail: who has commanded what, from where, and which nodes have done it.

package commands

import (
	"maps"
	"slices"
	"time"
)

// Entry is a command in the audit trail.
type Entry struct {
	Seq     uint64            `json:"seq"`
	ID      string            `json:"id"`   // of the node that it was given to
	Node    string            `json:"node"` // the name of that
	By      string            `json:"by"`   // who gave it
	Op      string            `json:"op"`
	Args    string            `json:"args,omitempty"`
	Applied []string          `json:"applied"` // nodes that have acknowledged it
	Refused map[string]string `json:"refused,omitempty"`
}

// Made returns when the command was given.
func (e *Entry) Made() time.Time { return time.UnixMicro(int64(e.Seq)) }

// Audit returns the commands that this node knows of, the last first: more than those that hold.
func (m *Member) Audit() []Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Entry, 0, len(m.audit))
	for _, e := range m.audit {
		e.Applied, e.Refused = slices.Clone(e.Applied), maps.Clone(e.Refused)
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Entry) int { return order(b.Seq, b.ID, a.Seq, a.ID) })
	return list
}

// enter puts a command into the trail, as one that this node has done. The caller holds mu.
func (m *Member) enter(c *Command, j *journal) {
	if m.entry(j.ID, c.Seq) != nil {
		return
	}
	e := Entry{Seq: c.Seq, ID: j.ID, Node: j.Name, By: c.By, Op: c.Op, Applied: []string{m.name}}
	if c.Op != secretsOp { // whose argument is sealed, and tells nobody anything
		e.Args = c.text()
	}
	m.audit = append(m.audit, e)
	if len(m.audit) > maxAudit {
		slices.SortFunc(m.audit, func(a, b Entry) int { return order(a.Seq, a.ID, b.Seq, b.ID) })
		m.audit = slices.Clone(m.audit[len(m.audit)-maxAudit:])
	}
}

// entry returns that of a command, nil if there is none. The caller holds mu.
func (m *Member) entry(id string, seq uint64) *Entry {
	i := slices.IndexFunc(m.audit, func(e Entry) bool { return e.ID == id && e.Seq == seq })
	if i < 0 {
		return nil
	}
	return &m.audit[i]
}

// refusal notes that a node has refused a command. The caller holds mu.
func (m *Member) refusal(id string, seq uint64, node, why string) {
	e := m.entry(id, seq)
	if e == nil || e.Refused[node] == why ||
		e.Refused[node] == "" && len(e.Refused) >= maxNodes {
		return
	}
	if e.Refused == nil {
		e.Refused = map[string]string{}
	}
	e.Refused[node] = why
	e.Applied = slices.DeleteFunc(e.Applied, func(n string) bool { return n == node })
	m.acked = true
}

// acknowledge notes what nodes have done since they were asked last. The caller holds mu.
func (m *Member) acknowledge(now time.Time) {
	for _, p := range m.peers {
		if p.noted == p.At || !p.fresh(now) {
			continue
		}
		p.noted = p.At
		for _, f := range p.Failed {
			m.refusal(f.Of, f.Seq, p.Name, f.Why)
		}
		for i := range m.audit {
			e := &m.audit[i]
			if p.Applied[e.ID] < e.Seq || slices.Contains(e.Applied, p.Name) ||
				e.Refused[p.Name] != "" || len(e.Applied) >= maxNodes {
				continue
			}
			e.Applied = append(e.Applied, p.Name)
			m.acked = true
		}
	}
}
