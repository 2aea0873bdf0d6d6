// The world that all resolvers resolve: the lab's authorities on loopback, and what is asked.

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"bailiwick/internal/lab"
)

// hitNames and missNames are how many names are asked for again and again, and once each.
const (
	hitNames  = 1000
	missNames = 20000
)

// world is where resolvers find the root, and the files of questions by load.
type world struct {
	hints, anchor string // files
	root          string // the anchor, one DS
	questions     map[string]string
}

// newWorld starts the authorities, which end with the context.
func newWorld(ctx context.Context, dir string) (*world, error) {
	l := lab.New(time.Now())
	for _, z := range []lab.Zone{{Name: "example."}, {Name: "test-tld.", Denial: lab.NSEC3}} {
		l.Add(z)
	}
	var records strings.Builder
	for i := range missNames {
		fmt.Fprintf(&records, "n%d 3600 A 192.0.2.%d;;", i, i%250+1)
	}
	const long = 86400 // negative answers last as long as the run
	l.Add(lab.Zone{Name: "names.example.", Records: records.String()})
	l.Add(lab.Zone{Name: "nsec.example.", TTL: long, Minimum: long,
		Records: "a A 192.0.2.1;;m A 192.0.2.2;;www A 192.0.2.3"})
	l.Add(lab.Zone{Name: "nsec3.test-tld.", TTL: long, Minimum: long, Denial: lab.NSEC3,
		Records: "a A 192.0.2.1;;m A 192.0.2.2;;www A 192.0.2.3"})
	if err := l.Listen(ctx, 53); err != nil {
		return nil, err
	}
	w := &world{root: strings.ReplaceAll(l.Anchor(), "\t", " "), questions: map[string]string{}}
	name, addrs := l.Roots()
	var err error
	write := func(file, text string) string {
		p := filepath.Join(dir, file)
		if e := os.WriteFile(p, []byte(text), 0o644); e != nil && err == nil {
			err = e
		}
		return p
	}
	w.hints = write("hints", fmt.Sprintf(". 3600 NS %s\n%s 3600 A %s\n", name, name, addrs[0]))
	w.anchor = write("anchor", w.root+"\n")
	var hits, misses, denied strings.Builder
	for i := range missNames {
		if i < hitNames {
			fmt.Fprintf(&hits, "n%d.names.example A\n", i)
		} else {
			fmt.Fprintf(&misses, "n%d.names.example A\n", i)
		}
		fmt.Fprintf(&denied, "x%d.nsec.example A\nx%d.nsec3.test-tld A\n", i*7919, i*7919)
	}
	w.questions["hit"], w.questions["miss"], w.questions["denied"] = write("hit",
		hits.String()), write("miss", misses.String()), write("denied", denied.String())
	return w, err
}
