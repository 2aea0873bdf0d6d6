// Limits: amounts that somebody else than this program decides, each with its reason.
// docs/limits.md lists them all.

package trustanchor

import "time"

// Limits of negative trust anchors that are added while the server runs.
const (
	// maxTemporary is how many there are at once, process-wide: whoever needs more has another
	// problem than broken zones.
	maxTemporary = 64
	// DefaultLifetime is how long one holds, and MaxLifetime the longest time (RFC 7646, section
	// 2: a day is usual, and a week the most).
	DefaultLifetime = time.Hour
	MaxLifetime     = 7 * 24 * time.Hour
	// recheckEvery is the time between two checks of whether a zone validates again, and
	// checkTime how long one may take.
	recheckEvery = 5 * time.Minute
	checkTime    = 20 * time.Second
	// maxText is the length of a reason, or of an owner, in octets: a line of a log.
	maxText = 200
)

// MaxCheckQuestions is how many questions a check of a zone asks, each at the cost of a client's.
const MaxCheckQuestions = 3

// Limits of the keys of a zone with a trust anchor that are followed.
const (
	// maxPending is how many new keys of a zone wait for their hold-down time. A roll adds one, of
	// two algorithms two; whoever can sign the set could add any number.
	maxPending = 8

	// maxRemoved is how many removed keys of a zone are remembered, so that they are not taken for
	// new ones. The root has removed one in 15 years.
	maxRemoved = 16

	// maxDocument is how long the document with the root's anchors, or its signature, may be, in
	// octets: 30 times IANA's.
	maxDocument = 64 << 10

	// maxPublished is how many anchors the document may have, old ones included. IANA's has three.
	maxPublished = 32

	// maxDownload is how long the download of one of the two may take.
	maxDownload = 30 * time.Second
)
