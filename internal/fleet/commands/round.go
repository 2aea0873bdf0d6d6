// What a member does each second: look at what others have told, do what they ask, tell of itself.

package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"bailiwick/internal/fleet"
	"bailiwick/internal/guard"
)

// round is one of them. It is the only goroutine that reads the store.
func (m *Member) round(ctx context.Context) {
	secrets := m.parts.Store.Secrets()
	if secrets == nil {
		return
	}
	now := m.now()
	m.unused = false
	if m.hears.Load() {
		m.deaf.Note(nil)
	}
	m.expire(now)
	if m.look(ctx, secrets, now) == nil {
		m.catchUp(ctx, secrets, now)
		m.makeSecrets(ctx, secrets, now)
		m.repeat(ctx, secrets, now)
		if m.tell(ctx, secrets, m.now()) == nil {
			m.hint(ctx)
		}
	}
	m.share(secrets, now)
	if !m.unused {
		m.foreign.Note(nil)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.acked && now.Sub(m.saved) >= auditEvery {
		_ = m.save() // it is logged
	}
}

// expire forgets what does not hold any more, and nodes that have been silent for long.
func (m *Member) expire(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := false
	for id, j := range m.journals {
		changed = j.expire(now) || changed
		if len(j.Commands) == 0 {
			delete(m.journals, id)
			delete(m.applied, id)
			changed = true
		}
	}
	maps.DeleteFunc(m.peers, func(_ string, p *peer) bool { // or the clock was set back
		return now.Sub(time.UnixMilli(p.At)) > goneTime ||
			time.UnixMilli(p.At).After(now.Add(maxSkew))
	})
	if m.told > now.Add(maxSkew).UnixMilli() { // it was: no node has believed that
		m.told = 0
	}
	m.forgetClocks()
	if changed {
		_ = m.save() // it is logged
	}
}

// look reads what nodes tell of themselves.
func (m *Member) look(ctx context.Context, secrets []fleet.Secret, now time.Time) error {
	keys := make([]string, maxNodes)
	for i := range keys {
		keys[i] = placeKey(i)
	}
	values, err := m.parts.Store.Read(ctx, keys)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	mine, occupied := false, map[int]bool{}
	for i, v := range values {
		if occupied[i] = v != nil; v == nil {
			continue
		}
		h, o := readHead(secrets, v, now)
		if h.ID != m.id && (o == Good || o == Replayed || o == Future) {
			m.compare(&h)
		}
		switch {
		case o == Replayed && m.peers[h.ID] != nil && m.peers[h.ID].At == h.At:
			// it is silent, and known as such
		case o == Replayed && now.Sub(time.UnixMilli(h.At)) <= headLife+maxSkew:
			m.counts.add(Over) // of a node that has ended
		case o == Future:
			m.note(o, "what node "+h.Name+" tells of itself: its clock is ahead of the one here")
		case o != Good:
			m.note(o, "what a node tells of itself")
		case h.ID == m.id:
			mine = mine || h.Run == m.run && i == m.place
			occupied[i] = h.Run == m.run // else it is the place of the process before this one
			m.twin(&h)
		default:
			m.hear(&h, now)
		}
	}
	m.skewed.Note(m.clockError(now))
	m.amend(now)
	m.settle(mine, occupied)
	m.acknowledge(now)
	return nil
}

// hear learns what another node tells of itself. The caller holds mu.
func (m *Member) hear(h *head, now time.Time) {
	old := m.peers[h.ID]
	switch {
	case old == nil && !m.room(now):
		m.note(Malformed, "there are more than "+itoa(maxNodes)+" nodes")
	case old == nil || h.At > old.At:
		p := &peer{head: *h, heard: now}
		if old != nil && old.Run == h.Run {
			p.noted, p.heard, p.proven = old.noted, old.heard, old.proven
		}
		p.proven = p.proven || slices.Contains(h.Heard, m.run)
		m.peers[h.ID] = p
	case h.At < old.At:
		m.note(Replayed, "what node "+h.Name+" has told before")
	}
}

// room makes room for another node, in place of the one that has been silent for longest: nodes
// without a state directory are new ones whenever they start. It reports whether there is any. The
// caller holds mu.
func (m *Member) room(now time.Time) bool {
	if len(m.peers) < maxNodes {
		return true
	}
	longest := slices.MinFunc(slices.Collect(maps.Values(m.peers)), func(a, b *peer) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID))
	})
	if longest.fresh(now) {
		return false
	}
	delete(m.peers, longest.ID)
	return true
}

