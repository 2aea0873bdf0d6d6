// Negative trust anchors that are added while the server runs (RFC 7646).

package trustanchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/rest"
	"bailiwick/wire"
)

// keeping is a Negatives in a world where some zones are broken.
type keeping struct {
	*Negatives
	t       *testing.T
	clock   *clock.Fake
	set     *Set
	broken  map[string]bool
	checks  []string
	changes int
	file    []byte // the state; nil: none
	full    error  // why it cannot be saved
	rest    *rest.Rest
	log     bytes.Buffer
}

func newKeeping(t *testing.T) *keeping {
	k := &keeping{t: t, clock: clock.NewFake(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)),
		set: Builtin(), broken: map[string]bool{}}
	k.restart()
	return k
}

// restart makes a new one with the state of the one before.
func (k *keeping) restart() {
	k.Negatives = NewNegatives(NegativesParts{Clock: k.clock,
		Log:        slog.New(slog.NewTextHandler(&k.log, nil)),
		Rest:       k.rest,
		Configured: func() *Set { return k.set },
		Check: func(_ context.Context, zone wire.Name) string {
			k.checks = append(k.checks, zone.String())
			if k.broken[zone.String()] {
				return "bogus"
			}
			return ""
		},
		Changed: func() { k.changes++ },
		Load: func(read func(io.Reader) error) error {
			if k.file == nil {
				return fs.ErrNotExist
			}
			return read(bytes.NewReader(k.file))
		},
		Save: func(write func(io.Writer) error) error {
			if k.full != nil {
				return k.full
			}
			var b bytes.Buffer
			if err := write(&b); err != nil {
				return err
			}
			k.file = b.Bytes()
			return nil
		}})
}

func (k *keeping) add(zone string, lifetime time.Duration, force bool) error {
	_, unsaved, err := k.Add(NegativeAnchor{Zone: wire.MustParseName(zone), Reason: "why",
		Owner: "me"}, "uid 0", lifetime, force)
	if (unsaved != nil) != (k.full != nil && err == nil) {
		k.t.Errorf("unsaved: %v", unsaved)
	}
	return err
}

// pass lets time pass in a bubble, with the work that is due.
func (k *keeping) pass(d time.Duration) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { k.Run(ctx); close(done) }()
	for step := min(d, 10*time.Second); d > 0; d -= step {
		k.clock.Advance(step)
		time.Sleep(time.Second) // a tick
		synctest.Wait()
	}
	stop()
	<-done
}

// holds lists the zones that have one.
func (k *keeping) holds() string {
	var zones []string
	for _, t := range k.List() {
		zones = append(zones, t.Zone.String())
	}
	return strings.Join(zones, " ")
}

// Section 2: one ends by itself, after an hour or as long as was said, and a week at most.
func TestRFC7646EndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t)
		k.broken["a.example."], k.broken["b.example."] = true, true
		for lifetime, good := range map[time.Duration]bool{0: false, -time.Hour: false,
			MaxLifetime: true, MaxLifetime + time.Second: false} {
			if err := k.add("b.example.", lifetime, false); (err == nil) != good {
				t.Errorf("for %v: %v", lifetime, err)
			}
		}
		if err := k.add("a.example.", DefaultLifetime, false); err != nil {
			t.Fatal(err)
		}
		k.pass(59 * time.Minute)
		if got := k.holds(); got != "a.example. b.example." {
			t.Errorf("after 59 minutes: %s", got)
		}
		k.pass(2 * time.Minute)
		if got := k.holds(); got != "b.example." || k.Ended(Expired) != 1 {
			t.Errorf("after an hour: %s, %d ended", got, k.Ended(Expired))
		}
		if set := k.Apply(k.set); exception(set, "www.a.example.") != None ||
			exception(set, "www.b.example.") != Negative {
			t.Error("another one holds")
		}
		k.clock.Advance(MaxLifetime)
		k.pass(time.Second)
		if got := k.holds(); got != "" {
			t.Errorf("after a week: %s", got)
		}
		if !strings.Contains(k.log.String(), "negative trust anchor has ended") {
			t.Error(k.log.String())
		}
	})
}

// The time of day may be set while one holds: its end is an age.
func TestRFC7646EndDoesNotFollowTheTimeOfDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t)
		k.broken["a.example."] = true
		for _, step := range []time.Duration{-1000 * time.Hour, 1000 * time.Hour} {
			if err := k.add("a.example.", time.Hour, false); err != nil {
				t.Fatal(err)
			}
			k.clock.Step(step)
			k.pass(30 * time.Minute)
			if k.holds() == "" {
				t.Errorf("set by %v: it has ended early", step)
			}
			k.pass(31 * time.Minute)
			if k.holds() != "" {
				t.Errorf("set by %v: it has not ended", step)
			}
		}
	})
}

func exception(s *Set, name string) Exception {
	_, e := s.Exception(wire.MustParseName(name))
	return e
}

