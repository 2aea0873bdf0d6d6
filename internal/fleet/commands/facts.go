// What nodes tell of how they are: versions of what decides answers, and what is broken.

package commands

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Incident is something that is broken at a node.
type Incident struct {
	Zone    string    `json:"zone"`
	Cause   string    `json:"cause"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	Queries uint64    `json:"queries"`
	Clients uint64    `json:"clients"`
	// Maintenance is whether the node expects the zone to fail.
	Maintenance bool   `json:"maintenance,omitempty"`
	Question    string `json:"question"`
	Detail      string `json:"detail,omitempty"`
}

// facts are what a node tells, as one signed value.
type facts struct {
	ID        string            `json:"id"`
	At        int64             `json:"at"` // milliseconds of the time of day
	Versions  map[string]string `json:"versions"`
	Incidents []Incident        `json:"incidents"`
}

// Node is how it is with a node.
type Node struct {
	ID, Name, Build string
	Here            bool // it is this one
	Heard           time.Time
	Silent          bool // it was not heard of lately
	// Behind is how many nodes have given commands that it has not applied.
	Behind int
	Same   bool // its versions are those of this node
	// Differs are the versions that are others: those of the node and of this one.
	Differs   []Difference
	Incidents []Incident
	Unknown   bool // what it tells of itself cannot be read now
}

// Difference is a version that two nodes do not share.
type Difference struct{ What, There, Here string }

// gather returns what this node tells.
func (m *Member) gather(now time.Time) *facts {
	f := &facts{At: now.UnixMilli(), Versions: m.parts.Versions(),
		Incidents: m.parts.Incidents()}
	f.Incidents = f.Incidents[:min(len(f.Incidents), maxIncidents)]
	for i := range f.Incidents {
		d := &f.Incidents[i]
		d.Zone, d.Question = cut(d.Zone, maxArg), cut(d.Question, maxArg)
		d.Detail = cut(d.Detail, 2*maxText)
	}
	for !f.small() {
		switch n := len(f.Incidents); {
		case n > 0:
			f.Incidents = f.Incidents[:n/2]
		default:
			f.Versions = map[string]string{"all": digestOf(f.Versions)}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	f.ID = m.id
	m.versions, m.factsAt = f.Versions, now
	return f
}

// small reports whether there is room for facts.
func (f *facts) small() bool {
	b, err := json.Marshal(f)
	return err == nil && len(b) <= maxFacts-signedHead-64
}

// digestOf returns a digest of versions.
func digestOf(versions map[string]string) string {
	h := sha256.New()
	for _, what := range slices.Sorted(maps.Keys(versions)) {
		fmt.Fprintf(h, "%q: %q\n", what, versions[what])
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Nodes returns how it is with all nodes, this one first.
func (m *Member) Nodes() []Node {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.on {
		return nil
	}
	own := digestOf(m.versions)
	known := m.known(now)
	for id, seq := range m.applied {
		known[id] = max(known[id], seq)
	}
	behind := func(applied map[string]uint64) (n int) {
		for id, seq := range known {
			if applied[id] < seq {
				n++
			}
		}
		return n
	}
	list := []Node{{ID: m.id, Name: m.name, Build: m.parts.Build, Here: true, Heard: now,
		Behind: behind(m.applied), Same: true}}
	for _, id := range slices.Sorted(maps.Keys(m.peers)) {
		p := m.peers[id]
		list = append(list, Node{ID: id, Name: p.Name, Build: p.Build, Heard: time.UnixMilli(p.At),
			Silent: !p.fresh(now), Behind: behind(p.Applied), Same: p.Differs == own})
	}
	return list
}

// Ask returns Nodes with what each tells of itself: what differs, and what is broken.
func (m *Member) Ask() []Node {
	list, ctx, secrets := m.Nodes(), m.context(), m.parts.Store.Secrets()
	if ctx == nil || secrets == nil {
		return list
	}
	list[0].Incidents = m.parts.Incidents()
	own := m.parts.Versions()
	ctx, cancel := context.WithTimeout(ctx, ackTime)
	defer cancel()
	const atOnce = 16 // a reply has maxFacts octets for each
	for from := 1; from < len(list); from += atOnce {
		part := list[from:min(from+atOnce, len(list))]
		keys := make([]string, len(part))
		for i := range part {
			keys[i] = factsKey(part[i].ID)
		}
		values, err := m.parts.Store.Read(ctx, keys)
		for i := range part {
			n := &part[i]
			var f facts
			if err != nil || values[i] == nil {
				n.Unknown = true
				continue
			}
			switch o := verify(secrets, someFact, maxFacts, values[i], &f); {
			case o != Good:
				m.counts.add(o)
				n.Unknown = true
			case !f.fits(n.ID, m.now()):
				n.Unknown = true
			default:
				n.Differs, n.Incidents = differences(f.Versions, own), f.Incidents
			}
		}
	}
	return list
}

// fits reports whether facts are a node's, of late, and may stand in logs and on terminals.
func (f *facts) fits(id string, now time.Time) bool {
	at := time.UnixMilli(f.At)
	if f.ID != id || len(f.Incidents) > maxIncidents || at.After(now.Add(maxSkew)) ||
		now.Sub(at) > freshTime+factsEvery {
		return false
	}
	for what, version := range f.Versions {
		if !fits(what, maxArg) || !fits(version, maxArg) {
			return false
		}
	}
	for i := range f.Incidents {
		d := &f.Incidents[i]
		if !fits(d.Zone, maxArg) || !fits(d.Cause, maxText) || !fits(d.Question, maxArg) ||
			!fits(d.Detail, 2*maxText) {
			return false
		}
	}
	return true
}

// differences compares the versions of a node with those here.
func differences(there, here map[string]string) (list []Difference) {
	for _, what := range slices.Sorted(maps.Keys(there)) {
		if there[what] != here[what] {
			list = append(list, Difference{what, there[what], here[what]})
		}
	}
	for _, what := range slices.Sorted(maps.Keys(here)) {
		if _, ok := there[what]; !ok {
			list = append(list, Difference{what, "", here[what]})
		}
	}
	return list
}

// Status is how it is with the commands of a fleet.
type Status struct {
	On      bool
	Node    string // its name
	Holding int    // commands
	Missing string // commands that the store withholds, "" if none are
	Unused  string // why something in the store is not used, "" if all is
	Skewed  string // why the clock of this node is wrong, "" if it is not
	Deaf    string // why this node does not hear of commands at once, "" if it does
}

// Status returns how it is.
func (m *Member) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := Status{On: m.on, Node: m.name, Missing: m.gap.Problem(), Unused: m.foreign.Problem(),
		Skewed: m.skewed.Problem(), Deaf: m.deaf.Problem()}
	for _, j := range m.journals {
		s.Holding += len(j.Commands)
	}
	return s
}
