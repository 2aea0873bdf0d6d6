package resolver

import (
	"context"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/transport"
	"bailiwick/validator"
	"bailiwick/wire"
)

// The quota of a zone is a function of the share of its questions that fail, and of the number of
// free resolutions.
func TestQuotaIsASharePerConduct(t *testing.T) {
	for _, c := range []struct {
		failed     float64
		free, want int32
	}{
		{0, 4096, 8192},   // nothing is limited while there is room
		{0, 1366, 2732},   // one busy zone: two thirds of 4,096
		{0.5, 1366, 2732}, // a network that loses every other packet
		{0.7, 1366, 1398}, // half way
		{0.9, 4096, 64},
		{1, 4096, 64},
		{0, 10, 64}, // what a silent zone may have, any may
		{0, -5, 64},
	} {
		got := quotaFor(uint32(math.Round(c.failed*quotaUnits)), 64, c.free)
		if got < c.want-1 || got > c.want+1 {
			t.Errorf("%v fail, %d free: %d, want %d", c.failed, c.free, got, c.want)
		}
	}
}

// newTestQuota returns a quota of 1,000 resolutions with a floor of 10.
func newTestQuota(down bool) *quota {
	return &quota{floor: 10, flights: 1000, now: new(atomic.Int32),
		down: func() bool { return down }, quotaCounters: newQuotaCounters()}
}

func none() int32 { return 0 }

// A share grows and shrinks with outcomes, and neither while the link is down.
func TestQuotaLearnsFromOutcomes(t *testing.T) {
	for _, c := range []struct {
		name       string
		down       bool
		o          outcome
		n          int
		begin, end int32
	}{
		{"failures", false, outcomeFailed, 150, 2000, 10},
		{"answers", false, outcomeGood, 45, 10, 2000},
		{"unclear", false, outcomeNone, 500, 10, 10},
		{"link down", true, outcomeFailed, 500, 2000, 2000},
	} {
		q := newTestQuota(c.down)
		const key = 7<<32 | 3
		if c.begin == 10 {
			q.rows[0][3].failed.Store(quotaUnits - 1)
			q.rows[1][7].failed.Store(quotaUnits - 1)
		}
		for range c.n {
			one, ok := q.take(key, none)
			if !ok {
				t.Fatalf("%s: refused", c.name)
			}
			one.end(c.o)
		}
		if got := q.limit(&q.rows[1][7]); got != c.end {
			t.Errorf("%s: the quota is %d, want %d", c.name, got, c.end)
		}
	}
}

// A zone that shares one of its two cells with a zone that has its quota is not refused.
func TestQuotaTakesTwoCellsToRefuse(t *testing.T) {
	q := newTestQuota(false)
	q.rows[0][3].failed.Store(quotaUnits)
	q.rows[1][7].failed.Store(quotaUnits)
	var full []claim
	for range 10 {
		c, ok := q.take(7<<32|3, none)
		if !ok {
			t.Fatal("refused below the quota")
		}
		full = append(full, c)
	}
	if _, ok := q.take(7<<32|3, none); ok {
		t.Error("more than the quota")
	}
	for _, other := range []uint64{8<<32 | 3, 7<<32 | 4} {
		c, ok := q.take(other, none)
		if !ok {
			t.Errorf("%x is refused", other)
		}
		c.end(outcomeNone)
	}
	for _, c := range full {
		c.end(outcomeNone)
	}
	if n := q.rows[0][3].held.Load() + q.rows[1][7].held.Load(); n != 0 {
		t.Errorf("%d are still under way", n)
	}
}

