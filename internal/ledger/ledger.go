// Package ledger counts what clients and peers make this process hold, in bytes, against one total:
// connections, incomplete messages, unsent answers, pending queries, and questions to servers. What
// is not bytes, such as a goroutine with its stack, has a fixed charge that was measured.
package ledger

import "sync/atomic"

// Account is a kind of what is held.
type Account uint8

// The accounts.
const (
	Connections Account = iota // of clients, with the streams on them
	Messages                   // incomplete messages of clients, and answers that they do not read
	Queries                    // pending queries of clients
	Answers                    // that are held back for the sake of pace
	Upstream                   // questions to servers, their connections and replies
	accounts
)

// labels are the metric's labels. They never change once released.
var labels = [accounts]string{Connections: "connections", Messages: "messages",
	Queries: "queries", Answers: "answers", Upstream: "upstream"}

// Label returns the account's label in metrics.
func (a Account) Label() string { return labels[a] }

// All returns all accounts.
func All() (all []Account) {
	for a := range accounts {
		all = append(all, a)
	}
	return all
}

// Side is one of the two sides of the ledger. While memory is short, the side that holds more than
// its half gives way, so that neither can take the other's half for long.
type Side uint8

// The sides.
const (
	Clients Side = iota // connections, and the messages on them
	Work                // all else
	sides
)

func (a Account) side() Side {
	if a <= Messages {
		return Clients
	}
	return Work
}

// Ledger is the accounts with their total. A nil ledger has no limit and counts nothing.
type Ledger struct {
	total atomic.Int64
	all   atomic.Int64
	sides [sides]atomic.Int64
	held  [accounts]atomic.Int64
	cut   func() // see OnShort
}

// New returns a ledger for a total in bytes.
func New(total int64) *Ledger {
	l := &Ledger{}
	l.SetTotal(total)
	return l
}

// SetTotal changes the total. If more is held, nothing is drawn until there is room, and who holds
// most gives way.
func (l *Ledger) SetTotal(total int64) { l.total.Store(total) }

// OnShort sets what has the clients' connections give way. It is called by Draw, perhaps at the
// same time in several goroutines, while Above is true for Clients. It has to be set before the
// first Draw.
func (l *Ledger) OnShort(cut func()) {
	if l != nil {
		l.cut = cut
	}
}

// Draw counts n bytes in. It returns false, and counts nothing, if the total would be exceeded.
// Before that, when memory is short, connections are cut if they hold more than their half. Pending
// queries give way by themselves, see [Ledger.Above].
func (l *Ledger) Draw(a Account, n int64) bool {
	if l == nil {
		return true
	}
	ok := l.Try(a, n)
	if (!ok || l.Short()) && l.cut != nil && l.Above(Clients) {
		l.cut()
	}
	return ok || l.Try(a, n)
}

// Try is Draw that cuts nobody.
func (l *Ledger) Try(a Account, n int64) bool {
	if l == nil {
		return true
	}
	if l.all.Add(n) > l.total.Load() {
		l.all.Add(-n)
		return false
	}
	l.sides[a.side()].Add(n)
	l.held[a].Add(n)
	return true
}

// Add counts n bytes in whatever the total, or out if n is negative.
func (l *Ledger) Add(a Account, n int64) {
	if l == nil || n == 0 {
		return
	}
	l.all.Add(n)
	l.sides[a.side()].Add(n)
	l.held[a].Add(n)
}

// Short reports whether less than an eighth of the total is free.
func (l *Ledger) Short() bool { return l != nil && l.all.Load() > l.beforeShort() }

// beforeShort is how much may be held before memory is short.
func (l *Ledger) beforeShort() int64 {
	total := l.total.Load()
	return total - total/8
}

// Above reports whether memory is short and a side holds more than its half of what may be held
// before that. One side does whenever memory is short.
func (l *Ledger) Above(s Side) bool {
	return l.Short() && l.sides[s].Load() > l.beforeShort()/2
}

// Total returns the total; 0 if there is none.
func (l *Ledger) Total() int64 {
	if l == nil {
		return 0
	}
	return l.total.Load()
}

// Held returns how many bytes an account holds.
func (l *Ledger) Held(a Account) int64 {
	if l == nil {
		return 0
	}
	return l.held[a].Load()
}

// Full reports whether more than the total is held, by what Add has counted in.
func (l *Ledger) Full() bool { return l != nil && l.all.Load() > l.total.Load() }
