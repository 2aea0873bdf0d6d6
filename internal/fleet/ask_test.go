package fleet_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/counter"
	"bailiwick/internal/fleet"
	"bailiwick/internal/fleet/fleettest"
	"bailiwick/wire"
)

var (
	secret = fleet.NewSecret(bytes.Repeat([]byte{1}, 32))
	view   = fleet.View{1, 2, 3}
	www    = cache.Key{Name: wire.MustParseName("www.example."), Type: wire.TypeA}
	www0   = []cache.Key{www, {Name: www.Name, Type: wire.TypeCNAME}, {Name: www.Name}}
)

// node returns a node with a store.
func node(t *testing.T, s fleet.Store, c clock.Clock, log io.Writer) *fleet.Fleet {
	t.Helper()
	f := fleet.New(fleet.Parts{Clock: c, Log: slog.New(slog.NewTextHandler(log, nil)),
		Writes: &counter.Outcomes{},
		Open:   func(fleet.Settings) fleet.Store { return s }})
	f.Use(fleet.Settings{Config: fleet.Config{Store: "192.0.2.1:6379"},
		Secrets: []fleet.Secret{secret}})
	t.Cleanup(f.Close)
	return f
}

// address returns an entry of an address that is stored now, and lives for some seconds.
func address(k cache.Key, c clock.Clock, ttl int64) *cache.Shared {
	now := clock.Wall(c).Unix()
	s := &wire.RRset{Name: k.Name, Type: wire.TypeA, Class: wire.ClassIN, Security: wire.Insecure,
		TTL: uint32(ttl), Data: wire.RDataList{0, 4, 192, 0, 2, 1}}
	return &cache.Shared{Key: k, Zone: wire.MustParseName("example."),
		Set: cache.RRset{Set: s, Stored: now, Expires: now + ttl}}
}

// miss asks a node for a question of a client, and resolves it if it has to, which takes a time. It
// returns how long it waited, and whether it resolved.
func miss(f *fleet.Fleet, takes time.Duration, resolved *atomic.Int32) (waited time.Duration) {
	begun := time.Now()
	e, ours, _ := f.Ask(context.Background(), &view, www0, false)
	waited = time.Since(begun)
	if e != nil {
		return waited
	}
	resolved.Add(1)
	time.Sleep(takes)
	if ours || takes > 0 {
		f.Offer(&view, address(www, clock.Real{}, 300))
	}
	return waited
}

// A hundred nodes miss a name in the same moment. If resolving it takes less than waitTime, no more
// than three do so, though one of them may be slow, or die; none waits for longer than 20 ms. If it
// takes longer, each goes its own way then. Where a leader that dies is waited for by all, all
// resolve at once (github.com/flyingsquirrel0419/layercache/issues/59).
func TestMaxClaims(t *testing.T) {
	for _, c := range []struct {
		what        string
		takes       time.Duration // to resolve
		dies        bool          // the first node, in the middle of it
		least, most int32         // nodes that resolve
	}{
		{"a near server", 4 * time.Millisecond, false, 1, 1},
		{"a server at some distance", 15 * time.Millisecond, false, 2, 3},
		{"the first node dies", 8 * time.Millisecond, true, 2, 3},
		{"a server far away", 100 * time.Millisecond, false, 100, 100},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := fleettest.New()
			store.Delay = 300 * time.Microsecond
			var all sync.WaitGroup
			var resolved atomic.Int32
			var longest atomic.Int64
			if c.dies {
				f := node(t, store, clock.Real{}, io.Discard)
				if _, ours, _ := f.Ask(t.Context(), &view, www0, false); !ours {
					t.Fatal("the first node has not claimed the question")
				}
				resolved.Add(1)
			}
			for range 100 {
				f := node(t, store, clock.Real{}, io.Discard)
				all.Go(func() {
					waited := int64(miss(f, c.takes, &resolved))
					for old := longest.Load(); waited > old &&
						!longest.CompareAndSwap(old, waited); old = longest.Load() {
					}
				})
			}
			all.Wait()
			if n := resolved.Load(); n < c.least || n > c.most {
				t.Errorf("%s: %d nodes resolved", c.what, n)
			}
			if w := time.Duration(longest.Load()); w > 20*time.Millisecond {
				t.Errorf("%s: a node waited for %v", c.what, w)
			}
		})
	}
}

// A refresh waits for nobody, and one node makes it for all, however long it takes. It asks the
// store as any other question does (github.com/NLnetLabs/unbound/issues/614).
func TestRefreshIsMadeOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := fleettest.New()
		store.Delay = 300 * time.Microsecond
		first := node(t, store, clock.Real{}, io.Discard)
		first.Offer(&view, address(www, clock.Real{}, 300))
		time.Sleep(280 * time.Second) // in its last tenth
		if e, _, _ := first.Ask(t.Context(), &view, www0, false); e == nil || e.Left != 20 {
			t.Fatalf("a client does not get what is about to end: %+v", e)
		}
		_, ours, others := first.Ask(t.Context(), &view, www0, true)
		if !ours || others {
			t.Fatalf("the first refresh: %v, %v", ours, others)
		}
		second := node(t, store, clock.Real{}, io.Discard)
		if e, ours, others := second.Ask(t.Context(), &view, www0, true); e != nil || ours ||
			!others {
			t.Fatalf("the second refresh: %+v, %v, %v", e, ours, others)
		}
		time.Sleep(200 * time.Millisecond)
		first.Offer(&view, address(www, clock.Real{}, 300))
		synctest.Wait()
		time.Sleep(time.Millisecond)
		if e, _, _ := second.Ask(t.Context(), &view, www0, true); e == nil || e.Left != 300 {
			t.Errorf("the second refresh gets %+v", e)
		}
	})
}

