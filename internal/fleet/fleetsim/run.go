package fleetsim

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"bailiwick/internal/fleet"
)

// what is the kind of a step.
type what uint8

const (
	asked    what = iota // a question that misses a node's memory, or refreshes it
	executed             // what an ask wants of the store is done there
	claimed              // a claim is made there, though nobody waits for it any more
	replied              // the store's reply is here, or not in time
	paused
	resolved
	stored // a record is in the store
	put    // and its node knows that
	restarted
	emptied
)

// ask is a question of one node that is under way.
type ask struct {
	due
	turn  fleet.Turn
	begun micros
	move  fleet.Move
	err   error  // of the reply
	found bool   // a record that may be used
	left  uint32 // for how many seconds it may be
	seen  bool   // the first claim is there; of a claim: it is ours
}

// node is what there is of a node.
type node struct {
	breaker *fleet.Breaker
	life    uint16
}

// overlap is how many resolutions of a name are under way, and were since there was none.
type overlap struct{ open, all uint16 }

// run is a simulation under way.
type run struct {
	*World
	random    *rand.Rand
	rates     []float32 // of names, from all clients
	shares    []float64 // of nodes
	nodes     []node
	calendar  *calendar
	soon      steps
	from, end micros // what is counted
	now       micros

	records   []int32           // in the store: the second that each name's ends in
	claims    map[uint64]micros // until when; the key is the name and which claim
	overlaps  map[uint32]overlap
	resolving []uint16 // resolutions of each name that were counted
	free      []*ask
	result    *Result
}

// never is the end of a record that there is not.
const never = math.MinInt32

// epoch is the second of the time of day that a simulation begins in.
const epoch = 1_000_000_000

// errRefused is the error of a store that is not there.
var errRefused = errors.New("connection refused")

// Run simulates a world.
func Run(w World) *Result {
	r := newRun(w)
	r.begin()
	return r.complete()
}

// Moment has all nodes of a world miss one name, within a time.
func Moment(w World, within time.Duration) *Result {
	w.Names, w.Clients, w.Rate, w.Cold = 1, w.Nodes, 1e-9, true
	w.Settle, w.Span = 0, 10*time.Second
	r := newRun(w)
	r.records[0] = never
	for i := range r.nodes {
		r.add(0, uint16(i), 0, of(time.Duration(r.random.Float64()*float64(within))))
	}
	return r.complete()
}

// newRun returns a run in which nothing has happened.
func newRun(w World) *run {
	r := &run{World: &w, random: rand.New(rand.NewPCG(w.Seed, 0)), rates: w.rates(),
		shares: w.shares(), nodes: make([]node, w.Nodes), from: of(w.Settle),
		end: of(w.Settle + w.Span), records: make([]int32, w.Names),
		claims: map[uint64]micros{}, overlaps: map[uint32]overlap{},
		resolving: make([]uint16, w.Names), result: newResult(&w)}
	r.calendar = newCalendar(r.end)
	for i := range r.nodes {
		r.nodes[i].breaker = &fleet.Breaker{}
	}
	if w.Restart > 0 {
		for i := range w.Nodes {
			r.soon.push(step{at: r.from + of(time.Duration(i)*w.Restart), what: restarted,
				due: due{node: uint16(i)}})
		}
	}
	for _, f := range w.Store.Faults {
		if f.Kind == Empty {
			r.soon.push(step{at: r.from + of(f.At), what: emptied})
		}
	}
	return r
}

// complete plays all, and returns what came of it.
func (r *run) complete() *Result {
	r.play()
	r.finish()
	return r.result
}

func of(d time.Duration) micros { return micros(d / time.Microsecond) }

// after returns a time that is a number of seconds later than another one; the last that there is
// at most.
func after(t micros, seconds float64) micros {
	return micros(min(float64(t)+seconds*1e6, math.MaxUint32))
}

// clock returns a time of the simulation as the real code takes it.
func clock(t micros) time.Time { return time.Unix(epoch, int64(t)*1000) }

