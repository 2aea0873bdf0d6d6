// What the book tells: lists for people and programs, and figures for metrics.

package incident

import (
	"cmp"
	"slices"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// List returns the incidents of zones at and below a name: those that are open, the most client
// networks first, and behind them, if all is set, those that have ended, the newest first.
func (b *Book) List(top wire.Name, all bool) (list []Incident) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, r := range b.records {
		if r.open.Load() && r.name.Within(top) {
			list = append(list, b.incident(r))
		}
	}
	slices.SortFunc(list, func(x, y Incident) int {
		return cmp.Or(cmp.Compare(y.Clients, x.Clients), cmp.Compare(y.Queries, x.Queries),
			cmp.Compare(x.Zone, y.Zone), cmp.Compare(x.Cause, y.Cause))
	})
	if !all {
		return list
	}
	for _, i := range slices.Backward(b.ended) {
		if within(i.Zone, top) {
			list = append(list, i)
		}
	}
	return list
}

// Figures are what is counted.
type Figures struct {
	Open      map[cause.Kind][2]int // incidents; the second outside of maintenance windows
	Began     map[cause.Kind]uint64
	Ended     map[cause.Kind]map[Ending]uint64
	Worst     []Incident         // that are open, see List
	Tests     uint64             // failures at and below the test zones
	Evicted   uint64             // records that gave way to others, for want of room
	Recovered map[float64]uint64 // incidents that were mended in at most so many seconds
	Count     uint64             // of all that were mended
	Sum       time.Duration      // of their recoveries
}

// recoveryTimes are the bounds of the buckets of recoveries.
var recoveryTimes = [...]time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute,
	10 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour}

const recoveryBuckets = len(recoveryTimes) + 1

// recovered counts a recovery. The caller holds mu.
func (b *Book) recovered(took time.Duration) {
	i, _ := slices.BinarySearch(recoveryTimes[:], took)
	b.times[i]++
	b.total += took
}

// Figures returns what is counted, and the worst incidents, at most so many.
func (b *Book) Figures(worst int) Figures {
	list := b.List(wire.MustParseName("."), false)
	f := Figures{Open: map[cause.Kind][2]int{}, Began: map[cause.Kind]uint64{},
		Ended: map[cause.Kind]map[Ending]uint64{}, Tests: b.tests.Load(),
		Evicted: b.evicted.Load(), Recovered: map[float64]uint64{},
		Worst: list[:min(worst, len(list))]}
	for i := range list {
		n := f.Open[list[i].Cause.Kind()]
		n[0]++
		if !list[i].Maintenance {
			n[1]++
		}
		f.Open[list[i].Cause.Kind()] = n
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	for c, n := range b.counts {
		if c.how == Open {
			f.Began[c.kind] = n
			continue
		}
		if f.Ended[c.kind] == nil {
			f.Ended[c.kind] = map[Ending]uint64{}
		}
		f.Ended[c.kind][c.how] = n
	}
	for i, bound := range recoveryTimes {
		f.Count += uint64(b.times[i])
		f.Recovered[bound.Seconds()] = f.Count
	}
	f.Count += uint64(b.times[len(recoveryTimes)])
	f.Sum = b.total
	return f
}
