package config

// Limits of included files.
const (
	maxDepth    = 8        // files that include each other
	maxIncluded = 1000     // files of one configuration
	maxOctets   = 16 << 20 // of one file
)

// MaxViews is how many views there may be: classes of prepared answers have 15 bits, over all
// configurations that are in use at a time.
const MaxViews = 1000