// twin looks whether another process has the name of this node: its state was copied. The caller
// holds mu.
func (m *Member) twin(h *head) {
	if h.Run == m.run || h.At <= m.twinAt {
		return
	}
	m.twinAt = h.At
	if m.twins++; m.twins < twinWords { // the process before this one has ended
		return
	}
	m.twins = 0
	old := m.id
	m.renew()
	if j := m.journals[old]; j != nil { // it stays a journal, of a node that is the other's alone
		m.applied[old] = j.Last
	}
	m.parts.Log.Warn("another node has the state directory of this one, or a copy: this node has "+
		"another identity from now on", "node", m.name, "was", old, "is", m.id)
	_ = m.save() // it is logged
}

// twinWords is how many words of another process make it another node.
const twinWords = int(freshTime / roundEvery)

// settle finds a place in the store, if there is none or another node is in it. The caller holds
// mu.
func (m *Member) settle(mine bool, occupied map[int]bool) {
	switch {
	case mine, m.placed && !occupied[m.place]:
		m.taken = 0
		return
	case m.placed:
		if m.taken++; m.taken < 3 {
			return
		}
	}
	m.taken = 0
	home := homeOf(m.id)
	if m.placed {
		home = int(random(1)[0]) % maxNodes
	}
	m.placed = true
	for i := range maxNodes {
		if m.place = (home + i) % maxNodes; !occupied[m.place] {
			return
		}
	}
}

// known returns up to which number some node has the commands of each, as nodes have told lately
// that have answered this one. The caller holds mu.
func (m *Member) known(now time.Time) map[string]uint64 {
	known := map[string]uint64{}
	for _, p := range m.peers {
		if !p.fresh(now) || !p.proven {
			continue
		}
		for id, seq := range p.Applied {
			known[id] = max(known[id], seq)
		}
	}
	return known
}

// pending is a command that is to be applied here.
type pending struct {
	Command
	of *journal
}

// catchUp reads the journals that this node lacks a part of, and applies that.
func (m *Member) catchUp(ctx context.Context, secrets []fleet.Secret, now time.Time) {
	m.mu.Lock()
	known, lacks := m.known(now), []string(nil)
	for _, id := range slices.Sorted(maps.Keys(known)) {
		switch j := m.held[id]; {
		case known[id] <= m.applied[id]:
			delete(m.missing, id)
		case j == nil || j.Last < known[id]:
			lacks = append(lacks, id)
		}
	}
	for _, id := range lacks {
		delete(m.held, id)
	}
	m.mu.Unlock()
	turn := m.turn(lacks)
	keys := make([]string, len(turn))
	for i, id := range turn {
		keys[i] = journalKey(id)
	}
	var got []*journal
	if len(keys) > 0 {
		values, err := m.parts.Store.Read(ctx, keys)
		if err != nil {
			return
		}
		for i, v := range values {
			if j := m.accept(secrets, turn[i], known[turn[i]], v, now); j != nil {
				got = append(got, j)
			}
		}
	}
	m.apply(m.release(got, lacks, known, now), now)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tellGap(known, now)
}

// release returns the journals that can be applied, of those that were read now and before. One
// that has a command of before the last of a journal that is still lacking is held: that one may
// have taken the command back. So a store that withholds a journal does not bring back, at a node
// that is new or was away, what was taken back; later commands are not kept away by it. Nor is a
// journal used that has more than any node has told of: whoever has heard only of nodes that were
// away as well does not know yet what is lacking.
func (m *Member) release(got []*journal, lacks []string, known map[string]uint64,
	now time.Time) (ready []*journal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range got {
		m.held[j.ID] = j
		delete(m.missing, j.ID)
	}
	latest := uint64(0)
	for _, id := range lacks {
		if m.held[id] == nil && known[id] <= seqOf(now.Add(maxSkew)) { // else no node uses it
			latest = max(latest, known[id])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.held)) {
		j := m.held[id]
		if slices.ContainsFunc(j.Commands, func(c Command) bool {
			return c.Seq > m.applied[id] && (c.Seq < latest || c.Seq > known[id])
		}) {
			continue
		}
		delete(m.held, id)
		if j.Last > m.applied[id] && known[id] > 0 {
			ready = append(ready, j)
		}
	}
	return ready
}