// play takes all that is due, in order, until the end.
func (r *run) play() {
	for {
		list, more := r.calendar.open()
		if !more {
			return
		}
		limit := micros((r.calendar.now + 1) * slot)
		for len(list) > 0 || len(r.soon.list) > 0 && r.soon.list[0].at < limit {
			if len(list) == 0 || len(r.soon.list) > 0 && r.soon.list[0].at < list[0].at {
				s := r.soon.pop()
				r.now = s.at
				r.do(s)
				continue
			}
			r.now = list[0].at
			r.miss(list[0])
			list = list[1:]
		}
	}
}

// counts reports whether what happens now counts.
func (r *run) counts() bool { return r.now >= r.from }

// plan draws the next question that a node's memory does not answer by itself: by when what it has
// of the name ends, 0 if it has nothing, and by when the last tenth of that begins.
func (r *run) plan(name uint32, i uint16, ends, tenth micros) {
	first := max(r.now, ends)
	if r.Prefetch && ends > r.now {
		first = max(r.now, tenth)
	}
	r.add(name, i, ends, after(first, r.random.ExpFloat64()/(float64(r.rates[name])*r.shares[i])))
}

func (r *run) add(name uint32, i uint16, ends, at micros) {
	d := due{at: at, name: name, node: i, life: r.nodes[i].life}
	if at < ends {
		d.ends = ends
	}
	if !r.calendar.add(d) {
		r.soon.push(step{at: at, what: asked, due: d})
	}
}

// has notes that a node has what it may use for a number of seconds.
func (r *run) has(d due, seconds float64) {
	r.plan(d.name, d.node, after(r.now, seconds), after(r.now, 0.9*seconds))
}

// do does a step.
func (r *run) do(s step) {
	a := s.ask
	switch s.what {
	case asked:
		r.miss(s.due)
	case executed:
		r.execute(a)
	case claimed:
		r.claim(s.due.name, s.n)
	case replied:
		r.reply(a)
	case paused:
		r.move(a, a.turn.Paused(r.since(a)))
	case resolved:
		r.resolved(a)
	case stored:
		r.records[s.due.name] = int32(s.due.ends/1e6) + int32(r.ttl(s.due.name))
	case emptied:
		r.empty()
	case put:
		r.nodes[a.node].breaker.Done(a.err, time.Second, clock(r.now))
		r.free = append(r.free, a)
	case restarted:
		r.restart(s.due.node)
	}
}

func (r *run) since(a *ask) time.Duration {
	return time.Duration(r.now-a.begun) * time.Microsecond
}

// miss begins what a node does with a question that its memory does not answer.
func (r *run) miss(d due) {
	if d.life != r.nodes[d.node].life {
		return
	}
	a := &ask{}
	if n := len(r.free); n > 0 {
		a, r.free = r.free[n-1], r.free[:n-1]
	}
	*a = ask{due: d, begun: r.now, turn: fleet.Turn{Refresh: d.ends > 0,
		Wait: r.Wait}}
	if r.counts() {
		if d.ends > 0 {
			r.result.Refreshes++
		} else {
			r.result.Misses++
		}
	}
	if r.Store.None {
		r.resolve(a)
		return
	}
	r.move(a, a.turn.Begin())
}

// move makes a move.
func (r *run) move(a *ask, m fleet.Move) {
	a.move = m
	switch m.Act {
	case fleet.End:
		r.outcome(a, m.Outcome)
		return
	case fleet.Pause:
		r.soon.push(step{at: r.now + of(m.For), what: paused, ask: a})
		return
	}
	if !r.nodes[a.node].breaker.Allow(clock(r.now)) {
		r.outcome(a, fleet.Skipped)
		return
	}
	if m.Act == fleet.Look {
		r.result.ask(r.counts(), 4) // the question, an alias, a denial of the name, and the claim
	} else {
		r.result.ask(r.counts(), 1)
	}
	takes, err := r.takes()
	a.err = err
	switch most := of(m.For); {
	case err == errRefused:
		r.soon.push(step{at: r.now + takes, what: replied, ask: a})
	case err != nil || takes > most:
		if err == nil && m.Act == fleet.Claim {
			r.soon.push(step{at: r.now + takes/2, what: claimed,
				due: due{name: a.name}, n: m.N})
		}
		a.err = fleet.ErrSlow
		r.soon.push(step{at: r.now + most, what: replied, ask: a})
	default:
		r.soon.push(step{at: r.now + takes/2, what: executed, ask: a})
		r.soon.push(step{at: r.now + takes, what: replied, ask: a})
	}
}

