// Limits: amounts that peers or clients can influence, each with its reason. docs/limits.md lists
// them all, with what is seen when one is met. What only tunes the speed, such as the size of a
// buffer that is used again, stands where it is used.

package cache

import "time"

// Limits of what is kept.
const (
	// DefaultMemory is what all caches together may take by default, in bytes, process-wide.
	DefaultMemory = 128 << 20
	// MinMemory is the least that makes sense: below it a resolution evicts what it needs itself.
	MinMemory = 1 << 20

	// MaxTTL bounds every positive TTL (RFC 8767, section 4 suggests a day to a week).
	MaxTTL = 24 * time.Hour
	// maxNegativeTTL bounds negative answers (RFC 2308, section 5: one to three hours).
	maxNegativeTTL = time.Hour
	// BogusTTL is how long bogus data are not asked for again (RFC 4035, section 4.7).
	BogusTTL = 60 * time.Second
	// FailureTTL is how long other failures are not tried again, at first; FailureMaxTTL at last
	// (RFC 9520, section 3.2: 1 s to 5 min), where servers' own replies prove the failure.
	FailureTTL    = 5 * time.Second
	FailureMaxTTL = 5 * time.Minute
	// SilenceMaxTTL is the last for silence: it proves less than a reply, and may be over any
	// moment.
	SilenceMaxTTL = time.Minute
	// LookupsTTL is how long it is remembered that too many name servers' names had no address.
	LookupsTTL = time.Second
	// LinkTTL is how long a failure is remembered in which no server of any zone replied.
	LinkTTL = 2 * time.Second

	// maxStale is how long after its end an entry counts as stale, while nothing else needs its
	// memory (RFC 8767, section 5: between one and three days).
	maxStale = 24 * time.Hour

	// noSOATTL is how long a denial without SOA and proofs is kept, per name: RFC 2308, section 5
	// says not to at all; a few seconds keep a broken server from being asked for every client.
	noSOATTL = 5 * time.Second
	// maxDelegationTTL bounds how long a parent is taken at its word.
	maxDelegationTTL = 24 * time.Hour
	// MinDelegation is how long the servers that a parent names are asked at least, whatever TTL
	// the zone itself gives its NS set: a zone cannot make us ask its parent more often.
	MinDelegation = 60 * time.Second
	// minTrustTTL and maxTrustTTL bound how long a zone's keys are believed without asking again.
	minTrustTTL = 1 * time.Second
	maxTrustTTL = 24 * time.Hour

	// maxAggressiveIterations and maxAggressiveLabels bound what looking for an NSEC3 proof costs,
	// per query: beyond them asking the zone is cheaper than hashing every ancestor of the name.
	maxAggressiveIterations = 10
	maxAggressiveLabels     = 16

	// maxUnder is how many causes of a failure's cause are kept with it: each becomes an Extended
	// DNS Error, and few chains of dependent questions are as long.
	maxUnder = 8

	// maxDenials is how many NSEC or NSEC3 records of a zone are kept for aggressive use, per zone.
	maxDenials = 20000
)
