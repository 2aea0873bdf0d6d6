// Client networks: who meets data that fail validation, and how much of what they ask passes it.

package incident

import (
	"cmp"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
)

// networks counts the answers of client networks that have met data which fail validation. All
// others have no count.
type networks struct {
	mu      sync.RWMutex
	of      map[netip.Prefix]*answers // guarded by mu
	evicted atomic.Uint64
}

// answers are those of a network.
type answers struct{ passed, failed atomic.Uint64 }

// Network is what clients of one network got.
type Network struct {
	Prefix netip.Prefix // IPv4 /24, IPv6 /56
	// Passed is about how many answers were secure since the first that failed: of those that are
	// prepared one in some hundred is counted, for all.
	Passed uint64
	Failed uint64 // queries that met data which fail validation
}

// failed counts a failure of a client of a network.
func (n *networks) failed(p netip.Prefix) {
	n.mu.RLock()
	a := n.of[p]
	n.mu.RUnlock()
	if a == nil {
		a = n.begin(p)
	}
	a.failed.Add(1)
}

// begin returns the counts of a network that had none.
func (n *networks) begin(p netip.Prefix) *answers {
	n.mu.Lock()
	defer n.mu.Unlock()
	if a := n.of[p]; a != nil {
		return a
	}
	if len(n.of) >= MaxNetworks {
		n.evict()
	}
	a := &answers{}
	n.of[p] = a
	return a
}

// evict removes the network with the fewest failures of some random ones. The caller holds mu.
func (n *networks) evict() {
	var victim netip.Prefix
	least, seen := uint64(0), 0
	for p, a := range n.of { // Go begins anywhere
		if f := a.failed.Load(); seen == 0 || f < least {
			victim, least = p, f
		}
		if seen++; seen == victims {
			break
		}
	}
	delete(n.of, victim)
	n.evicted.Add(1)
}

// passed counts secure answers of a client, if its network is known.
func (n *networks) passed(p netip.Prefix, answers uint64) {
	n.mu.RLock()
	a := n.of[p]
	n.mu.RUnlock()
	if a != nil {
		a.passed.Add(answers)
	}
}

// Secure counts so many secure answers of a client. It allocates nothing.
func (b *Book) Secure(client netip.Addr, answers uint64) {
	b.networks.passed(network(client), answers)
}

// Series returns how many client networks have series of their own in the metrics.
func (b *Book) Series() int { return b.cfg.Load().Series }

// Networks returns the client networks that met most data which fail validation, and how many gave
// way to others, for want of room.
func (b *Book) Networks(most int) (list []Network, evicted uint64) {
	n := &b.networks
	n.mu.RLock()
	for p, a := range n.of {
		list = append(list, Network{p, a.passed.Load(), a.failed.Load()})
	}
	n.mu.RUnlock()
	slices.SortFunc(list, func(x, y Network) int {
		return cmp.Or(cmp.Compare(y.Failed, x.Failed), x.Prefix.Compare(y.Prefix))
	})
	return list[:min(most, len(list))], n.evicted.Load()
}