// takes returns how long the store takes for a reply now, and the error if there is none.
func (r *run) takes() (micros, error) {
	t := of(r.Store.Reply)
	if !r.Steady {
		if t = t * 5 / 6; r.random.IntN(10) == 0 {
			t *= 3
		}
	}
	switch r.Store.at(r.now, r.from) {
	case Slow:
		t += 8000
		if r.random.IntN(5) == 0 {
			t += 5000
		}
	case Silent:
		return math.MaxUint32, fleet.ErrSlow
	case Refuses:
		return 100, errRefused
	}
	return t, nil
}

// at returns how it is with the store at a time.
func (s *Store) at(now, from micros) (k Kind) {
	for _, f := range s.Faults {
		if now >= from+of(f.At) {
			k = f.Kind
		}
	}
	return k
}

// execute does at the store what an ask wants of it.
func (r *run) execute(a *ask) {
	if a.move.Act == fleet.Claim {
		a.seen = r.claim(a.name, a.move.N)
		return
	}
	a.found = false
	if ends := r.records[a.name]; ends != never {
		left, o := fleet.Lifetime(epoch+int64(ends)-r.ttl(a.name), epoch+int64(ends),
			clock(r.now).Unix(), a.turn.Refresh)
		a.found, a.left = o == fleet.Found, left
	}
	a.seen = r.claims[claimOf(a.name, 1)] > r.now
}

func claimOf(name uint32, n int) uint64 { return uint64(name)<<8 | uint64(n) }

// claim makes a claim, unless it is there.
func (r *run) claim(name uint32, n int) bool {
	k := claimOf(name, n)
	if r.claims[k] > r.now {
		return false
	}
	if len(r.claims) > 1<<20 { // mostly such as have ended
		for k, until := range r.claims {
			if until <= r.now {
				delete(r.claims, k)
			}
		}
	}
	r.claims[k] = r.now + of(fleet.LeaseTime)
	return true
}

// reply goes on with what the store has replied.
func (r *run) reply(a *ask) {
	o := r.nodes[a.node].breaker.Done(a.err, a.move.For, clock(r.now))
	switch {
	case o != fleet.Missed:
		r.outcome(a, o)
	case a.move.Act == fleet.Look:
		r.move(a, a.turn.Looked(r.since(a), a.found, a.seen))
	default:
		r.move(a, a.turn.Claimed(r.since(a), a.seen))
	}
}

// outcome does what an outcome means.
func (r *run) outcome(a *ask, o fleet.Outcome) {
	if r.counts() {
		r.result.Outcomes[o]++
		if !a.turn.Refresh {
			r.result.waited(r.now - a.begun)
		}
	}
	switch o {
	case fleet.Found, fleet.Awaited:
		r.done(a, float64(a.left))
	case fleet.Left:
		if a.life == r.nodes[a.node].life {
			r.plan(a.name, a.node, a.ends, r.now)
		}
		r.free = append(r.free, a)
	case fleet.Late:
		if !r.Stale {
			r.resolve(a)
			break
		}
		r.tell(a)
		if a.life == r.nodes[a.node].life {
			r.plan(a.name, a.node, 0, 0)
		}
		r.free = append(r.free, a)
	default:
		r.resolve(a)
	}
}