// Nobody waits for a node that has nothing to share: a failure, an answer for one network, or a TTL
// of 0.
func TestReleaseEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := fleettest.New()
		a := node(t, store, clock.Real{}, io.Discard)
		b := node(t, store, clock.Real{}, io.Discard)
		if _, ours, _ := a.Ask(t.Context(), &view, www0, false); !ours {
			t.Fatal("not claimed")
		}
		go func() {
			time.Sleep(3 * time.Millisecond)
			a.Release(&view, www)
		}()
		begun := time.Now()
		if e, ours, _ := b.Ask(t.Context(), &view, www0, false); e != nil || ours {
			t.Errorf("%+v, %v", e, ours)
		}
		if waited := time.Since(begun); waited > 6*time.Millisecond {
			t.Errorf("it waited for %v", waited)
		}
		if n := b.Counts().Of(fleet.Released); n != 1 {
			t.Errorf("released: %d", n)
		}
	})
}

// A store that is slow costs a resolution no more than askTime, and after a few of them nothing;
// one that works again is used again. The log has a line at each end. Clients of Unbound wait for
// as long as redis-timeout (github.com/NLnetLabs/unbound/issues/1064).
func TestSlowStoreCostsItsMisses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := fleettest.New()
		store.Delay, store.Deaf = time.Hour, true
		var log strings.Builder
		f := node(t, store, clock.Real{}, &log)
		ask := func() time.Duration {
			begun := time.Now()
			if e, ours, others := f.Ask(t.Context(), &view, www0, false); e != nil || ours ||
				others {
				t.Fatal("a store that does not reply has replied")
			}
			return time.Since(begun)
		}
		for range 5 {
			if d := ask(); d > 10*time.Millisecond {
				t.Fatalf("%v", d)
			}
		}
		if d := ask(); d != 0 {
			t.Errorf("a store that does not reply is asked again: %v", d)
		}
		s := f.Status()
		if n := f.Counts(); n.Of(fleet.Failed) != 5 || n.Of(fleet.Skipped) != 1 ||
			s.Resting == 0 || s.Problem == "" {
			t.Errorf("%+v", s)
		}
		f.Offer(&view, address(www, clock.Real{}, 300))
		synctest.Wait()
		if n := f.Writes().Dropped.Load(); n != 1 {
			t.Errorf("%d records dropped", n)
		}
		store.Delay = 0
		time.Sleep(time.Minute)
		for range 2 {
			if _, ours, _ := f.Ask(t.Context(), &view, []cache.Key{www}, false); !ours {
				t.Fatal("a store that works again is not used")
			}
			time.Sleep(time.Minute)
		}
		if strings.Count(log.String(), "\n") != 2 {
			t.Errorf("the log:\n%s", log.String())
		}
	})
}

// A store that is full is read, and what it does not take is counted. Where its refusals open the
// breaker, reads end with the writes (github.com/Shopify/semian/pull/172), and where they do not,
// a cache never recovers (github.com/redis-field-engineering/redis-smart-cache/issues/22).
func TestFullStoreIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := fleettest.New()
		f := node(t, store, clock.Real{}, io.Discard)
		f.Offer(&view, address(www, clock.Real{}, 300))
		synctest.Wait()
		store.Fill(true)
		if e, _, _ := f.Ask(t.Context(), &view, www0, false); e == nil {
			t.Fatal("what is in the store is not used")
		}
		other := www
		other.Type = wire.TypeAAAA
		for range 10 {
			if _, ours, _ := f.Ask(t.Context(), &view, []cache.Key{other}, false); !ours {
				t.Fatal("nobody resolves what cannot be claimed")
			}
		}
		f.Offer(&view, address(www, clock.Real{}, 300))
		synctest.Wait()
		s := f.Status()
		if f.Writes().Lost.Load() != 1 || s.Resting != 0 || s.Full == "" || s.Problem != "" {
			t.Errorf("%+v, lost %d", s, f.Writes().Lost.Load())
		}
	})
}

// No more than maxAsks questions wait for the store: what would be one more does not.
func TestMaxAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := fleettest.New()
		store.Delay = 5 * time.Millisecond
		f := node(t, store, clock.Real{}, io.Discard)
		var all sync.WaitGroup
		for range 300 {
			all.Go(func() { f.Ask(t.Context(), &view, www0, false) })
		}
		all.Wait()
		if n := store.Most(); n != 256 || f.Counts().Of(fleet.Busy) == 0 {
			t.Errorf("%d questions at once, and %d were too many", n, f.Counts().Of(fleet.Busy))
		}
	})
}

