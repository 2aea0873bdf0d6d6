// Limits: amounts that peers or clients can influence, each with its reason. docs/limits.md lists
// them all, with the symptoms of each. Constants that only tune the speed, such as the size of a
// reused buffer, are declared where they are used.

package cache

import "time"

// Limits of the caches.
const (
	// DefaultMemory is the memory of all caches together by default, in bytes, process-wide.
	DefaultMemory = 128 << 20
	// MinMemory is the smallest useful size: below it a resolution evicts what it needs itself.
	MinMemory = 1 << 20

	// MaxTTL bounds every positive TTL (RFC 8767, section 4 suggests a day to a week).
	MaxTTL = 24 * time.Hour
	// maxNegativeTTL bounds negative answers (RFC 2308, section 5: one to three hours).
	maxNegativeTTL = time.Hour
	// BogusTTL is how long bogus data are not fetched again (RFC 4035, section 4.7).
	BogusTTL = 60 * time.Second
	// FailureTTL is how long another failure is at first not tried again, and FailureMaxTTL the
	// longest time (RFC 9520, section 3.2: 1 s to 5 min), if replies of servers prove the failure.
	FailureTTL    = 5 * time.Second
	FailureMaxTTL = 5 * time.Minute
	// SilenceMaxTTL is the longest time where servers did not reply: silence proves less than a
	// reply, and may end at any moment.
	SilenceMaxTTL = time.Minute
	// LookupsTTL is how long it is remembered that too many name servers' names had no address.
	LookupsTTL = time.Second
	// LinkTTL is how long a failure is remembered in which no server of any zone replied.
	LinkTTL = 2 * time.Second

	// DefaultMaxStale is how long after its end an entry may be served as stale data, while nothing
	// else needs its memory (RFC 8767, section 5: between one and three days).
	DefaultMaxStale = 24 * time.Hour

	// noSOATTL is how long a denial without SOA and proofs is kept, per name: RFC 2308, section 5
	// says not to at all; a few seconds keep a broken server from being asked for every client.
	noSOATTL = 5 * time.Second
	// maxDelegationTTL bounds how long a delegation is used before its parent is asked again.
	maxDelegationTTL = 24 * time.Hour
	// MinDelegation is the shortest time for which the servers that a parent names are used,
	// whatever TTL the zone itself gives its NS set: a zone cannot make us ask its parent more
	// often.
	MinDelegation = 60 * time.Second
	// minTrustTTL and maxTrustTTL bound how long a zone's keys are used without asking again.
	minTrustTTL = 1 * time.Second
	maxTrustTTL = 24 * time.Hour

	// maxAggressiveIterations and maxAggressiveLabels bound the cost of looking for an NSEC3 proof,
	// per query: beyond them a query to the zone costs less than hashing every ancestor of the
	// name.
	maxAggressiveIterations = 10
	maxAggressiveLabels     = 16

	// maxUnder is how many causes of a failure's cause are kept with it: each becomes an Extended
	// DNS Error, and few chains of dependent questions are as long.
	maxUnder = 8

	// maxDenials is how many NSEC or NSEC3 records of a zone are kept for aggressive use, per zone.
	maxDenials = 20000

	// maxSavedKey and maxSavedValue are the largest key and value of a saved record, in octets: a
	// value is at most a message in a form of about its size, or a piece of a zone's denials.
	maxSavedKey   = 512
	maxSavedValue = 1 << 20
)