// resolve has a node ask the servers of a name.
func (r *run) resolve(a *ask) {
	n := r.overlaps[a.name]
	n.open, n.all = n.open+1, n.all+1
	r.overlaps[a.name] = n
	chain := pick(r.Chain, r.random.Float64())
	takes := chain * r.trip(a.name) / 1000
	if !r.Steady {
		takes *= 0.8 + 0.4*r.random.Float64()
	}
	if r.random.Float64() < r.Lost {
		takes += 0.4
	}
	if r.counts() {
		r.result.Resolutions++
		r.result.Packets += chain
		r.resolving[a.name] = min(r.resolving[a.name], math.MaxUint16-1) + 1
	}
	r.soon.push(step{at: after(r.now, takes), what: resolved, ask: a})
}

// resolved has a node keep an answer, and offer it.
func (r *run) resolved(a *ask) {
	n := r.overlaps[a.name]
	if n.open--; n.open == 0 {
		delete(r.overlaps, a.name)
		if r.counts() {
			r.result.overlapped(int(n.all), r.trip(a.name))
		}
	} else {
		r.overlaps[a.name] = n
	}
	if a.life != r.nodes[a.node].life { // its process has ended
		r.free = append(r.free, a)
		return
	}
	r.has(a.due, float64(r.ttl(a.name)))
	r.tell(a)
	if r.Store.None || !r.nodes[a.node].breaker.Allow(clock(r.now)) {
		r.free = append(r.free, a)
		return
	}
	r.result.ask(r.counts(), 1)
	takes, err := r.takes()
	if a.err = err; err == nil {
		r.soon.push(step{at: r.now + takes/2, what: stored, due: due{name: a.name, ends: r.now}})
	} else if err == fleet.ErrSlow {
		takes = of(time.Second)
	}
	r.soon.push(step{at: r.now + takes, what: put, ask: a})
}

// done has a node keep what the store had.
func (r *run) done(a *ask, seconds float64) {
	if a.life == r.nodes[a.node].life {
		r.has(a.due, seconds)
		r.tell(a)
	}
	r.free = append(r.free, a)
}

// tell notes how long the clients of a miss have waited: the first one, and those that have come
// meanwhile, who wait for half of it in the mean.
func (r *run) tell(a *ask) {
	if !r.counts() || a.turn.Refresh {
		return
	}
	took := float64(r.now-a.begun) / 1e6
	others := took * float64(r.rates[a.name]) * r.shares[a.node]
	r.result.Joined += others
	r.result.Took += took * (1 + others/2)
}

// restart has a node forget all.
func (r *run) restart(i uint16) {
	r.nodes[i] = node{breaker: &fleet.Breaker{}, life: r.nodes[i].life + 1}
	left := float64(r.end-r.now) / 1e6
	const block = 1024 // names that are asked for about as often
	for at := 0; at < r.Names; at += block {
		last := min(at+block, r.Names)
		r.some(last-at, float64(r.rates[at])*r.shares[i]*left, func(n int) float64 {
			return float64(r.rates[at+n]) * r.shares[i] * left
		}, func(n int, first float64) {
			r.add(uint32(at+n), i, 0, after(r.now, first*left))
		})
	}
}

// some visits those of n sources that have a question in a span, with the time of the first one as
// a part of the span. Each asks so often in the mean, and at most so often.
func (r *run) some(n int, most float64, mean func(int) float64, visit func(int, float64)) {
	bound := -math.Expm1(-most)
	for i := 0; i < n; i++ {
		if bound < 0.5 {
			skip := math.Log(1-r.random.Float64()) / math.Log1p(-bound)
			if skip >= float64(n-i) {
				return
			}
			i += int(skip)
		} else if r.random.Float64() >= bound {
			continue
		}
		m := mean(i)
		p := -math.Expm1(-m)
		if r.random.Float64()*bound < p {
			visit(i, -math.Log1p(-r.random.Float64()*p)/m)
		}
	}
}

// empty has the store lose all.
func (r *run) empty() {
	for i := range r.records {
		r.records[i] = never
	}
	clear(r.claims)
}