// maxQueued records wait to be written, and no more: the rest is dropped, and nobody waits.
func TestMaxQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := fleettest.New()
		store.Delay = time.Hour
		f := node(t, store, clock.Real{}, io.Discard)
		f.Offer(&view, address(www, clock.Real{}, 300))
		synctest.Wait() // the writer has it
		for range 4096 + 10 {
			f.Offer(&view, address(www, clock.Real{}, 300))
		}
		if s := f.Status(); f.Writes().Dropped.Load() != 10 || s.Queued != 4096 {
			t.Errorf("%d dropped, %d wait", f.Writes().Dropped.Load(), s.Queued)
		}
	})
}

// How long an entry is used is decided by when it ends, by the time of day, and by how long it was
// to live, whichever is less: a node whose clock is slow does not use it for longer, and one that
// is far behind does not use it at all. Records that were of another time made Unbound fail
// (github.com/madnuttah/unbound-docker/issues/63), a TTL of 0 ended it
// (github.com/NLnetLabs/unbound/issues/1445), and how long what has ended is used was unclear
// (github.com/NLnetLabs/unbound/issues/107).
func TestMaxSkew(t *testing.T) {
	for _, c := range []struct {
		behind, later time.Duration // the reader's clock; how much later it reads
		ttl           int64
		left          uint32 // 0: it is not used
		why           fleet.Outcome
	}{
		{0, 0, 300, 300, 0},
		{0, 100 * time.Second, 300, 200, 0},
		{4 * time.Second, 0, 300, 300, 0},
		{4 * time.Second, 100 * time.Second, 300, 204, 0},
		{time.Minute, 0, 300, 0, fleet.Future},
		{-time.Minute, 0, 300, 240, 0},
		{-time.Hour, 0, 300, 0, fleet.Expired},
		{0, 299 * time.Second, 300, 0, fleet.Expired},
		{0, 0, 86401, 0, fleet.Expired},
	} {
		synctest.Test(t, func(t *testing.T) {
			store, clk := fleettest.New(), clock.NewFake(time.Now())
			w := node(t, store, clock.Real{}, io.Discard)
			w.Offer(&view, address(www, clock.Real{}, c.ttl))
			synctest.Wait()
			clk.Advance(c.later)
			clk.Step(-c.behind)
			f := node(t, store, clk, io.Discard)
			e, _, _ := f.Ask(t.Context(), &view, www0, false)
			if (e != nil) != (c.left > 0) || e != nil && e.Left != c.left {
				t.Errorf("%+v: %+v", c, e)
			}
			if c.left == 0 && f.Counts().Of(c.why) != 1 {
				t.Errorf("%+v: not counted as %s", c, c.why.Label())
			}
		})
	}
}

// What was flushed here does not come back from the store, whoever puts it there again: a record is
// as old as it is. Of more than maxFlushes the oldest hold for all names. Unbound's flushes left
// the store as it was (github.com/NLnetLabs/unbound/issues/1071, 1253 and 452).
func TestMaxFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := fleettest.New()
		f := node(t, store, clock.Real{}, io.Discard)
		offer := func(k cache.Key) {
			f.Offer(&view, address(k, clock.Real{}, 3600))
			synctest.Wait()
		}
		ask := func(k cache.Key) bool {
			e, _, _ := f.Ask(t.Context(), &view, []cache.Key{k}, false)
			return e != nil
		}
		other := cache.Key{Name: wire.MustParseName("www.example.net."), Type: wire.TypeA}
		offer(www)
		offer(other)
		var key string
		for _, k := range store.Keys() {
			if strings.HasSuffix(k, ":A:www.example.") {
				key = k
			}
		}
		old := store.Value(key)
		time.Sleep(time.Second)
		f.Forget(wire.MustParseName("example."), true)
		if ask(www) || !ask(other) {
			t.Error("the flush of one name and those below it holds for others")
		}
		time.Sleep(time.Second)
		offer(www)
		if !ask(www) {
			t.Error("what was stored after the flush is not used")
		}
		store.Set(key, old, time.Hour)
		if ask(www) {
			t.Error("an older record that was put back is used")
		}
		if n := f.Counts().Of(fleet.Flushed); n != 2 {
			t.Errorf("%d records counted as flushed", n)
		}
		for i := range 70 {
			f.Forget(wire.MustParseName(fmt.Sprintf("n%d.test.", i)), false)
		}
		if ask(other) {
			t.Error("the oldest flushes are forgotten")
		}
	})
}

// Without a store nothing is asked, and nothing allocated.
func TestNoStoreCostsNothing(t *testing.T) {
	f := fleet.New(fleet.Parts{Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler)})
	if n := testing.AllocsPerRun(100, func() {
		if f.Active() {
			t.Error("there is a store")
		}
		f.Ask(context.Background(), &view, www0, false)
		f.Release(&view, www)
		f.Forget(www.Name, true)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
