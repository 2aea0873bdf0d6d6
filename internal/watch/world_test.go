// A lab whose zones are watched, in a time of its own.

package watch

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

const bank = "bank.example."

// world is an internet with a book of watched zones.
type world struct {
	*Book
	t        *testing.T
	lab      *lab.World
	clock    *clock.Fake
	resolver *resolver.Resolver
	log      bytes.Buffer
	disk     []byte
	quiet    map[string]bool // zones in maintenance
	why      func(*resolver.Answer) *cause.Failure
	answered [2]uint64
}

// begun is when the worlds begin.
var begun = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// newWorld returns a world with a zone that is watched.
func newWorld(t *testing.T, spec lab.Zone) *world {
	w := &world{t: t, lab: lab.New(begun), clock: clock.NewFake(begun), quiet: map[string]bool{}}
	w.lab.Add(lab.Zone{Name: "example."})
	if spec.Name == "" {
		spec.Name = bank
	}
	w.lab.Add(spec)
	cfg, anchors := labtest.Resolver(w.lab)
	w.resolver = resolver.New(cfg, resolver.Parts{Cache: cache.New(cache.Default()),
		Anchors: anchors, Exchanger: w.lab, Clock: w.clock})
	t.Cleanup(w.resolver.Close)
	w.why = func(a *resolver.Answer) *cause.Failure {
		if a.RCode == wire.RCodeServFail {
			return a.Failure
		}
		return nil
	}
	w.restart()
	return w
}

// restart ends the process, and starts another.
func (w *world) restart() {
	if w.Book != nil {
		_ = w.save()
	}
	c := Default()
	c.NoIPv6 = true
	c.Queries = 100000
	c.Zones = []Zone{{Name: wire.MustParseName(bank), Owner: "dns-team"}}
	w.Book = NewBook(c, Parts{Clock: w.clock, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Over: w.lab, Resolve: w.resolver.Resolve,
		Why:        func(a *resolver.Answer) *cause.Failure { return w.why(a) },
		Answered:   func() (uint64, uint64) { return w.answered[0], w.answered[1] },
		Maintained: func(n wire.Name) bool { return w.quiet[n.String()] },
		Load: func(read func(io.Reader) error) error {
			if w.disk == nil {
				return fs.ErrNotExist
			}
			return read(bytes.NewReader(w.disk))
		},
		Save: func(write func(io.Writer) error) error {
			var b bytes.Buffer
			err := write(&b)
			w.disk = b.Bytes()
			return err
		}})
}

// look has the bank's zone probed.
func (w *world) look() State {
	w.t.Helper()
	w.probe(context.Background(), w.zones[0])
	return w.state()
}

// state returns what is known of the bank's zone.
func (w *world) state() State { return w.List(begun)[0] }

// pass lets time pass, with a probe each step.
func (w *world) pass(d, step time.Duration) State {
	w.t.Helper()
	for ; d > 0; d -= step {
		w.clock.Advance(min(step, d))
		w.look()
	}
	return w.state()
}

// want compares the findings of the bank's zone; one that may pass has a question mark.
func (w *world) want(ids ...string) {
	w.t.Helper()
	var have []string
	for _, f := range w.state().Findings {
		id := f.ID
		if f.Passing {
			id += "?"
		}
		have = append(have, id)
	}
	slices.Sort(have)
	slices.Sort(ids)
	if !slices.Equal(have, ids) {
		w.t.Errorf("findings: %q, want %q\n%+v", have, ids, w.state().Findings)
	}
}

// logged reports how often the log has a text.
func (w *world) logged(text string) int { return strings.Count(w.log.String(), text) }

// two are two servers without a fault.
var two = []lab.ServerFaults{nil, nil}

// second has the replies of the second server of the bank's zone changed.
func (w *world) second(change func(*dns.Msg)) {
	at := w.lab.AddressOf(bank).Next()
	w.lab.Script = func(in lab.Incoming) (lab.Reply, bool) {
		if in.Server != at {
			return lab.Reply{}, false
		}
		m := in.Honest()
		change(m)
		return lab.Messages(m), true
	}
}

// counting is a network that notes when queries are sent.
type counting struct {
	transport.Exchanger
	mu   sync.Mutex
	sent []time.Time // guarded by mu
}

// Exchange implements transport.Exchanger.
func (c *counting) Exchange(ctx context.Context, r transport.Request) ([]byte, error) {
	c.mu.Lock()
	c.sent = append(c.sent, time.Now())
	c.mu.Unlock()
	return c.Exchanger.Exchange(ctx, r)
}

// most returns how many queries were sent in any time of a length, at most, and in all.
func (c *counting) most(length time.Duration) (most, all int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := 0
	for i, at := range c.sent {
		for at.Sub(c.sent[first]) >= length {
			first++
		}
		most = max(most, i-first+1)
	}
	return most, len(c.sent)
}
