// Package commands has the nodes of a fleet do what an operator asks one of them to, by a store
// that none of them trusts. docs/fleet.md has what an operator sees of it, and decision 8 why it is
// as it is.
//
//   - A node keeps the commands that were given to it, as one signed journal, until they do not
//     hold any more. The store has a copy, which is written again whenever a node lacks it.
//   - Each node tells once a second, signed and with the time, up to which number it has applied
//     the commands of each. A journal is used only if such a word that is some seconds old at most
//     vouches for it, and if it is not older than any of them: so nothing can be replayed, not even
//     to a node that has lost its memory.
//   - A command is applied first and remembered then: who crashes in between applies it again,
//     which changes nothing. Of two commands about one name the later one holds, whichever comes
//     first.
package commands

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/fleet"
	"bailiwick/internal/guard"
	"bailiwick/internal/rounds"
	"bailiwick/internal/trouble"
)

// Store is what nodes leave for each other in; nothing that it returns is trusted. *[fleet.Fleet]
// is one.
type Store interface {
	Read(ctx context.Context, keys []string) ([][]byte, error)
	Write(ctx context.Context, entries []fleet.Entry) error
	Claim(ctx context.Context, key string, life time.Duration) (bool, error)
	Publish(ctx context.Context, channel, message string) error
	Listen(ctx context.Context, channel string, begun func(), heard func(message string)) error
	// Secrets returns those of the fleet, the one that signs first; nil: there is no store now.
	Secrets() []fleet.Secret
}

// Parts are the dependencies of a member.
type Parts struct {
	Clock clock.Clock
	Log   *slog.Logger
	Guard *guard.Guard // it may be nil
	Store Store
	Build string // of the program
	// Apply does what a command of another node says. An error is a refusal; it is told to the
	// node that has issued the command.
	Apply func(c Command, node string) error
	// Share has a secret be used for what clients keep of this server, and others be accepted.
	Share func(first []byte, others [][]byte)
	// Versions returns what decides answers here: a digest or a serial by name.
	Versions func() map[string]string
	// Incidents returns what is broken here.
	Incidents func() []Incident
	Load      func(read func(io.Reader) error) error
	Save      func(write func(io.Writer) error) error
}

// Member is this node's part in the commands of a fleet. It does nothing until Use.
type Member struct {
	parts  Parts
	counts Counts
	hints  Hints
	hears  atomic.Bool   // what others publish
	heeded trouble.Lines // of messages that had a round begin
	deaf   *trouble.State
	run    string // name of this process
	turns  int    // journals that were read, while there were many; rounds' alone

	using sync.Mutex // held while it begins or ends; it comes before all others

	// applying is held while a command is applied here, so that two about one name are applied in
	// the order of their numbers. It comes before mu.
	applying sync.Mutex

	mu       sync.Mutex
	on       bool           // guarded by mu, as is all below
	rounds   *rounds.Rounds // nil: it is off
	name     string
	id       string
	last     uint64 // the highest number that was issued or seen
	applied  map[string]uint64
	journals map[string]*journal
	failed   []failure
	audit    []Entry
	acked    bool      // the audit trail has acknowledgements that are not saved
	saved    time.Time // when it was

	peers    map[string]*peer
	clocks   map[string]*reading // of other nodes
	place    int                 // in the store
	placed   bool
	taken    int    // rounds in a row in which something else was there
	twins    int    // words of another process with this node's name
	twinAt   int64  // At of the last one
	told     int64  // At of the last head
	hinted   uint64 // the last number of a command given here that others were told of
	missing  map[string]time.Time
	held     map[string]*journal // read; what is missing may have taken commands back
	repeated map[string]time.Time
	versions map[string]string
	factsAt  time.Time
	shared   string // digest of what was given to Share

	gap, foreign, skewed *trouble.State
	unused               bool // something in the store was not used in this round; its own
}

// peer is another node.
type peer struct {
	head
	noted int64     // At of the word that the audit trail has
	heard time.Time // when this process of it was heard of for the first time
	// proven is whether it has answered this process: before that, all that it seems to tell may be
	// from before this process has begun.
	proven bool
}

// fresh reports whether what a node has told is recent enough to be believed.
func (p *peer) fresh(now time.Time) bool { return now.Sub(time.UnixMilli(p.At)) <= freshTime }

// New returns a member with what an earlier process has saved, which is off.
func New(p Parts) *Member {
	m := &Member{parts: p, run: newID(), applied: map[string]uint64{},
		journals: map[string]*journal{}, peers: map[string]*peer{},
		missing: map[string]time.Time{}, repeated: map[string]time.Time{},
		held: map[string]*journal{}, clocks: map[string]*reading{}}
	m.heeded.Most = maxHeeded
	m.deaf = trouble.New(p.Log, "the fleet's store does not tell of commands: they are seen with "+
		"the next look", "the fleet's store tells of commands again")
	m.skewed = trouble.New(p.Log, "this node is not understood by the fleet, and commands nobody",
		"the clock of this node is right again by those of the fleet")
	m.gap = trouble.New(p.Log, "commands of the fleet are missing in its store",
		"no commands of the fleet are missing any more")
	m.foreign = trouble.New(p.Log, "the fleet's store has commands that are not used",
		"the commands in the fleet's store are in order again")
	return m
}

// Use has the member begin, end or go on, as a function wants that is called when no other Use is
// under way. The end waits for commands that are being given or applied.
func (m *Member) Use(as func() (on bool, name string)) {
	m.using.Lock()
	defer m.using.Unlock()
	on, name := as()
	m.mu.Lock()
	if m.on = on; on {
		m.name = cut(name, maxText)
	}
	if on && m.rounds == nil {
		m.load()
	}
	m.mu.Unlock()
	switch {
	case on && m.rounds == nil:
		r := rounds.New(m.parts.Guard, nil, roundEvery)
		r.Start(func() (idle bool) { // others wait for what this node tells each second
			m.round(r.Context())
			return false
		})
		r.Go(func() { m.listen(r.Context()) }, nil)
		m.mu.Lock()
		m.rounds = r
		m.mu.Unlock()
	case !on && m.rounds != nil:
		m.rounds.Close()
		m.applying.Lock() // the next process reads what is saved, a command being given included
		m.mu.Lock()
		m.rounds = nil
		_ = m.save() // it is logged
		clear(m.peers)
		m.placed, m.shared = false, "" // the server may have another secret when this begins again
		m.mu.Unlock()
		m.applying.Unlock()
	}
}

// Close ends it.
func (m *Member) Close() { m.Use(func() (bool, string) { return false, "" }) }

// wake has a round begin now.
func (m *Member) wake() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rounds != nil {
		m.rounds.Wake()
	}
}

// context returns what ends when the rounds do, nil if there are none.
func (m *Member) context() context.Context {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rounds == nil {
		return nil
	}
	return m.rounds.Context()
}

// now returns the time of day.
func (m *Member) now() time.Time { return clock.Wall(m.parts.Clock) }

// Counts returns the counters of all outcomes.
func (m *Member) Counts() *Counts { return &m.counts }

// note counts why something in the store is not used. Rounds alone call it.
func (m *Member) note(o Outcome, what string) {
	m.counts.add(o)
	m.unused = true
	m.foreign.Note(fmt.Errorf("%s: %s", o.Label(), what))
}

// random returns octets that nobody can guess.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // it never fails
	return b
}

func itoa(n int) string { return strconv.Itoa(n) }

// homeOf returns the place of a node that it tries first.
func homeOf(id string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return int(h.Sum32() % maxNodes)
}
