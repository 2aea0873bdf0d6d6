// RFC 8482, section 4.1: an answer to ANY need not have all sets.

package resolver_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/lab"
	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// A name has 60 signed sets. A client that asks for ANY gets the first of them, verified, and each
// set costs a signature check; the rest is neither validated nor passed on. A question for one of
// the other sets is answered as usual, and so is ANY at a name with fewer.
func TestRFC8482OfALargeAnswerToANYTheFirstSetsAreJudgedAndPassedOn(t *testing.T) {
	limittest.Met(t, limit.AnySets)
	synctest.Test(t, func(t *testing.T) {
		var records strings.Builder
		for i := range 60 {
			fmt.Fprintf(&records, "many TYPE%d \\# 1 %02x;;", 65280+i, i)
		}
		records.WriteString("few TXT one;;few A 192.0.2.1")
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example.", Records: records.String()})
		in := newWorld(t, w, nil)

		first := in.resolve("few.example.", wire.TypeANY)
		if first.Status != wire.Secure || wire.FindType(first.Sets, wire.TypeTXT) == nil ||
			wire.FindType(first.Sets, wire.TypeA) == nil {
			t.Errorf("few: %s %s %v (%v)", first.RCode, first.Status, types(first.Sets),
				first.Failure)
		}
		before := in.r.Stats()
		a := in.resolve("many.example.", wire.TypeANY)
		after := in.r.Stats()
		if a.RCode != noError || a.Status != wire.Secure || len(a.Sets) != resolver.MaxAnySets {
			t.Errorf("many: %s %s, %d sets (%v)", a.RCode, a.Status, len(a.Sets), a.Failure)
		}
		if n := after.SignatureMisses - before.SignatureMisses; n > resolver.MaxAnySets {
			t.Errorf("%d signatures verified for %d sets", n, len(a.Sets))
		}
		last := in.resolve("many.example.", wire.Type(65280+59))
		if last.Status != wire.Secure || len(last.Sets) != 1 {
			t.Errorf("the last set: %s %s (%v)", last.RCode, last.Status, last.Failure)
		}
	})
}
