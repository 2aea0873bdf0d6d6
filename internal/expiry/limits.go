// The limits of what is known of ending signatures. docs/limits.md names the source of each.

package expiry

import "time"

const (
	// maxZones is how many zones are followed at once; the one with most time left gives way.
	maxZones = 4096
	// lead is below how much time a zone is warned of, if its signatures are also in their last
	// quarter: zones that sign often, for a day or two, are well with less.
	lead = 48 * time.Hour
	// quarter is the part of a signature's life in which its zone should have renewed it: signers
	// renew with a quarter to a third left, unless they are told otherwise.
	quarter = 4
	// unseen is how long a zone is followed after its old signature was seen last.
	unseen = 24 * time.Hour
	// maxLines is how many log lines a second tell of zones.
	maxLines = 10
)
