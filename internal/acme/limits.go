// Limits: amounts that an authority, or a loop of restarts, can influence.

package acme

import "time"

// MaxIdentifiers is how many names and addresses a certificate may be for: as many as Let's Encrypt
// has in one with addresses.
const MaxIdentifiers = 25

const (
	// orderTime is how long an order may take, with all that has to become visible for it.
	orderTime = 10 * time.Minute
	// visibleTime is how long a record may take to be on all servers of its zone.
	visibleTime = 2 * time.Minute
	// visibleAgain is the time between two looks.
	visibleAgain = 2 * time.Second
	// updateTime is how long an update of a zone, or a question to one of its servers, may take.
	updateTime = 10 * time.Second
	// maxServers is how many servers of a zone are asked for a record.
	maxServers = 13
	// maxLeft is how many records are remembered that an order has left behind.
	maxLeft = 4 * MaxIdentifiers
	// maxProblem is how much of an error is kept, in octets: it has texts of the authority.
	maxProblem = 2000

	// limitedTime is how long an authority is left alone that was asked too often and does not say
	// until when; maxLimited how long at most, whatever it says.
	limitedTime = time.Hour
	maxLimited  = 8 * 24 * time.Hour
	// askTime is the time between two questions when the authority wants a certificate renewed (RFC
	// 9773, section 4.3.2), if it does not say, and the bounds of what it says.
	askTime, askLeast, maxAsk = 6 * time.Hour, time.Hour, 24 * time.Hour
	// firstPause and lastPause are the times after the first failure and after many in a row.
	firstPause, lastPause = time.Minute, 6 * time.Hour
	// forcedAgain is the time between two orders that somebody asked for.
	forcedAgain = time.Minute
)

// pauses are the times after failures in a row, the last one for all that follow; up to a quarter
// more, by chance. Let's Encrypt counts five failed validations of a name in an hour.
var pauses = [...]time.Duration{firstPause, 5 * time.Minute, 15 * time.Minute, time.Hour,
	3 * time.Hour, lastPause}
