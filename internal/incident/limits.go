// The limits of incidents. docs/limits.md names the source of each.

package incident

import "time"

// Limits of what clients and zones can make the book hold.
const (
	// maxIncidents is how many zones and causes have a record at once. Of those that clients make,
	// the ones that the fewest clients have met give way.
	maxIncidents = 2048
	// maxEnded is how many incidents that have ended are known; the oldest give way.
	maxEnded = 1000
	// maxMaintenance is how many maintenance windows there may be.
	maxMaintenance = 1000
	// maxWindow is how long a maintenance window may be.
	maxWindow = 90 * 24 * time.Hour

	// MaxNetworks is how many client networks are counted that met data which fail validation.
	// Those with the fewest failures give way.
	MaxNetworks = 4096

	// maxDetail and maxText are how many octets of details, owners and reasons are kept.
	maxDetail, maxText = 200, 100
	// maxLines is how many log lines a second tell of incidents that begin.
	maxLines = 10
	// lineEvery is how often a log line tells of the failures of one zone for one cause with one
	// outcome.
	lineEvery = time.Minute
	// victims is how many records are compared when one has to give way.
	victims = 8

	// checksAtOnce is how many questions of incidents are asked again in a second.
	checksAtOnce = 4
	// firstCheck is how long after a failure an incident's question is asked again by the book
	// itself; the time doubles up to lastCheck while it fails.
	firstCheck, lastCheck = 30 * time.Second, 15 * time.Minute
	// checkTime is how long one such question may take.
	checkTime = 30 * time.Second

	// asides is how long a record lives for which the failures were too few for an incident.
	asides = time.Hour
	// forsaken is how long an incident goes on while no client asks and its question fails.
	forsaken = 24 * time.Hour
	// saveEvery is how often changes are saved.
	saveEvery = time.Minute
)
