package config

// Limits of included files.
const (
	maxDepth    = 8        // files that include each other
	maxIncluded = 1000     // files of one configuration
	maxOctets   = 16 << 20 // of one file
)
