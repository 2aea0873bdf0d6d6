// What a restart must not forget.

package commands

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"time"
)

// memory is what a member saves. Secrets in it are sealed, as they are in the store.
type memory struct {
	ID       string            `json:"id"`
	Last     uint64            `json:"last"`
	Applied  map[string]uint64 `json:"applied"`
	Journals []*journal        `json:"journals"`
	Audit    []Entry           `json:"audit"`
}

// save saves it. The caller holds mu.
func (m *Member) save() error {
	s := memory{ID: m.id, Last: m.last, Applied: m.applied, Audit: m.audit}
	for _, j := range m.journals {
		s.Journals = append(s.Journals, j)
	}
	m.acked, m.saved = false, m.now()
	return m.parts.Save(func(w io.Writer) error { return json.NewEncoder(w).Encode(s) })
}

// load takes over what another process of this node has saved: one before this one, or one that was
// to come after it, and has ended (see upgrade in cmd/bailiwick). A node that remembers nothing is
// a new one: it gets what holds, and what was taken back does not come back to it. The caller holds
// mu.
func (m *Member) load() {
	var s memory
	err := m.parts.Load(func(r io.Reader) error { return json.NewDecoder(r).Decode(&s) })
	if err == nil {
		err = s.wrong(m.now())
	}
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			m.parts.Log.Error("what was saved of commands of the fleet is not known: this node "+
				"gets those that hold again", "error", err.Error())
		}
		if m.id == "" {
			m.id = newID()
			_ = m.save() // it is logged
		}
		return
	}
	if s.ID == m.id && s.Last <= m.last { // this process has saved it, and knows more
		return
	}
	m.id, m.last, m.audit = s.ID, max(m.last, s.Last), s.Audit
	m.applied, m.journals = map[string]uint64{}, map[string]*journal{}
	maps.Copy(m.applied, s.Applied)
	for _, j := range s.Journals {
		m.journals[j.ID] = j
	}
}

// wrong returns what is wrong with what was saved.
func (s *memory) wrong(now time.Time) error {
	if !isID(s.ID) {
		return errors.New("it has no name of this node")
	}
	for _, j := range s.Journals {
		// The time of day may have been set back meanwhile.
		if o := j.judge(j.ID, now.Add(MaxLife)); o != Good || !isID(j.ID) {
			return errors.New("a journal in it is " + o.why())
		}
	}
	return nil
}
