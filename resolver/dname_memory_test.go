// Names below a DNAME, from the cache (RFC 6672).

package resolver_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// Names below an unsigned DNAME are answered from the cache like others: the CNAME that was made is
// cached, and comes with its DNAME as in the first answer (RFC 6672, section 3.1). No other CNAME
// is made from the DNAME: it is unsigned, and used only for the name that was asked for.
func TestRFC6672UnsignedDNAMEIsAnsweredFromMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		first := in.resolve("leaf.tree.unsigned.example.", wire.TypeA)
		if first.RCode != noError || len(first.Sets) != 3 {
			t.Fatalf("got %s %v %v", first.RCode, first.Sets, first.Failure)
		}
		in.transcript()
		again := in.resolve("leaf.tree.unsigned.example.", wire.TypeA)
		if asked := in.transcript(); asked != "" {
			t.Errorf("asked again\n%s", asked)
		}
		for i, s := range first.Sets {
			if len(again.Sets) != 3 || again.Sets[i].Type != s.Type ||
				again.Sets[i].Name != s.Name {
				t.Fatalf("first %v, from memory %v", first.Sets, again.Sets)
			}
		}
		in.resolve("other.tree.unsigned.example.", wire.TypeA)
		if asked := in.transcript(); !strings.Contains(asked, " other.tree.unsigned.example.") {
			t.Error("an unsigned DNAME makes names that nobody asked for")
		}
		time.Sleep(301 * time.Second)
		if in.resolve("leaf.tree.unsigned.example.", wire.TypeA); in.transcript() == "" {
			t.Error("kept beyond its TTL")
		}
	})
}

// The zones' aliases lead back to themselves. No more is asked than is needed to detect that.
func TestRFC6672LoopsAreCheap(t *testing.T) {
	for _, c := range []struct {
		name, records string
		max           int // packets to the zone's own server
	}{
		{"a.x.", "x DNAME y;;y DNAME x", 4},
		{"a.x.", "x DNAME x2.x", 3},           // the name grows
		{"a.x.", "x DNAME b.y;;y DNAME x", 5}, // the name grows in two steps
		{"a.", "a CNAME b;;b CNAME a", 3},
		{"a.x.", "x DNAME y;;*.y CNAME a.x", 4},
	} {
		for _, alg := range []uint8{0, lab.Unsigned} {
			synctest.Test(t, func(t *testing.T) {
				w := lab.New(time.Now())
				w.Add(lab.Zone{Name: "loop.", Algorithm: alg, Records: c.records})
				in := newWorld(t, w, nil)
				in.resolve("loop.", wire.TypeSOA)
				in.transcript()
				a := in.resolve(c.name+"loop.", wire.TypeA)
				if a.RCode != servFail {
					t.Errorf("%s: %s %v", c.records, a.RCode, a.Sets)
				}
				n := len(in.world.Transcript())
				if n > c.max {
					t.Errorf("%s (algorithm %d): %d packets, want at most %d", c.records, alg, n,
						c.max)
				}
			})
		}
	}
}

// Alias chains of the lengths that are in use resolve; longer ones fail with their cause (DNS
// Unchained).
func TestMaxAliases(t *testing.T) {
	for links, want := range map[int]wire.RCode{9: noError, 11: noError, 12: noError,
		13: servFail} {
		for _, alg := range []uint8{0, lab.Unsigned} {
			synctest.Test(t, func(t *testing.T) {
				var records []string
				for i := range links {
					records = append(records, fmt.Sprintf("l%d CNAME l%d", i, i+1))
				}
				records = append(records, fmt.Sprintf("l%d A 192.0.2.1", links))
				w := lab.New(time.Now())
				w.Add(lab.Zone{Name: "chain.", Algorithm: alg,
					Records: strings.Join(records, ";;")})
				a := newWorld(t, w, nil).resolve("l0.chain.", wire.TypeA)
				if a.RCode != want || want == noError && len(a.Sets) != links+1 {
					t.Errorf("%d links: %s, %d sets, %v", links, a.RCode, len(a.Sets), a.Failure)
				}
				if want == servFail && a.Failure.Cause != cause.LimitAliases {
					t.Errorf("%d links: %v", links, a.Failure)
				}
			})
		}
	}
}