// Section 2: the zone is checked every five minutes, and when it validates again the negative
// anchor is removed, unless it was forced. What the last check found can be seen.
func TestRFC7646RemovedWhenTheZoneValidates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t)
		k.broken["a.example."] = true
		for zone, force := range map[string]bool{"a.example.": false, "kept.example.": true} {
			if err := k.add(zone, 10*time.Hour, force); err != nil {
				t.Fatal(err)
			}
		}
		k.pass(4 * time.Minute)
		if len(k.checks) != 0 {
			t.Errorf("checked after four minutes: %v", k.checks)
		}
		k.pass(17 * time.Minute)
		if len(k.checks) != 8 || k.holds() != "a.example. kept.example." {
			t.Errorf("after 21 minutes: %v checked, %s", k.checks, k.holds())
		}
		if l := k.List(); l[0].Checked != "bogus" || l[1].Checked != "validates" {
			t.Errorf("found: %q, %q", l[0].Checked, l[1].Checked)
		}
		k.broken["a.example."] = false
		before := k.changes
		k.pass(5 * time.Minute)
		if k.holds() != "kept.example." || k.Ended(Mended) != 1 || k.changes != before+1 {
			t.Errorf("mended: %s, %d, %d changes", k.holds(), k.Ended(Mended), k.changes-before)
		}
		if !strings.Contains(k.log.String(), "the zone validates again") {
			t.Error(k.log.String())
		}
		if strings.Contains(string(k.file), "a.example") {
			t.Errorf("still saved: %s", k.file)
		}
	})
}

// One that was added anew while its zone was checked is not removed for the check before.
func TestRFC7646CheckIsForTheOneItWasMadeFor(t *testing.T) {
	k := newKeeping(t)
	if err := k.add("a.example.", time.Hour, false); err != nil {
		t.Fatal(err)
	}
	k.clock.Advance(recheckEvery)
	first, due := k.due()
	if !due {
		t.Fatal("nothing is due")
	}
	if _, again := k.due(); again {
		t.Error("two are checked at once")
	}
	if err := k.add("a.example.", time.Hour, false); err != nil {
		t.Fatal(err)
	}
	k.check(context.Background(), first)
	if k.holds() != "a.example." {
		t.Error("it was removed")
	}
}

