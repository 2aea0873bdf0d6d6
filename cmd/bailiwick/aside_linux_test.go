// Work that no client may wait for is done aside.

package main

import (
	"testing"

	"bailiwick/internal/aside"
	"bailiwick/internal/console"
)

// What reads a whole configuration, with its lists, is work in pieces with pauses between them:
// otherwise a processor is busy with nothing else for seconds, and clients wait.
func TestLargeWorkIsDoneAside(t *testing.T) {
	s := reloadable(t, plain)
	l := s.fetching()
	l.has("www.secure.example\n")
	for _, c := range []struct {
		what  string
		works uint64
		do    func()
	}{
		{"a reload: the file, what it names, and the lists", 3, func() { s.change(plain) }},
		{"a reload by ctl", 3, func() {
			if _, err := s.reloadCommand(console.Request{}); err != nil {
				t.Error(err)
			}
		}},
		{"new texts of lists", 1, s.takeLists},
		{"a change at run time: the change, what is named, and the lists", 3, func() {
			if _, err := s.ctl("forwards set", "zone", "a.example", "servers",
				"10.9.9.1"); err != nil {
				t.Error(err)
			}
		}},
	} {
		before := aside.Works()
		c.do()
		if n := aside.Works() - before; n != c.works {
			t.Errorf("%s: %d pieces of work are done aside, want %d", c.what, n, c.works)
		}
	}
}
