// Limits: amounts that peers or clients can influence, each with its reason. docs/limits.md lists
// them all, with what is seen when one is met. What only tunes the speed, such as the size of a
// buffer that is used again, stands where it is used.

package server

import "time"

// Limits of what clients may take.
const (
	// MaxServing is how many queries are worked on at once, process-wide; beyond it clients hear
	// SERVFAIL at once.
	MaxServing = 16384
	// MaxPerPrefix is how many of them may be from one client prefix (/24 or /56), so that one
	// cannot starve the others. 1000, as Unbound's wait-limit: behind one prefix there may be an
	// office, and 200 is what a single load test keeps waiting.
	MaxPerPrefix = 1000
	// maxPerProvenPrefix is the same for clients whose address is known to be theirs, by a cookie
	// of ours or a connection: nobody can use up their places by forging it. Unbound's
	// wait-limit-cookie.
	maxPerProvenPrefix = 10000
	// hangUpTime is how long a query whose client has hung up still counts as one of its prefix.
	// Without it, who asks over connections and hangs up at once could have any number of questions
	// asked (as in CVE-2023-44487): it is bounded by maxPerProvenPrefix in this time.
	hangUpTime = time.Second

	// maxIdleWorkers is how many goroutines wait for the next resolution, at some 16 KiB of stack
	// each.
	maxIdleWorkers = 256

	// MaxPulse is how many answers over UDP that have waited leave for one address in a paceWindow,
	// unless it asks for more at the time (DNSBomb, CVE-2024-33655): 10,000 a second, which is
	// more than a busy office asks that no memory can answer.
	MaxPulse = 10
	// maxPaced is how many are held back for one address, and maxPacedInAll for all. What is above
	// is dropped, as it would be on a link that is full: a tenth of a second's worth, or as many as
	// may wait for one prefix.
	maxPaced      = 1000
	maxPacedInAll = MaxServing
	// paceWindow is long enough for timers to tell, and short enough that a thousand answers are
	// there in a tenth of a second.
	paceWindow = time.Millisecond
	// paceSpan is the time in which it is counted what an address asks for: shorter than servers
	// that are slow on purpose take, and long enough to tell a busy client from a burst.
	paceSpan = 100 * time.Millisecond

	// maxLogLines is how many SERVFAIL lines are logged a second; the rest is counted, in the
	// metrics and in the next line.
	maxLogLines = 50

	// MaxRefusedLines is how many lines of refused clients are logged a second, and as many of
	// answers without their private addresses: enough to see who is missing in policy.access, and
	// nothing that a flood could fill a disk with.
	MaxRefusedLines = 5

	// defaultUDPSize is the most that is sent over UDP (DNS flag day 2020: no fragments).
	defaultUDPSize = 1232
	// PaddingBlock is what encrypted answers are padded to a multiple of, in octets (RFC 8467,
	// section 4.1).
	PaddingBlock = 468
	// MaxRotated is how many records of a set a prepared answer has that come in another order each
	// time: they are walked along. The largest sets of addresses have half as many.
	MaxRotated = 64
	// MaxUDPSize bounds the setting.
	MaxUDPSize = 4096

	// maxDenial is the largest prepared denial, in octets: a longer name may be put into it, and
	// the pointers still reach.
	maxDenial = 8 << 10

	// cookieLifetime and cookieFuture bound the age of a server cookie (RFC 9018, section 4.3).
	cookieLifetime = time.Hour
	cookieFuture   = 5 * time.Minute
)
