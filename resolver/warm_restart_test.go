package resolver_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// warmWorld returns an internet on a clock that stands still, whose resolver knows some names, and
// what it saves.
func warmWorld(t testing.TB, change func(*resolver.Config)) (*internet, *clock.Fake, []byte) {
	t.Helper()
	clk := clock.NewFake(time.Now())
	in := newWorld(t, lab.Internet(clk.Now()), change)
	in.parts.Clock = clk
	in = in.withMemory(cache.DefaultMemory)
	for _, q := range warmQuestions {
		in.resolve(q.name, q.t)
	}
	var file bytes.Buffer
	if err := in.r.Save(&file); err != nil {
		t.Fatal(err)
	}
	in.transcript()
	return in, clk, file.Bytes()
}

// warmQuestions are of every kind that is kept: data, an alias, a denial of a name and of a type,
// and data of a zone that is not signed.
var warmQuestions = []struct {
	name   string
	t      wire.Type
	status wire.Security
}{
	{"www.secure.example.", wire.TypeA, wire.Secure},
	{"nic.example.", wire.TypeA, wire.Secure},
	{"no.secure.example.", wire.TypeA, wire.Secure},
	{"nic.example.", wire.TypeMX, wire.Secure},
	{"www.plain.", wire.TypeA, wire.Insecure},
}

// restored returns the same internet with a new resolver that begins with a file.
func (in *internet) restored(file []byte) (*internet, resolver.Restored, error) {
	other := in.withMemory(cache.DefaultMemory)
	n, err := other.r.Restore(in.t.Context(), bytes.NewReader(file))
	return other, n, err
}

// A resolver that begins with what another one saved asks nobody, and its answers have the same
// status.
func TestWarmRestartAsksNobody(t *testing.T) {
	in, _, file := warmWorld(t, nil)
	after, n, err := in.restored(file)
	if err != nil || n.Used == 0 || n.Outdated+n.Ended > 0 {
		t.Fatalf("%+v, %v", n, err)
	}
	if got, want := after.r.Stats().Trust.Entries, in.r.Stats().Trust.Entries; got != want {
		t.Errorf("there is trust in %d zones, and was in %d", got, want)
	}
	for _, q := range warmQuestions {
		if a := after.resolve(q.name, q.t); a.Status != q.status || a.Failure != nil {
			t.Errorf("%s %v: %v, %v", q.name, q.t, a.Status, a.Failure)
		}
	}
	// A name that nobody has asked for: the zone and the trust in it are known.
	if a := after.resolve("other.secure.example.", wire.TypeA); a.Status != wire.Secure {
		t.Errorf("%v", a.Status)
	}
	if asked := after.transcript(); strings.Contains(asked, "DNSKEY") ||
		strings.Count(asked, "\n") > 1 {
		t.Errorf("asked\n%s", asked)
	}
}

// What has ended by the time of day while the process was down is fetched again, and no TTL is
// longer than it would have been: also if the ages of the new process begin elsewhere.
func TestWarmRestartExtendsNoLife(t *testing.T) {
	in, clk, file := warmWorld(t, nil)
	ttl := func(in *internet) uint32 {
		a := in.resolve("www.secure.example.", wire.TypeA)
		return a.Sets[0].TTL
	}
	first, _, err := in.restored(file)
	if err != nil {
		t.Fatal(err)
	}
	before := ttl(first)
	in.parts.Clock = clk
	clk.Advance(10 * time.Second)
	later, n, err := in.restored(file)
	if got := ttl(later); err != nil || got != before-10 ||
		n.Age.Round(time.Second) != 10*time.Second {
		t.Errorf("10 s later the TTL is %d after %d; %+v, %v", got, before, n, err)
	}
	// Another process, whose ages are 1000 s ahead of the time of day.
	ahead := clock.NewFake(clk.Now().Add(1000 * time.Second))
	ahead.Step(-1000 * time.Second)
	in.parts.Clock = ahead
	other, _, err := in.restored(file)
	if got := ttl(other); err != nil || got != before-10 {
		t.Errorf("with other ages the TTL is %d after %d, %v", got, before, err)
	}
	in.transcript()
	clk.Advance(7 * 24 * time.Hour)
	in.parts.Clock = clk
	_, n, err = in.restored(file)
	if err != nil || n.Ended == 0 {
		t.Errorf("a week later: %+v, %v", n, err)
	}
}

