// The limits of what is kept of a zone. docs/limits.md names the source of each.

package rollover

import "time"

const (
	// maxKeys is how many keys, DS records and signers of a set are looked at.
	maxKeys = 32
	// maxSpells is how many different sets of each kind are remembered, and maxTTL for how long
	// after they have gone: caches keep nothing for longer than a week.
	maxSpells = 64
	maxTTL    = 7 * 24 * time.Hour
	// maxBack is how far the time may go back before all but the rollovers is learnt anew.
	maxBack = time.Hour
	// maxRolls is how many rollovers of a zone are kept, the newest, and maxBreaks how many breaks
	// of each.
	maxRolls, maxBreaks = 16, 16
	// standing is how long a rollover may stand still: then the new keys are there to stay beside
	// the old ones, as those of several providers are (RFC 8901).
	standing = 60 * 24 * time.Hour
)
