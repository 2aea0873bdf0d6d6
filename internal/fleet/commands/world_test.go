package commands

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/counter"
	"bailiwick/internal/fleet"
	"bailiwick/internal/fleet/fleettest"
)

// world is a fleet in a bubble of testing/synctest, with a store that the test may change.
type world struct {
	t       *testing.T
	store   *fleettest.Store
	nodes   []*node
	secrets []fleet.Secret    // of nodes that join
	ahead   time.Duration     // of the time of day of nodes that join
	kept    map[string]string // zones of nodes that have ended, which their disks have

	mu       sync.Mutex
	looks    int   // at all places of nodes; guarded by mu
	pretence image // what the store shows in place of what it has; guarded by mu
	stalled  bool  // the store does not reply; guarded by mu
}

// pretender is a store that shows something else than what it has.
type pretender struct {
	*fleettest.Store
	w *world
}

// Get implements fleet.Store.
func (s pretender) Get(ctx context.Context, keys []string) ([][]byte, error) {
	if err := s.stall(ctx); err != nil {
		return nil, err
	}
	values, err := s.Store.Get(ctx, keys)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if len(keys) == maxNodes {
		s.w.looks++
	}
	for i := range values {
		if v, ok := s.w.pretence[keys[i]]; ok {
			values[i] = v
		}
	}
	return values, err
}

// Put implements fleet.Store.
func (s pretender) Put(ctx context.Context, entries []fleet.Entry) error {
	if err := s.stall(ctx); err != nil {
		return err
	}
	return s.Store.Put(ctx, entries)
}

// Publish implements fleet.Store.
func (s pretender) Publish(ctx context.Context, channel, message string) error {
	if err := s.stall(ctx); err != nil {
		return err
	}
	return s.Store.Publish(ctx, channel, message)
}

// stall waits for as long as somebody does, if the store does not reply.
func (s pretender) stall(ctx context.Context) error {
	s.w.mu.Lock()
	stalled := s.w.stalled
	s.w.mu.Unlock()
	if !stalled {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// looked returns how often nodes have looked at all places since the last call.
func (w *world) looked() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, w.looks = w.looks, 0
	return n
}

// stall has the store not reply, or again.
func (w *world) stall(stalled bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stalled = stalled
}

// pretend has the store show values in place of what it has, nil for nothing.
func (w *world) pretend(im image) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pretence = im
}

// journal is where the store has the commands of a node.
func (n *node) journal() string {
	n.Member.mu.Lock()
	defer n.Member.mu.Unlock()
	return journalKey(n.id)
}

// node is one of its nodes. What its operator sees of commands is a set of zones.
type node struct {
	*Member
	t     *testing.T
	name  string
	fleet *fleet.Fleet
	log   *strings.Builder

	mu      sync.Mutex
	ahead   time.Duration // of its time of day
	holds   time.Duration // how long its commands do; 0: two days
	zones   map[string]bool
	done    []string // operations, in their order
	refuses string   // an operation that it refuses
	disk    []byte   // nil: empty
	full    bool     // the disk is
	first   []byte   // secret that is used
	others  [][]byte // secrets that are accepted
	facts   map[string]string
	broken  []Incident
}

// Now and Ahead implement clock.Clock.
func (n *node) Now() time.Time { return time.Now() }

func (n *node) Ahead() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ahead
}

var _ clock.Clock = (*node)(nil)

// play runs a story in a bubble with a number of nodes.
func play(t *testing.T, nodes int, story func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, store: fleettest.New(), kept: map[string]string{},
			secrets: secretsOfTest[:1]}
		defer func() {
			for _, n := range w.nodes {
				n.Close()
				n.fleet.Close()
			}
		}()
		for i := range nodes {
			w.join(fmt.Sprintf("ns%d", i+1), nil)
			pass(170 * time.Millisecond) // their rounds do not come at the same moments
		}
		story(w)
	})
}

// secretsOfTest are those of the fleet of tests.
var secretsOfTest = []fleet.Secret{fleet.NewSecret(bytes.Repeat([]byte{1}, 32)),
	fleet.NewSecret(bytes.Repeat([]byte{2}, 32))}

