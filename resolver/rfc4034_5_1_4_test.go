// RFC 4034, section 5.1.4: a digest of the wrong length matches no key.

package resolver_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// An anchor that can match no key is still in force: the zone is bogus, with that cause, and not
// insecure. Next to an anchor that matches it changes nothing.
func TestRFC4034AnAnchorThatMatchesNoKeyMakesItsZoneBogus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		in := newWorld(t, w, nil)
		set := &trustanchor.Set{}
		if err := set.Add(". IN DS 1 13 2 ABCDEF"); !errors.Is(err, trustanchor.ErrNeverMatches) {
			t.Fatal(err)
		}
		in.parts.Anchors = set
		a := in.withMemory(cache.DefaultMemory).resolve("www.secure.example.", wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.AnchorMismatch {
			t.Errorf("alone: %s %s (%v)", a.RCode, a.Status, a.Failure)
		}
		if err := set.Add(w.Anchor()); err != nil {
			t.Fatal(err)
		}
		a = in.withMemory(cache.DefaultMemory).resolve("www.secure.example.", wire.TypeA)
		if a.Status != wire.Secure {
			t.Errorf("beside a good one: %s %s (%v)", a.RCode, a.Status, a.Failure)
		}
	})
}
