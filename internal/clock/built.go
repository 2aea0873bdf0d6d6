package clock

import (
	"runtime/debug"
	"time"
)

// built is set by the build of a release, in RFC 3339.
var built string

// Built returns the time from which this program is: that of its build or, if that is not known, of
// its last change; zero if neither is known.
func Built() time.Time {
	text := built
	if info, ok := debug.ReadBuildInfo(); ok && text == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				text = s.Value
			}
		}
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return t
}
