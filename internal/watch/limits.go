// The limits of watched zones. docs/limits.md names the source of each.

package watch

import "time"

const (
	// MaxZones is how many zones may be watched: each has series of its own.
	MaxZones = 64
	// MaxOwner is how many octets of an owner are kept.
	MaxOwner = 100
	// probesAtOnce is how many zones are probed at once.
	probesAtOnce = 4
	// probeTime is how long a probe may take, with the wait for its budget.
	probeTime = 2 * time.Minute
	// exchangeTime is how long a reply is waited for.
	exchangeTime = 2 * time.Second

	// window is the time that success rates and error budgets are for, in buckets of an hour.
	window     = 30 * 24 * time.Hour
	maxBuckets = int(window / time.Hour)

	// maxFindings is how many findings of a zone are kept, and maxMessage how many octets of what
	// each says.
	maxFindings, maxMessage = 64, 300
	// maxPartial is how many looks in a row may have missed a server, before what only that server
	// had is taken to be gone.
	maxPartial = 3
	// stuck is how long a parent may take to publish what CDS asks for. Parents that look for CDS
	// do so once a day; two days are two looks.
	stuck = 48 * time.Hour
	// saveEvery is how often what has changed is saved.
	saveEvery = time.Minute
)