// The root, and a name with a trust anchor of its own, need force; what is not a name is refused
// whatever is said.
func TestRFC7646RefusedNames(t *testing.T) {
	k := newKeeping(t)
	if err := k.set.Add("island.example. IN DS 1 13 2 " + strings.Repeat("ab", 32)); err != nil {
		t.Fatal(err)
	}
	for zone, needs := range map[string]bool{".": true, "island.example.": true, "example.": false,
		"www.island.example.": false, "com.": false} {
		if err := k.add(zone, time.Hour, false); (err != nil) != needs ||
			err != nil && !strings.Contains(err.Error(), "--force") {
			t.Errorf("%s: %v", zone, err)
		}
		if err := k.add(zone, time.Hour, true); err != nil {
			t.Errorf("%s, forced: %v", zone, err)
		}
	}
	if set := k.Apply(k.set); exception(set, "island.example.") != Negative ||
		exception(set, ".") != Negative {
		t.Error("a forced one does not hold")
	}
	for _, bad := range []string{"", " ", "a..b", "192.0.2.1", "2001:db8::1", "a.example b.example",
		"https://a.example/", "a.example:53", "me@a.example", strings.Repeat("a", 64) + ".example",
		strings.Repeat("a.", 130), "a.example,b.example"} {
		if n, err := ParseZone(bad); err == nil {
			t.Errorf("%q is the name %s", bad, n)
		}
	}
	for _, good := range []string{"a.example", " A.Example. ", ".", "0/25.2.0.192.in-addr.arpa",
		"_tcp.example", "xn--bcher-kva.example"} {
		if _, err := ParseZone(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

// maxTemporary bounds how many there are, and maxText what people write.
func TestMaxTemporary(t *testing.T) {
	k := newKeeping(t)
	for i := range maxTemporary {
		if err := k.add(fmt.Sprintf("z%d.example.", i), time.Hour, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.add("more.example.", time.Hour, false); err == nil {
		t.Error("one more")
	}
	if err := k.add("z0.example.", time.Hour, false); err != nil {
		t.Errorf("renewed: %v", err)
	}
	if _, err := k.Remove(wire.MustParseName("z1.example."), "uid 0"); err != nil {
		t.Fatal(err)
	}
	long, _, err := k.Add(NegativeAnchor{Zone: wire.MustParseName("more.example."),
		Reason: "a\nb" + strings.Repeat("é", maxText)}, "", time.Hour, false)
	if err != nil || len(long.Reason) > maxText || strings.Contains(long.Reason, "\n") {
		t.Errorf("%d octets: %q %v", len(long.Reason), long.Reason, err)
	}
	if _, err := k.Remove(wire.MustParseName("z1.example."), "uid 0"); err == nil {
		t.Error("removed twice")
	}
}

// They outlive a restart, with the time that they have left: none more than before, whatever the
// time of day is then. Those that ended meanwhile do not come back.
func TestRFC7646OutlivesARestart(t *testing.T) {
	for step, want := range map[time.Duration]struct {
		holds string
		most  time.Duration
	}{
		0:                  {"a.example. b.example.", 9 * time.Hour},
		time.Hour:          {"a.example. b.example.", 8 * time.Hour},
		6 * time.Hour:      {"b.example.", 3 * time.Hour},
		100 * time.Hour:    {"", 0},
		-20 * time.Hour:    {"a.example. b.example.", 10 * time.Hour},
		-20000 * time.Hour: {"a.example. b.example.", 10 * time.Hour},
	} {
		k := newKeeping(t)
		for zone, lifetime := range map[string]time.Duration{"a.example.": 5 * time.Hour,
			"b.example.": 10 * time.Hour} {
			if err := k.add(zone, lifetime, zone == "b.example."); err != nil {
				t.Fatal(err)
			}
		}
		k.clock.Advance(time.Hour)
		k.clock.Step(step)
		k.restart()
		if got := k.holds(); got != want.holds {
			t.Errorf("set by %v: %q, want %q", step, got, want.holds)
		}
		for _, n := range k.List() {
			if left := n.ends.Sub(k.clock.Now()); left > want.most || left <= 0 {
				t.Errorf("set by %v: %s has %v left, want %v", step, n.Zone, left, want.most)
			}
			if n.Reason != "why" || n.Owner != "me" || n.By != "uid 0" ||
				n.Kept != (n.Zone == wire.MustParseName("b.example.")) {
				t.Errorf("%+v", n)
			}
		}
	}
}

// A state that cannot be saved, or read, is said; what was added holds all the same.
func TestRFC7646StateThatFails(t *testing.T) {
	k := newKeeping(t)
	k.full = errors.New("no space left on device")
	if err := k.add("a.example.", time.Hour, false); err != nil || k.holds() == "" {
		t.Errorf("%v %s", err, k.holds())
	}
	for _, bad := range []string{"nonsense", `{"zone":"a..b","ends":"2026-03-02T00:00:00Z"}`,
		`{"zone":"a.","more":1}`, `{"zone":"a.","made":"2026-03-02T00:00:00Z"}`} {
		k.file = []byte(bad)
		k.log.Reset()
		k.restart()
		if k.holds() != "" || !strings.Contains(k.log.String(), "level=ERROR") {
			t.Errorf("%s: %s, logged %s", bad, k.holds(), k.log.String())
		}
	}
}

// One of the configuration may have an end too, by the time of day.
func TestRFC7646ConfiguredEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t)
		zone := wire.MustParseName("a.example.")
		k.set.AddNegatives([]NegativeAnchor{{Zone: zone, Ends: k.clock.Now().Add(time.Hour)},
			{Zone: wire.MustParseName("b.example.")}})
		k.set.Except(zone, Permissive)
		k.pass(time.Minute)
		if e := exception(k.Apply(k.set), "a.example."); e != Negative || k.changes != 0 {
			t.Errorf("before its end: %d, %d changes", e, k.changes)
		}
		k.pass(time.Hour)
		if e := exception(k.Apply(k.set), "a.example."); e != Permissive || k.changes != 1 {
			t.Errorf("after its end: %d, %d changes", e, k.changes)
		}
		if e := exception(k.Apply(k.set), "b.example."); e != Negative {
			t.Errorf("one without an end: %d", e)
		}
	})
}

// FuzzTemporaries reads any state: what is accepted is within the limits, and is the same when it
// is written and read again.
func FuzzTemporaries(f *testing.F) {
	f.Add([]byte(`{"zone":"a.","reason":"r","made":"2026-03-01T00:00:00Z",` +
		`"ends":"2026-03-02T00:00:00Z","kept":true}` + "\n"))
	f.Add([]byte(`{"zone":".","made":"2026-03-01T00:00:00Z","ends":"9999-03-02T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := readTemporaries(bytes.NewReader(b))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := writeTemporaries(&out, list); err != nil {
			return // a year that JSON cannot have
		}
		again, err := readTemporaries(&out)
		if err != nil || len(again) != len(list) || len(list) > maxTemporary {
			t.Fatalf("%q: %v", b, err)
		}
		now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		for i := range list {
			a, o := list[i].resume(now, now), again[i].resume(now, now)
			if a.Zone != o.Zone || a.Reason != o.Reason || a.ends.Sub(now) > MaxLifetime ||
				!a.ends.Equal(o.ends) || len(a.Reason) > maxText {
				t.Fatalf("%+v and %+v", a, o)
			}
		}
	})
}

// TestRFC7646EndsWhileNobodyAsks: an exception ends by the clock, also in a process that rests
// (RFC 7646, section 2.1: for a limited time).
func TestRFC7646EndsWhileNobodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeping(t)
		k.rest = rest.New(time.Second)
		k.restart()
		k.broken["a.example."] = true
		if err := k.add("a.example", time.Hour, false); err != nil {
			t.Fatal(err)
		}
		k.pass(2 * time.Hour)
		if list := k.List(); len(list) > 0 {
			t.Errorf("still there: %v", list)
		}
	})
}
