// The load: what clients ask, how often, and what came of it.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	tries   = 3               // of a client, the first included
	pause   = 2 * time.Second // before the next try, as of a stub that has one server
	renewal = 100             // queries, on average, of a connection
	// interval is a client's between two queries. It is below connections.idle.
	interval = 500 * time.Millisecond
)

// load are the clients and what they have seen.
type load struct {
	world  *world
	server *process
	o      options
	serial atomic.Uint64

	mu     sync.Mutex
	byVia  map[string]*tally // guarded by mu
	byKind map[string]*tally // guarded by mu
	lost   []string          // stories; guarded by mu
	late   []string          // stories of queries that needed more than one try; guarded by mu
}

// tally counts what came of queries.
type tally struct {
	right [tries]int // at which try
	lost  int
	waits []float32 // seconds, of all tries together
}

func newLoad(w *world, p *process, o options) *load {
	return &load{world: w, server: p, o: o, byVia: map[string]*tally{},
		byKind: map[string]*tally{}}
}

// run asks until ctx ends and waits for the last answers.
func (l *load) run(ctx context.Context) {
	shares := 0
	for _, v := range transports {
		shares += v.share
	}
	var wg sync.WaitGroup
	for i, v := range transports {
		n := max(1, int(l.o.rate*interval.Seconds()*float64(v.share)/float64(shares)))
		for j := range n {
			r := rand.New(rand.NewPCG(l.o.seed, uint64(2+i<<16+j)))
			wg.Go(func() { l.client(ctx, v.name, r) })
		}
	}
	wg.Wait()
}

// client asks question after question.
func (l *load) client(ctx context.Context, via string, r *rand.Rand) {
	c := newClient(via, l.server)
	defer c.renew()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration((0.5 + r.Float64()) * float64(interval))):
		}
		if r.IntN(renewal) == 0 {
			c.renew()
		}
		k := l.world.kinds[r.IntN(len(l.world.kinds))]
		if strings.HasPrefix(via, "extra") {
			l.server.whileExtra(func() { l.ask(c, via, k, r) }, c.renew)
			continue
		}
		l.ask(c, via, k, r)
	}
}

// ask asks one question until it is answered right, and keeps account. A name that fails has to be
// answered at the first try.
func (l *load) ask(c client, via string, k kind, r *rand.Rand) {
	name := strings.ReplaceAll(k.name, "#", fmt.Sprint(l.serial.Add(1)))
	began := time.Now()
	var story []string
	for n := range tries {
		q := new(dns.Msg).SetQuestion(name, k.qtype).SetEdns0(1232, r.IntN(2) == 0)
		q.AuthenticatedData = true // RFC 6840, section 5.7
		tried := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		m, err := c.ask(ctx, q)
		cancel()
		wrong := ""
		if err != nil {
			wrong = err.Error()
		} else {
			wrong = k.truth.holds(m)
		}
		if wrong == "" {
			l.count(via, k.label, n, time.Since(began))
			if n > 0 {
				l.tell(&l.late, began, name, k, via, story)
			}
			return
		}
		story = append(story, fmt.Sprintf("%s after %v", wrong,
			time.Since(tried).Round(time.Millisecond)))
		if n < tries-1 {
			time.Sleep(pause)
		}
	}
	l.tell(&l.lost, began, name, k, via, story)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range []*tally{l.tally(l.byVia, via), l.tally(l.byKind, k.label)} {
		t.lost++
	}
}

// tell adds the story of a query's tries.
func (l *load) tell(stories *[]string, began time.Time, name string, k kind, via string,
	tries []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*stories = append(*stories, fmt.Sprintf("%v: %s %s over %s: %s",
		began.Sub(*l.world.began.Load()).Round(time.Second), name, dns.TypeToString[k.qtype], via,
		strings.Join(tries, "; ")))
}

// count keeps account of a right answer at the n-th try.
func (l *load) count(via, kind string, n int, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range []*tally{l.tally(l.byVia, via), l.tally(l.byKind, kind)} {
		t.right[n]++
		t.waits = append(t.waits, float32(wait.Seconds()))
	}
}

// tally returns the tally of a label. The caller holds mu.
func (l *load) tally(m map[string]*tally, label string) *tally {
	if m[label] == nil {
		m[label] = &tally{}
	}
	return m[label]
}

// quantile returns the wait that a share of the queries did not exceed.
func (t *tally) quantile(share float64) time.Duration {
	if len(t.waits) == 0 {
		return 0
	}
	slices.Sort(t.waits)
	i := min(len(t.waits)-1, int(share*float64(len(t.waits))))
	return time.Duration(float64(t.waits[i]) * float64(time.Second)).Round(100 * time.Microsecond)
}