// What other anchors, exceptions, zones or rules would not have accepted is not used: only what is
// at and below the names where they differ. That a kept cache may have the wrong security after a
// change of anchors is why Unbound drops all of it (github.com/NLnetLabs/unbound/issues/302).
func TestWarmRestartDropsWhatIsJudgedOtherwiseNow(t *testing.T) {
	in, _, file := warmWorld(t, nil)
	for _, c := range []struct {
		what   string
		change func(*internet)
		gone   string // of the questions asked again
		kept   string
	}{
		{"a negative trust anchor", func(in *internet) {
			anchors := in.parts.Anchors.Strict()
			anchors.Except(wire.MustParseName("secure.example."), trustanchor.Negative)
			in.parts.Anchors = anchors
		}, "www.secure.example.", "nic.example."},
		{"another anchor of the root", func(in *internet) {
			in.parts.Anchors = trustanchor.Builtin()
			if err := in.parts.Anchors.Add(in.world.Anchor()); err != nil {
				t.Fatal(err)
			}
		}, "www.secure.example.", ""},
		{"a zone with servers of its own", func(in *internet) {
			in.cfg.Zones = []resolver.Zone{{Name: wire.MustParseName("plain.")}}
		}, "", "www.secure.example."},
		{"another rule of validation", func(in *internet) {
			in.cfg.Validation.Skew++
		}, "www.plain.", ""},
	} {
		changed := *in
		c.change(&changed)
		after, n, err := changed.restored(file)
		if err != nil || n.Outdated == 0 {
			t.Errorf("%s: %+v, %v", c.what, n, err)
		}
		asks := func(name string) bool {
			after.transcript()
			after.resolve(name, wire.TypeA)
			return after.transcript() != ""
		}
		if c.gone != "" && !asks(c.gone) || c.kept != "" && asks(c.kept) {
			t.Errorf("%s: what is forgotten is not what differs", c.what)
		}
	}
}

// What was learnt since the start stays.
func TestWarmRestartReplacesNothingNewer(t *testing.T) {
	in, clk, file := warmWorld(t, nil)
	clk.Advance(30 * time.Second)
	after := in.withMemory(cache.DefaultMemory)
	fresh := after.resolve("www.secure.example.", wire.TypeA).Sets[0].TTL
	if _, err := after.r.Restore(t.Context(), bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	if got := after.resolve("www.secure.example.", wire.TypeA).Sets[0].TTL; got != fresh {
		t.Errorf("the TTL is %d, and was %d", got, fresh)
	}
}

// A file may be anything. It is refused, or its entries are such as could have been kept: each look
// at them is safe.
func FuzzWarmRestart(f *testing.F) {
	in, _, file := warmWorld(f, nil)
	f.Add(file)
	f.Add(file[:len(file)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		cfg := cache.Default()
		cfg.Memory = cache.MinMemory
		parts := in.parts
		parts.Cache = cache.New(cfg)
		r := resolver.New(in.cfg, parts)
		defer r.Close()
		if _, err := r.Restore(t.Context(), bytes.NewReader(b)); err != nil {
			return
		}
		var again bytes.Buffer
		if err := r.Save(&again); err != nil {
			t.Fatal(err)
		}
		now := in.parts.Clock.Now()
		for _, q := range warmQuestions {
			k := cache.Key{Name: wire.MustParseName(q.name), Type: q.t}
			parts.Cache.LookupRRset(k, now)
			parts.Cache.LookupNegative(k, now)
			parts.Cache.Closest(nil, k.Name, now)
			parts.Cache.Denials.Candidates(nil, k.Name, q.t, now)
		}
	})
}

// BenchmarkWarmRestart is the time that a record takes to be saved, and to be loaded.
func BenchmarkWarmRestart(b *testing.B) {
	const names = 100_000
	in := newWorld(b, lab.Internet(time.Now()), nil)
	in = in.withMemory(512 << 20)
	set := *in.resolve("www.secure.example.", wire.TypeA).Sets[0]
	for i := range names {
		s := set
		s.Name = wire.MustParseName(fmt.Sprintf("www%d.secure.example.", i))
		in.cache.PutRRset(cache.Key{Name: s.Name, Type: s.Type}, cache.RRset{Set: &s}, time.Now())
	}
	var file bytes.Buffer
	b.Run("save", func(b *testing.B) {
		for b.Loop() {
			file.Reset()
			if err := in.r.Save(&file); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/names, "ns/record")
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			after := in.withMemory(512 << 20)
			n, err := after.r.Restore(b.Context(), bytes.NewReader(file.Bytes()))
			if err != nil || n.Used < names {
				b.Fatalf("%+v, %v", n, err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/names, "ns/record")
	})
}
