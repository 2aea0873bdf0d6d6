package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/console"
	"bailiwick/internal/lab"
	"bailiwick/internal/observe"
	"bailiwick/internal/snapshot"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// rolling is a server in this process, and a root with two keys that are configured.
type rolling struct {
	*running
	t     *testing.T
	world *lab.World
	keys  [2]lab.EntryKey
	dir   string // of its state

	source *publisher // of downloaded anchors; nil: none are downloaded
	admin  bool       // with a console
}

// newRolling starts a server whose state is in a directory.
func newRolling(t *testing.T) *rolling {
	t.Helper()
	s := &rolling{t: t, world: lab.New(time.Now()), dir: t.TempDir()}
	s.world.Add(lab.Zone{Name: "example.", Records: "www A 192.0.2.1"})
	s.keys = [2]lab.EntryKey{s.world.NewEntryKey("."), s.world.NewEntryKey(".")}
	s.world.Publish(".", lab.EntryKeys{Published: s.keys[:], Signing: s.keys[:]}, time.Now())
	s.start()
	t.Cleanup(func() { s.close() })
	return s
}

// start starts the server, or restarts it.
func (s *rolling) start() {
	s.t.Helper()
	cfg, found := readConfig("")
	if err := useLab(cfg, s.world); err != nil {
		s.t.Fatal(err)
	}
	cfg.Anchors.Records = []string{s.keys[0].Anchor(), s.keys[1].Anchor()}
	cfg.Listen, cfg.Console, cfg.State.Directory = nil, console.Config{}, s.dir
	cfg.Anchors.Signal = false // see publish
	if s.admin {
		cfg.Console.Listen = "127.0.0.1:0"
	}
	if s.source != nil {
		c := &cfg.Anchors
		c.Fetch, c.URL, c.CA = time.Hour, s.source.URL+"/root.xml", s.source.ca
	}
	p, more := snapshot.Load(cfg)
	if found = append(found, more...); found.Err() != nil {
		s.t.Fatal(found.Err())
	}
	journal := observe.NewJournal(io.Discard)
	s.t.Cleanup(func() { journal.Close() })
	var err error
	if s.running, err = newStack(p, s.world, journal).listen(); err != nil {
		s.t.Fatal(err)
	}
	s.running.start()
}

// list waits until `ctl anchors list` has a line with all of some words.
func (s *rolling) list(words ...string) {
	s.t.Helper()
	var got string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		res, err := s.anchors(console.Request{})
		if err != nil {
			s.t.Fatal(err)
		}
		got = fmt.Sprint(res)
		for _, row := range res.Rows {
			line, all := fmt.Sprintln(row...), true
			for _, w := range words {
				all = all && strings.Contains(line, w)
			}
			if all {
				return
			}
		}
	}
	s.t.Fatalf("no line with %q in %s", words, got)
}

// publish gives the root other keys when no question is under way: the server has the keys that it
// asks for at the start, and nothing else is resolved.
func (s *rolling) publish(keys lab.EntryKeys) {
	s.t.Helper()
	for _, k := range s.keys {
		s.list(fmt.Sprint(k.Tag()), "valid")
	}
	until(s.t, "questions are under way", func() bool {
		return s.now().resolver.Stats().Fetches == 0
	})
	s.world.Publish(".", keys, time.Now())
}

// status resolves a name of the world.
func (s *rolling) status() wire.Security {
	return s.now().resolver.Resolve(context.Background(), wire.Question{
		Name: wire.MustParseName("www.example"), Type: wire.TypeA, Class: wire.ClassIN},
		resolver.Options{}).Status
}

// A key that is revoked while the server runs is not trusted any more from then on, without a
// restart; after one neither, though it is configured.
func TestAnchorRevokedWhileTheServerRuns(t *testing.T) {
	s := newRolling(t)
	one, two := fmt.Sprint(s.keys[0].Tag()), fmt.Sprint(s.keys[1].Tag())
	s.list(one, "valid")
	s.list(two, "valid")
	if got := s.status(); got != wire.Secure {
		t.Fatal(got)
	}
	first := s.now().resolver
	s.publish(lab.EntryKeys{Published: s.keys[1:], Revoked: s.keys[:1], Signing: s.keys[1:]})
	if _, err := s.refreshAnchors(console.Request{}); err != nil {
		t.Fatal(err)
	}
	s.list(one, "revoked")
	until(t, "the resolver has the old anchors", func() bool { return s.now().resolver != first })
	if got := s.anchorText(); got != ". "+two {
		t.Errorf("trusted: %s", got)
	}
	if got := s.status(); got != wire.Secure {
		t.Error(got)
	}
	saved, err := os.ReadFile(filepath.Join(s.dir, "anchors"))
	if err != nil || !strings.Contains(string(saved), "key revoked since") {
		t.Errorf("saved: %v, %s", err, saved)
	}
	s.close()
	s.start()
	if got := s.anchorText(); got != ". "+two {
		t.Errorf("after a restart: trusted: %s", got)
	}
	// What is trusted then is the follower's to decide: it asks the zone at once, where the key is
	// still revoked.
	if _, err := s.resetAnchors(console.Request{Args: map[string]string{"zone": "."}}); err != nil {
		t.Fatal(err)
	}
	s.list(one, "revoked")
	for _, zone := range []string{"example", "..", ""} {
		if _, err := s.resetAnchors(console.Request{
			Args: map[string]string{"zone": zone}}); err == nil {
			t.Errorf("zone %q is reset", zone)
		}
	}
}