// No question allocates, and none makes the counters larger.
func TestQuotaAllocatesNothing(t *testing.T) {
	q, hash := newTestQuota(false), uint64(0)
	if n := testing.AllocsPerRun(1000, func() {
		c, _ := q.take(hash, none)
		c.end(outcomeFailed)
		hash += 0x9e3779b97f4a7c15
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// What a question may have beyond the quota of its zone.
func TestQuotaReserves(t *testing.T) {
	r := &Resolver{clock: clock.Real{}, memory: memory{store: cache.New(cache.Default())}}
	q := newTestQuota(false)
	for _, c := range []struct {
		name    string
		t       wire.Type
		depth   int
		refresh bool
		want    int32
	}{
		{"new.example.", wire.TypeA, 0, false, 0},
		{"new.example.", wire.TypeDNSKEY, 0, false, 0},
		{"new.example.", wire.TypeDS, 1, false, 10},
		{"ns.example.", wire.TypeA, 1, false, 10},
		{"old.example.", wire.TypeA, 0, true, 10},
		{"example.", wire.TypeDNSKEY, 1, false, 1000},
		{"example.", wire.TypeDNSKEY, 0, false, 1000},
	} {
		question := wire.Question{Name: wire.MustParseName(c.name), Type: c.t, Class: wire.ClassIN}
		a := &zoneQuery{zone: example, q: question,
			x: &resolution{r: r, q: question, depth: c.depth, refresh: c.refresh}}
		if got := a.reserved(q); got != c.want {
			t.Errorf("%s %s, depth %d, refresh %v: %d, want %d", c.name, c.t, c.depth, c.refresh,
				got, c.want)
		}
	}
}

// A thousand clients that wait for a question share its refusal. They do not try it again one by
// one, except for a resolution that depends on it: that has a part of the quota of its own.
func TestQuotaRefusalIsSharedByWaiters(t *testing.T) {
	for _, c := range []struct {
		parent bool
		depth  int
		again  bool
	}{{false, 0, false}, {false, 1, false}, {true, 0, true}, {true, 1, false}} {
		all := newFetches(nil, nil, 10)
		var first, second budget
		first.fill(all, nil, validator.NewBudget())
		second.fill(all, nil, validator.NewBudget())
		k := cache.Key{Name: example, Type: wire.TypeA}
		f, _ := all.join(fetchKey{Key: k}, &first, nil)
		f.run.depth = c.depth
		var parent *fetch
		if c.parent {
			k := fetchKey{Key: cache.Key{Name: wire.Root, Type: wire.TypeA}}
			parent, _ = all.join(k, &second, nil)
		}
		if _, how := all.join(fetchKey{Key: k}, &second, parent); how != joinWait {
			t.Fatalf("the second: %d", how)
		}
		all.land(f, nil, cause.New(cause.LimitZone, example, ""))
		_, fail, again := all.wait(f, &second, parent)
		if fail == nil || fail.Cause != cause.LimitZone || again != c.again {
			t.Errorf("%+v: %v, again %v", c, fail, again)
		}
	}
}

// How questions count for their zone, and tries for their server.
func TestQuotaCountsOutcomes(t *testing.T) {
	failure := func(c cause.Cause) *cause.Failure { return cause.New(c, example, "") }
	for _, c := range []struct {
		name   string
		f      *cause.Failure
		silent time.Duration // since the first try
		want   outcome
	}{
		{"an answer", nil, 0, outcomeGood},
		{"a late answer", nil, 4 * time.Second, outcomeGood},
		{"silence", failure(cause.Timeout), 0, outcomeFailed},
		{"refusal", failure(cause.ServerRefused), 0, outcomeFailed},
		{"no time left after silence", failure(cause.LimitTime), maxRTO, outcomeFailed},
		{"given way after silence", failure(cause.Overload), maxRTO, outcomeFailed},
		{"no time left before a reply could come", failure(cause.LimitTime), 0, outcomeNone},
		{"no client any more", failure(cause.ClientGone), 0, outcomeNone},
		{"bogus", failure(cause.SignatureInvalid), maxRTO, outcomeNone},
		{"no link", failure(cause.UplinkDown), maxRTO, outcomeNone},
	} {
		a := &zoneQuery{}
		a.schedule.sent, a.first.began = 1, time.Now().Add(-c.silent)
		if got := a.outcome(c.f); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		name string
		err  error
		took time.Duration
		want outcome
	}{
		{"a late reply", nil, time.Hour, outcomeGood},
		{"silence", transport.ErrTimeout, 0, outcomeFailed},
		{"unreachable", transport.ErrUnreachable, 0, outcomeFailed},
		{"another was faster", context.Canceled, 0, outcomeNone},
		{"given up after its patience", context.Canceled, time.Second, outcomeFailed},
		{"no descriptor", transport.ErrLocal, time.Second, outcomeNone},
		{"no network", transport.ErrNoNetwork, time.Second, outcomeNone},
	} {
		try := &try{err: c.err, took: c.took, sending: sending{patience: time.Second}}
		if got := try.outcome(); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
