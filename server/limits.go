// Limits: amounts that peers or clients can influence, each with its reason. docs/limits.md lists
// them all, with the symptoms of each. Constants that only tune the speed, such as the size of a
// reused buffer, are declared where they are used.

package server

import "time"

// Limits of what clients may use.
const (
	// MaxServing is how many queries are resolved at once, process-wide; further ones get SERVFAIL
	// at once.
	MaxServing = 16384
	// MaxPerPrefix is how many of them may be from one client prefix (/24 or /56), so that one
	// cannot starve the others. 1000, as Unbound's wait-limit: one prefix may be that of an office,
	// and a single load test keeps 200 waiting.
	MaxPerPrefix = 1000
	// maxPerProvenPrefix is the same for clients whose address is proven, by a server cookie or a
	// connection: nobody can use up their places with a forged address. Unbound's
	// wait-limit-cookie.
	maxPerProvenPrefix = 10000
	// queryBytes is what a pending query takes of the process's memory, in bytes, as measured: a
	// goroutine with a deep stack, its fetch, its budget and its first question to a server.
	queryBytes = 24 << 10
	// hangUpTime is how long a query whose client has hung up still counts for its prefix. Without
	// it a client that sends queries over connections and hangs up at once could start any number
	// of resolutions (as in CVE-2023-44487). With it they are bounded by maxPerProvenPrefix in this
	// time.
	hangUpTime = time.Second

	// maxIdleWorkers is how many goroutines wait for the next resolution, at some 16 KiB of stack
	// each.
	maxIdleWorkers = 256

	// MaxPulse is how many delayed answers over UDP are sent to one address in a paceWindow, unless
	// it sends more queries at the time (DNSBomb, CVE-2024-33655). That is 10,000 a second, more
	// than a busy office asks that the cache cannot answer.
	MaxPulse = 10
	// maxPaced is how many answers are held back for one address, and maxPacedInAll for all.
	// Further ones are dropped, as on a link that is full: maxPaced is sent in a tenth of a second,
	// and maxPacedInAll is as many as may wait for one prefix.
	maxPaced      = 1000
	maxPacedInAll = MaxServing
	// answerBytes is what an answer that is held back takes, in bytes: its request, and the answer
	// of at most MaxUDPSize.
	answerBytes = 6 << 10
	// paceWindow is long enough for the resolution of timers, and short enough that a thousand
	// answers are sent in a tenth of a second.
	paceWindow = time.Millisecond
	// paceSpan is the time over which the queries of an address are counted: shorter than the delay
	// of a server that is slow on purpose, and long enough to distinguish a busy client from a
	// burst.
	paceSpan = 100 * time.Millisecond

	// earlyPause is how long a client behind a translator waits for AAAA records until its A
	// records are asked for, too (RFC 6147, section 5.1.8): longer than most servers take, and
	// short enough that A records have the time that a failure is remembered for.
	earlyPause = 500 * time.Millisecond

	// maxLocalAliases is how many aliases of the operator's own are followed for one question: as
	// many as of others (resolver.MaxAliases).
	maxLocalAliases = 12

	// maxPolicyCuts is how many zones above a name are looked at for rules about their servers, and
	// maxPolicyServers how many servers of each, and in all for their addresses: as many as a
	// referral has to have.
	maxPolicyCuts    = 8
	maxPolicyServers = 13

	// maxTargets is for how many names addresses are added to an answer. Some large domains have
	// five mail servers, and clients seldom ask for the address of more than two.
	maxTargets = 8

	// maxLogLines is how many SERVFAIL lines are logged a second; the others are counted, in the
	// metrics and in the next line.
	maxLogLines = 50

	// MaxRefusedLines is how many lines of refused clients are logged a second, and as many of
	// answers without their private addresses: enough to see who is missing in policy.access, and
	// too few for a flood to fill a disk.
	MaxRefusedLines = 5

	// bucketSets and bucketWays are how many token buckets a table has: 458,752, in 8 MiB. A client
	// that sends one query takes a bucket for as long as its rate needs for one, so that there is
	// room for a million prefixes in any tenth of a second at 20 queries a second each.
	bucketSets = 1 << 16
	bucketWays = 7

	// defaultUDPSize is the largest response over UDP (DNS flag day 2020: no fragments).
	defaultUDPSize = 1232
	// PaddingBlock is what encrypted answers are padded to a multiple of, in octets (RFC 8467,
	// section 4.1).
	PaddingBlock = 468
	// MaxRotated is how many records of a set are rotated in a prepared answer: the code iterates
	// over them. The largest sets of addresses have half as many.
	MaxRotated = 64
	// MaxUDPSize is the upper bound of the setting.
	MaxUDPSize = 4096

	// maxDenial is the largest prepared denial, in octets: after a longer name is put into it,
	// compression pointers still reach.
	maxDenial = 8 << 10

	// CookieLifetime and cookieFuture bound the age of a server cookie (RFC 9018, section 4.3).
	CookieLifetime = time.Hour
	cookieFuture   = 5 * time.Minute
)