// turn returns as many of a list as are read in a round, those that follow each time: what the
// store withholds must not keep the rest away.
func (m *Member) turn(list []string) []string {
	if len(list) <= maxJournals {
		return list
	}
	at := m.turns % len(list)
	m.turns += maxJournals
	return slices.Concat(list[at:], list[:at])[:maxJournals]
}

// accept returns a journal of the store, nil if it is of no use. It has to have all that some node
// has of it: an older one would bring back what was taken back since.
func (m *Member) accept(secrets []fleet.Secret, id string, known uint64, v []byte,
	now time.Time) *journal {
	if v != nil {
		j, o := readJournal(secrets, id, v, now)
		if o == Good && j.Last < known {
			o = Replayed
		}
		m.mu.Lock()
		if o == Good && m.journals[id] == nil && len(m.journals) >= maxNodes {
			o = Malformed
		}
		m.mu.Unlock()
		if o == Good {
			return j
		}
		m.note(o, "commands of node "+m.nameOf(id))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.missing[id].IsZero() {
		m.missing[id] = now
	}
	return nil
}

// nameOf returns how the operator calls a node.
func (m *Member) nameOf(id string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.called(id)
}

// called is nameOf for who holds mu.
func (m *Member) called(id string) string {
	switch {
	case id == m.id:
		return m.name
	case m.peers[id] != nil:
		return m.peers[id].Name
	case m.journals[id] != nil:
		return m.journals[id].Name
	}
	return id
}

// apply does what is new in journals, in the order of the numbers, and remembers then that it was
// done.
func (m *Member) apply(got []*journal, now time.Time) {
	if len(got) == 0 {
		return
	}
	m.applying.Lock()
	defer m.applying.Unlock()
	var todo []pending
	m.mu.Lock()
	for _, j := range got {
		for _, c := range j.Commands {
			if c.Seq > m.applied[j.ID] {
				todo = append(todo, pending{c, j})
				m.enter(&c, j)
			}
		}
		m.journals[j.ID] = j
	}
	m.mu.Unlock()
	slices.SortFunc(todo, func(a, b pending) int { return order(a.Seq, a.of.ID, b.Seq, b.of.ID) })
	for i := range todo {
		m.do(&todo[i], now)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, j := range got {
		m.applied[j.ID], m.last = j.Last, max(m.last, j.Last)
		delete(m.missing, j.ID)
	}
	_ = m.save() // it is logged; what is not saved is done again after a restart
}

// do does what a command says, unless it does not hold.
func (m *Member) do(p *pending, now time.Time) {
	m.mu.Lock()
	replaced := m.replaced(&p.Command, p.of.ID)
	m.mu.Unlock()
	switch {
	case !now.Before(p.ends()):
		m.counts.add(Over)
		return
	case replaced:
		m.counts.add(Replaced)
		return
	case p.Op == secretsOp: // share sees it
		m.counts.add(Applied)
		return
	}
	err := errFault // one that every node would meet, and again after each restart
	m.parts.Guard.Run(guard.Upkeep, func() { err = m.parts.Apply(p.Command, p.of.Name) })
	if err == nil {
		m.counts.add(Applied)
		return
	}
	m.counts.add(Refused)
	m.mu.Lock()
	defer m.mu.Unlock()
	why := cut(err.Error(), maxText)
	m.failed = append(m.failed, failure{p.of.ID, p.Seq, why})
	m.failed = m.failed[max(0, len(m.failed)-maxFailed):]
	m.refusal(p.of.ID, p.Seq, m.name, why)
}

// errFault is the reason to refuse a command that this server fails at by a fault of its own.
var errFault = errors.New("the server has met a fault of its own")

// replaced reports whether a later command holds in place of one. The caller holds mu.
func (m *Member) replaced(c *Command, id string) bool {
	for other, j := range m.journals {
		for i := range j.Commands {
			o := &j.Commands[i]
			if o.replaces(c) && order(o.Seq, other, c.Seq, id) > 0 {
				return true
			}
		}
	}
	return false
}

// tellGap has the log tell of commands that others have and the store has not. The caller holds mu.
func (m *Member) tellGap(known map[string]uint64, now time.Time) {
	maps.DeleteFunc(m.missing, func(id string, _ time.Time) bool { return known[id] == 0 })
	for _, id := range slices.Sorted(maps.Keys(m.missing)) {
		if now.Sub(m.missing[id]) >= gapTime {
			m.gap.Note(fmt.Errorf("those of node %s up to number %d", m.called(id), known[id]))
			return
		}
	}
	for _, id := range slices.Sorted(maps.Keys(m.peers)) {
		if p := m.peers[id]; p.fresh(now) && !p.proven && now.Sub(p.heard) >= gapTime {
			m.gap.Note(fmt.Errorf("node %s does not hear of this one", p.Name))
			return
		}
	}
	m.gap.Note(nil)
}

// repeat writes journals into the store that a node lacks a part of: their issuer does, or, while
// it is silent, the first node that has them.
func (m *Member) repeat(ctx context.Context, secrets []fleet.Secret, now time.Time) {
	var entries []fleet.Entry
	m.mu.Lock()
	for id, j := range m.journals {
		if m.applied[id] < j.Last || !m.lacked(id, j.Last, now) || !m.mayRepeat(id, j.Last, now) ||
			now.Sub(m.repeated[id]) < repeatEvery && !now.Before(m.repeated[id]) {
			continue
		}
		m.repeated[id] = now
		entries = append(entries, fleet.Entry{Key: journalKey(id), Life: journalLife,
			Value: sign(&secrets[0], aJournal, j)})
	}
	m.mu.Unlock()
	if entries != nil {
		_ = m.parts.Store.Write(ctx, entries) // it is noted, and comes again
	}
}

// lacked reports whether some node lacks commands. The caller holds mu.
func (m *Member) lacked(id string, last uint64, now time.Time) bool {
	for _, p := range m.peers {
		if p.fresh(now) && p.Applied[id] < last {
			return true
		}
	}
	return false
}

// mayRepeat reports whether this node is who writes a journal again. The caller holds mu.
func (m *Member) mayRepeat(id string, last uint64, now time.Time) bool {
	if id == m.id {
		return true
	}
	for other, p := range m.peers {
		if p.fresh(now) && p.Applied[id] >= last && (other == id || other < m.id) {
			return false
		}
	}
	return true
}

// tell writes what this node tells of itself.
func (m *Member) tell(ctx context.Context, secrets []fleet.Secret, now time.Time) error {
	m.mu.Lock()
	due := now.Sub(m.factsAt) >= factsEvery || now.Before(m.factsAt)
	m.mu.Unlock()
	var f *facts
	if due {
		f = m.gather(now)
	}
	m.mu.Lock()
	h := head{ID: m.id, Run: m.run, Name: m.name, At: max(now.UnixMilli(), m.told+1),
		Applied: map[string]uint64{}, Failed: slices.Clone(m.failed),
		Build: cut(m.parts.Build, maxText), Differs: digestOf(m.versions)}
	for _, id := range m.latest() {
		h.Applied[id] = m.applied[id]
	}
	for _, p := range m.peers {
		if p.fresh(now) && now.Sub(p.heard) < greetTime {
			h.Heard = append(h.Heard, p.Run)
		}
	}
	m.told = h.At
	entries := []fleet.Entry{{Key: placeKey(m.place), Life: headLife,
		Value: sign(&secrets[0], aHead, h)}}
	m.mu.Unlock()
	if f != nil {
		entries = append(entries, fleet.Entry{Key: factsKey(h.ID), Life: factsLife,
			Value: sign(&secrets[0], someFact, f)})
	}
	return m.parts.Store.Write(ctx, entries) // an error is noted, and it comes again
}

// latest returns the nodes whose commands hold, at most as many as a head has room for: those that
// were heard of last come first. The caller holds mu.
func (m *Member) latest() []string {
	ids := slices.SortedFunc(maps.Keys(m.journals), func(a, b string) int {
		return cmp.Or(cmp.Compare(m.applied[b], m.applied[a]), cmp.Compare(a, b))
	})
	return ids[:min(len(ids), maxNodes)]
}
