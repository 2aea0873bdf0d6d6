// The limits of what is recorded. docs/limits.md names the source of each.

package recorder

const (
	// MaxKept is the most recordings that failures.keep allows.
	MaxKept = 1000
	// maxWatched is how many names may be watched.
	maxWatched = 100
	// maxEvents is how many events a recording has; the resolution of most names has 10 to 40.
	maxEvents = 200
	// partEvents is how many events a resolution gets memory for at once: 2 KiB. Most that wait for
	// their first server have had fewer.
	partEvents = 8
)
