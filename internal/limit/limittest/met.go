// Package limittest helps tests of limits.
package limittest

import (
	"testing"

	"bailiwick/internal/limit"
)

// Met has the test fail if the limit is not counted as met between now and the test's end.
func Met(t testing.TB, l limit.Limit) {
	t.Helper()
	before := l.Count()
	t.Cleanup(func() {
		if l.Count() == before {
			t.Errorf("%s: that the limit was met is not counted", l.Label())
		}
	})
}
