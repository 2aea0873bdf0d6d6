package fleetsim

import (
	"slices"

	"bailiwick/internal/fleet"
)

// Result is what a simulation has counted.
type Result struct {
	Seconds     float64
	Questions   float64 // of clients, as many as come in the mean
	Misses      float64 // questions that find nothing in the memory of their node
	Joined      float64 // questions that come while such a one is under way, in the mean
	Refreshes   float64
	Resolutions float64
	Packets     float64 // questions to servers
	Took        float64 // seconds that all clients have waited whom memory did not answer
	Outcomes    []uint64
	Commands    float64 // of the store
	Records     int     // that the store has at the end
	Busiest     float64 // resolutions of the name that is resolved most
	// Overlaps are how often so many resolutions of one name overlapped, by the round trip to its
	// servers in milliseconds.
	Overlaps map[float64][]uint64
	// Longest is the longest time that a question has waited for the store and other nodes, in
	// milliseconds, and waits how many have waited for so many tenths of a millisecond.
	Longest float64
	waits   []uint64
}

func newResult(w *World) *Result {
	return &Result{Seconds: w.Span.Seconds(), Outcomes: make([]uint64, len(fleet.Outcomes())),
		Questions: float64(w.Clients) * w.Rate * w.Span.Seconds(),
		Overlaps:  map[float64][]uint64{}, waits: make([]uint64, 1000)}
}

func (r *Result) ask(counts bool, commands float64) {
	if counts {
		r.Commands += commands
	}
}

func (r *Result) waited(t micros) {
	r.Longest = max(r.Longest, float64(t)/1000)
	r.waits[min(int(t/100), len(r.waits)-1)]++
}

func (r *Result) overlapped(n int, trip float64) {
	list := r.Overlaps[trip]
	for len(list) <= n {
		list = append(list, 0)
	}
	list[n]++
	r.Overlaps[trip] = list
}

// finish counts what there is at the end.
func (r *run) finish() {
	now := int32(r.end / 1e6)
	for _, ends := range r.records {
		if ends > now {
			r.result.Records++
		}
	}
	r.result.Busiest = float64(slices.Max(r.resolving))
}

// Hits returns the part of questions that memory answers.
func (r *Result) Hits() float64 { return 1 - (r.Misses+r.Joined)/r.Questions }

// Shared returns the part of misses that the store or another node answers.
func (r *Result) Shared() float64 {
	n := float64(r.Outcomes[fleet.Found] + r.Outcomes[fleet.Awaited])
	return n / (r.Misses + r.Refreshes)
}

// Wait returns the time in milliseconds that a part of all misses have waited for the store and
// other nodes at most.
func (r *Result) Wait(part float64) float64 {
	var sum, all uint64
	for _, n := range r.waits {
		all += n
	}
	for t, n := range r.waits {
		if sum += n; float64(sum) >= part*float64(all) {
			return float64(t+1) / 10
		}
	}
	return 0
}

// Over returns how many of a million resolved names had more than n resolutions that overlapped,
// and the most that one had. Without a list of round trips all names count.
func (r *Result) Over(n int, trips ...float64) (perMillion float64, most int) {
	var over, all uint64
	for trip, list := range r.Overlaps {
		if len(trips) > 0 && !slices.Contains(trips, trip) {
			continue
		}
		for k, times := range list {
			all += times
			if k > n {
				over += times
			}
			if times > 0 {
				most = max(most, k)
			}
		}
	}
	if all == 0 {
		return 0, 0
	}
	return float64(over) / float64(all) * 1e6, most
}