// join starts a node with what is on its disk.
func (w *world) join(name string, disk []byte) *node {
	zones := map[string]bool{}
	if disk != nil {
		for _, zone := range strings.Fields(w.kept[name]) {
			zones[zone] = true
		}
	}
	n := &node{t: w.t, ahead: w.ahead, name: name, log: &strings.Builder{},
		zones: zones, disk: disk,
		facts: map[string]string{"policy": "1"}}
	log := slog.New(slog.NewTextHandler(n.log, nil))
	n.fleet = fleet.New(fleet.Parts{Clock: n, Log: log, Writes: &counter.Outcomes{},
		Open: func(fleet.Settings) fleet.Store { return pretender{w.store, w} }})
	n.fleet.Use(fleet.Settings{Config: fleet.Config{Store: "192.0.2.1:6379"},
		Secrets: w.secrets})
	n.Member = New(Parts{Clock: n, Log: log, Store: n.fleet, Build: "test", Apply: n.apply,
		Share: func(first []byte, others [][]byte) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.first, n.others = first, others
		},
		Versions: func() map[string]string {
			n.mu.Lock()
			defer n.mu.Unlock()
			return maps.Clone(n.facts)
		},
		Incidents: func() []Incident {
			n.mu.Lock()
			defer n.mu.Unlock()
			return slices.Clone(n.broken)
		},
		Load: func(read func(io.Reader) error) error {
			if n.disk == nil {
				return fs.ErrNotExist
			}
			return read(bytes.NewReader(n.disk))
		},
		Save: func(write func(io.Writer) error) error {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				return err
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.full {
				return errors.New("no space left on device")
			}
			n.disk = b.Bytes()
			return nil
		}})
	n.Use(func() (bool, string) { return true, name })
	w.nodes = append(w.nodes, n)
	return n
}

// stop ends a node, and returns what is on its disk.
func (w *world) stop(n *node) []byte {
	n.Close()
	n.fleet.Close()
	w.kept[n.name] = n.has()
	w.nodes = slices.DeleteFunc(w.nodes, func(o *node) bool { return o == n })
	return n.saved()
}

// saved returns what is on a node's disk.
func (n *node) saved() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return bytes.Clone(n.disk)
}

// apply does an operation: zones are added and removed.
func (n *node) apply(c Command, node string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch n.done = append(n.done, strings.TrimSpace(c.Op+" "+c.Args["zone"])); {
	case c.Op == n.refuses:
		return errors.New("not here\nand nowhere")
	case c.Op == "add":
		n.zones[c.Args["zone"]] = true
	case c.Op == "remove":
		delete(n.zones, c.Args["zone"])
	}
	return nil
}

// give has a node issue a command about a zone.
func (n *node) give(op, zone string) Receipt {
	n.t.Helper()
	r, err := n.try(op, zone)
	if err != nil {
		n.t.Fatalf("%s %s at %s: %v", op, zone, n.name, err)
	}
	return r
}

// try is give of what may fail.
func (n *node) try(op, zone string) (Receipt, error) {
	c := Command{Op: op, Args: map[string]string{"zone": zone}, Key: "zone " + zone, Clears: true,
		By: "uid 0", Until: n.now().Add(cmp.Or(n.holds, 48*time.Hour)).Unix()}
	if op == flushOp {
		c.Key, c.Clears = "", false
	}
	return n.Issue(c, func() error { return n.apply(c, "") })
}

// has tells the zones that a node has.
func (n *node) has() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(n.zones)), " ")
}

// expect fails unless all nodes have these zones.
func (w *world) expect(when, zones string) {
	w.t.Helper()
	for _, n := range w.nodes {
		if got := n.has(); got != zones {
			w.t.Errorf("%s: %s has %q, want %q\n%s", when, n.name, got, zones, n.log)
		}
	}
}

// skip has the time of day be later at all nodes, as if they had been asleep.
func (w *world) skip(d time.Duration) {
	w.ahead += d
	for _, n := range w.nodes {
		n.mu.Lock()
		n.ahead += d
		n.mu.Unlock()
	}
	pass(2 * roundEvery)
}

// pass lets time pass.
func pass(d time.Duration) { time.Sleep(d); synctest.Wait() }

// key returns the store's keys that contain a text.
func (w *world) keys(part string) (keys []string) {
	for _, k := range w.store.Keys() {
		if strings.Contains(k, part) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// image is what the store has at a moment, as a copy of its disk is.
type image map[string][]byte

// image takes one of keys that contain a text.
func (w *world) image(part string) image {
	im := image{}
	for _, k := range w.keys(part) {
		im[k] = bytes.Clone(w.store.Value(k))
	}
	return im
}

// restore has the store have what it had.
func (w *world) restore(im image) {
	for k, v := range im {
		w.store.Set(k, v, time.Hour)
	}
}

// drop removes the keys that contain a text.
func (w *world) drop(part string) {
	for _, k := range w.keys(part) {
		w.store.Set(k, nil, 0)
	}
}
