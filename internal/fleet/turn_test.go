package fleet

import (
	"testing"
	"time"
)

// Whatever a node does next, it is done waitTime after it began at the latest, and then each
// resolves the question.
func TestWaitTime(t *testing.T) {
	for since := time.Duration(0); since <= 2*waitTime; since += waitTime / 100 {
		var n Turn
		n.Begin()
		n.Looked(0, false, false)
		for what, m := range map[string]Move{"a claim": n.Claimed(since, false),
			"a pause": n.Paused(since), "a look": n.Looked(since, false, true)} {
			switch {
			case m.Act == End && (m.Outcome != Late || since < waitTime),
				m.Act != End && m.Act != Pause && since >= waitTime,
				m.Act != End && since+m.For > max(since, waitTime):
				t.Errorf("after %s, at %v: %+v", what, since, m)
			}
		}
	}
}
