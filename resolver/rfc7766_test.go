package resolver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// RFC 7766, section 5 has every server support TCP. One that is near truncates all it sends, and is
// silent over TCP; the zone's other server is farther away, and as it should be. A name five labels
// below needs five steps: the first one waits for TCP, and for the others, and for the next
// names, the good server comes first.
func TestRFC7766ServerWithoutTCPGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example.", Algorithm: lab.Unsigned, Records: "a.b.c.d.e A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.NoTCP}, nil}})
		near, far := w.Servers()[1], w.Servers()[2]
		w.Path = func(in lab.Incoming, r lab.Reply) lab.Reply {
			if in.Server == far {
				return r.After(60 * time.Millisecond)
			}
			return r.After(5 * time.Millisecond)
		}
		in := newWorld(t, w, nil)
		in.resolve("example.", wire.TypeSOA)
		in.resolve("nothing.example.", wire.TypeA) // now both round trips are known
		time.Sleep(time.Minute)
		in.world.Transcript()
		began := time.Now()
		a := in.resolve("a.b.c.d.e.example.", wire.TypeA)
		took := time.Since(began)
		if a.RCode != noError || len(a.Sets) != 1 || took > 2*time.Second {
			t.Errorf("%s after %v", a.RCode, took)
		}
		truncated := 0
		for _, x := range in.world.Transcript() {
			if x.Server == near && x.TCP {
				truncated++
			}
		}
		if truncated > 1 {
			t.Errorf("asked over TCP %d times", truncated)
		}
	})
}
