package watch

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// TestWatchedZoneFails: a zone whose signatures have expired fails its probes, the log has a line
// at each end, and the time is charged to its error budget.
func TestWatchedZoneFails(t *testing.T) {
	w := newWorld(t, lab.Zone{Servers: two})
	s := w.look()
	if s.Outcome != "good" || s.Status != wire.Secure || s.Failing || s.Cause != "" ||
		s.Set == "" || s.Expires.Sub(begun) != 30*24*time.Hour {
		t.Errorf("at first: %+v", s)
	}
	w.want()
	if err := w.lab.Break(bank, lab.Expired); err != nil {
		t.Fatal(err)
	}
	s = w.pass(time.Hour, 5*time.Minute) // longer than what is cached
	if s.Outcome != "bad" || !s.Failing || s.Cause != "signature_expired" ||
		s.Status != wire.Bogus {
		t.Errorf("broken: %+v", s)
	}
	w.want("signature-expired")
	if err := w.lab.Break(bank); err != nil {
		t.Fatal(err)
	}
	s = w.pass(9*time.Hour, 5*time.Minute)
	w.want()
	bad := s.Rate.Bad
	if s.Outcome != "good" || bad < 10 || bad > 13 || s.Rate.Good+bad != 121 {
		t.Errorf("mended: %+v", s)
	}
	if left := s.Rate.Left(); left > -80 || left < -120 {
		t.Errorf("%v of the error budget is left", left)
	}
	for _, line := range []string{"level=WARN msg=\"watched zone fails\" zone=bank.example. " +
		"owner=dns-team cause=signature_expired", "watched zone is well again",
		"level=WARN msg=\"watched zone: finding\"", "watched zone: finding ends"} {
		if n := w.logged(line); n != 1 {
			t.Errorf("%d lines with %q in the log:\n%s", n, line, &w.log)
		}
	}
}

// TestWatchedMaintenance: in a maintenance window everything is recorded, and nothing is a warning.
func TestWatchedMaintenance(t *testing.T) {
	w := newWorld(t, lab.Zone{})
	w.quiet[bank] = true
	if err := w.lab.Break(bank, lab.DSMismatch); err != nil {
		t.Fatal(err)
	}
	s := w.look()
	if !s.Failing || !s.Maintenance || s.Rate.Bad != 1 {
		t.Errorf("%+v", s)
	}
	if w.logged("level=WARN") != 0 || w.logged("watched zone fails") != 1 {
		t.Errorf("log:\n%s", &w.log)
	}
}

// TestWatchedNobodysFault: what is not the zone's fault is charged to nobody, and ends no failure.
func TestWatchedNobodysFault(t *testing.T) {
	for _, c := range []cause.Cause{cause.UplinkDown, cause.Overload, cause.LimitClient,
		cause.Stopping, cause.NegativeAnchor, cause.ValidationOff} {
		w := newWorld(t, lab.Zone{})
		w.look()
		w.why = func(a *resolver.Answer) *cause.Failure { return cause.New(c, wire.Root, "") }
		s := w.pass(time.Minute, time.Minute)
		if s.Outcome != "unknown" || s.Failing || s.Rate.Good != 1 || s.Rate.Bad != 0 ||
			s.Counts != [3]uint64{1, 1, 0} {
			t.Errorf("%v: %+v", c, s)
		}
	}
}

// TestWatchedSerialsDiffer: servers that differ once are under way with a transfer; when they still
// do at the next look it is a finding. Monitors that warn of each transfer are turned off.
func TestWatchedSerialsDiffer(t *testing.T) {
	w := newWorld(t, lab.Zone{Servers: two})
	w.look()
	behind := func(m *dns.Msg) {
		for _, rr := range m.Answer {
			if soa, ok := rr.(*dns.SOA); ok {
				soa.Serial = 4711
			}
		}
	}
	w.second(behind)
	w.pass(5*time.Minute, 5*time.Minute)
	var ids []string
	for _, f := range w.state().Findings {
		ids = append(ids, fmt.Sprint(f.ID, f.Passing))
	}
	if !strings.Contains(fmt.Sprint(ids), "serial-differstrue") ||
		w.logged("finding=serial-differs") != 0 {
		t.Errorf("after one look: %v\n%s", ids, &w.log)
	}
	w.pass(5*time.Minute, 5*time.Minute)
	if w.logged("finding=serial-differs") != 1 {
		t.Errorf("after two looks: %+v\n%s", w.state().Findings, &w.log)
	}
	w.pass(time.Hour, 5*time.Minute)
	if w.logged("finding=serial-differs") != 1 {
		t.Errorf("it is told again:\n%s", &w.log)
	}
	w.lab.Script = nil
	w.pass(5*time.Minute, 5*time.Minute)
	w.want()
	if w.logged("finding ends") == 0 {
		t.Errorf("its end is not told:\n%s", &w.log)
	}
}

// TestWatchedPassing: a difference that one look has seen, and the next one has not, is never told.
func TestWatchedPassing(t *testing.T) {
	w := newWorld(t, lab.Zone{Servers: two})
	w.second(func(m *dns.Msg) {
		for _, rr := range m.Answer {
			if soa, ok := rr.(*dns.SOA); ok {
				soa.Serial = 4711
			}
		}
	})
	w.look()
	w.lab.Script = nil
	w.pass(5*time.Minute, 5*time.Minute)
	w.want()
	if w.logged("serial-differs") != 0 {
		t.Errorf("it was told:\n%s", &w.log)
	}
}

// TestWatchedStuckDS: the zone asks for the DS of a new key, and the parent does not publish it. It
// is waited for, for two of the daily looks that parents have; then it is a warning.
func TestWatchedStuckDS(t *testing.T) {
	w := newWorld(t, lab.Zone{Servers: two})
	own, next := w.lab.OwnKey(bank), w.lab.NewKey(bank, 0, true)
	both := []lab.ZoneKey{own, next}
	w.lab.SetKeys(bank, lab.Keys{Published: both, Entry: both, Signing: both[:1], DS: both[:1],
		CDS: both[1:]}, begun)
	w.look()
	w.want("cds-pending")
	w.pass(47*time.Hour, time.Hour)
	w.want("cds-pending")
	w.pass(time.Hour, time.Hour)
	w.want("cds-pending", "cds-stuck")
	if w.logged("finding=cds-stuck severity=warning") != 1 {
		t.Errorf("log:\n%s", &w.log)
	}
}

// TestWatchedBlind: when the servers of the parent are silent, what the parent lacks is not known
// to be there: the finding stays, and its time goes on.
func TestWatchedBlind(t *testing.T) {
	w := newWorld(t, lab.Zone{Servers: two})
	if err := w.lab.Break(bank, lab.DSMismatch); err != nil {
		t.Fatal(err)
	}
	w.look()
	w.want("ds-mismatch")
	since := w.state().Findings[0].Since
	w.lab.Script = func(in lab.Incoming) (lab.Reply, bool) {
		return lab.Reply{Err: transport.ErrRefused}, in.Server == w.lab.AddressOf("example.")
	}
	w.pass(time.Minute, time.Minute)
	w.want("ds-mismatch")
	w.lab.Script = nil
	s := w.pass(time.Minute, time.Minute)
	w.want("ds-mismatch")
	if !s.Findings[0].Since.Equal(since) || w.logged("finding ends") != 0 {
		t.Errorf("since %v, not %v\n%s", s.Findings[0].Since, since, &w.log)
	}
}

// TestWatchedOutdated: outdated algorithms (RFC 9904, RFC 9905), digests and NSEC3 parameters (RFC
// 9276) are findings of the zone.
func TestWatchedOutdated(t *testing.T) {
	for _, c := range []struct {
		zone lab.Zone
		want string
	}{
		{lab.Zone{Algorithm: dns.RSASHA1}, "algorithm-outdated"},
		{lab.Zone{Algorithm: dns.RSASHA512}, "algorithm-discouraged"},
		{lab.Zone{Digest: dns.SHA1}, "ds-digest-outdated"},
		{lab.Zone{Digest: 100}, "ds-digest-unknown"},
		{lab.Zone{Denial: lab.NSEC3, Iterations: 10}, "nsec3-iterations"},
		{lab.Zone{Denial: lab.NSEC3, Salt: "abcd"}, "nsec3-salt"},
		{lab.Zone{Algorithm: lab.Unsigned}, "unsigned"},
	} {
		w := newWorld(t, c.zone)
		w.look()
		w.want(c.want)
	}
}

// TestWatchedLead: signatures that are not renewed are warned of with less than 48 hours.
func TestWatchedLead(t *testing.T) {
	w := newWorld(t, lab.Zone{})
	w.look()
	w.clock.Advance(28*24*time.Hour - time.Minute)
	w.lab.SignLater(bank, w.clock.Now()) // all others of the world
	w.look()
	w.want()
	w.clock.Advance(2 * time.Minute)
	s := w.look()
	w.want("signature-expires-soon")
	if s.Set != "DNSKEY" || s.Expires.Sub(w.clock.Now()) >= 48*time.Hour {
		t.Errorf("%s ends %v", s.Set, s.Expires)
	}
}

// TestWatchedRestart: rates, findings and since when they are so outlive a restart; a page that no
// book has written is refused whole.
func TestWatchedRestart(t *testing.T) {
	w := newWorld(t, lab.Zone{})
	if err := w.lab.Break(bank, lab.DSMismatch); err != nil {
		t.Fatal(err)
	}
	w.answered = [2]uint64{100, 10}
	w.sample()
	w.look()
	before := w.pass(time.Hour, 5*time.Minute)
	w.restart()
	s := w.state()
	if s.Rate != before.Rate || !s.Failing || !s.Since.Equal(before.Since) ||
		len(s.Findings) != 1 || !s.Findings[0].Since.Equal(begun) {
		t.Errorf("%+v, before: %+v", s, before)
	}
	if month, _ := w.Overall(begun); month.Good != 90 || month.Bad != 10 {
		t.Errorf("overall: %+v", month)
	}
	w.look()
	if w.logged("watched zone fails") != 1 || w.logged("watched zone: finding") != 1 {
		t.Errorf("the restart is told as a failure:\n%s", &w.log)
	}
	for _, bad := range []string{"{", `{"Zones":{"bank.example.":null}}`,
		`{"Overall":[{"Hour":2},{"Hour":1}]}`,
		`{"Zones":{"bank.example.":{"Findings":{"x":{"Severity":9}}}}}`} {
		w.Book = nil
		w.disk = []byte(bad)
		w.restart()
		if s := w.state(); s.Rate.Good+s.Rate.Bad != 0 || len(s.Findings) != 0 {
			t.Errorf("%s: %+v", bad, s)
		}
	}
	if w.logged("what was known of watched zones is lost") != 4 {
		t.Errorf("log:\n%s", &w.log)
	}
}

// A save that ends in a panic leaves what is to be saved as it is.
func TestSaveThatPanicsIsMadeAgain(t *testing.T) {
	w := newWorld(t, lab.Zone{})
	w.saves.Change()
	save := w.p.Save
	w.p.Save = func(func(io.Writer) error) error { panic("the disk") }
	func() {
		defer func() { _ = recover() }()
		_ = w.save()
	}()
	if !w.saves.Changed() {
		t.Error("a panic counts as a save")
	}
	w.p.Save = save
	if err := w.save(); err != nil || w.saves.Changed() {
		t.Errorf("it is not saved: %v", err)
	}
}

// TestRateWindow: successes and failures count for 30 days, in no more than 720 buckets, whatever
// the clock does.
func TestRateWindow(t *testing.T) {
	var s series
	for h := range 2000 {
		s = s.add(begun.Add(time.Duration(h)*time.Hour), 10, 1)
	}
	now := begun.Add(1999 * time.Hour)
	if r := s.since(time.Time{}, now, 90); len(s) != maxBuckets || r.Good != 7200 ||
		r.Bad != 720 {
		t.Errorf("%d buckets, %+v", len(s), r)
	}
	if r := s.since(now.Add(-24*time.Hour), now, 90); r.Good != 250 {
		t.Errorf("a day: %+v", r)
	}
	if r := s.since(time.Time{}, now.Add(15*24*time.Hour), 90); r.Good != 3600 {
		t.Errorf("15 days without a probe later: %+v", r)
	}
	s = s.add(now.Add(10*365*24*time.Hour), 0, 5) // the clock is wrong,
	s = s.add(now, 0, 1)                          // and set right
	if r := s.since(time.Time{}, now, 90); r.Bad != 720 || !s.valid() {
		t.Errorf("after a wrong clock: %+v", r)
	}
}

// TestErrorBudget: what is left is a part of what the objective allows.
func TestErrorBudget(t *testing.T) {
	for _, c := range []struct {
		r    Rate
		left float64
	}{{Rate{0, 0, 99.9}, 1}, {Rate{1000, 0, 99.9}, 1}, {Rate{90, 10, 50}, 0.8},
		{Rate{75, 25, 75}, 0}, {Rate{50, 50, 75}, -1}} {
		if left := c.r.Left(); left != c.left {
			t.Errorf("%+v: %v, want %v", c.r, left, c.left)
		}
	}
}

// TestWatchBudget: however many zones are due, probes send no more queries in any minute than the
// limit, and all zones are probed in the end.
func TestWatchBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		internet := lab.New(time.Now())
		internet.Add(lab.Zone{Name: "example."})
		c := Config{Interval: 24 * time.Hour, Queries: 2 * resolver.MaxQueries, Objective: 90,
			NoIPv6: true}
		for i := range 20 {
			name := fmt.Sprintf("z%d.example.", i)
			internet.Add(lab.Zone{Name: name, Servers: two})
			c.Zones = append(c.Zones, Zone{Name: wire.MustParseName(name)})
		}
		counted := &counting{Exchanger: internet}
		cfg, anchors := labtest.Resolver(internet)
		r := resolver.New(cfg, resolver.Parts{Cache: cache.New(cache.Default()),
			Anchors: anchors, Exchanger: counted, Clock: clock.Real{}})
		b := NewBook(c, Parts{Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler),
			Over: counted, Resolve: r.Resolve,
			Why:        func(a *resolver.Answer) *cause.Failure { return a.Failure },
			Answered:   func() (uint64, uint64) { return 0, 0 },
			Maintained: func(wire.Name) bool { return false },
			Load:       func(func(io.Reader) error) error { return fs.ErrNotExist },
			Save:       func(func(io.Writer) error) error { return nil }})
		b.Start()
		time.Sleep(time.Hour)
		for _, z := range b.List(time.Now()) {
			if z.Outcome != "good" {
				t.Errorf("%s: %+v", z.Name, z)
			}
		}
		// A fetch ahead may end after the resolution that began it, which has not counted it.
		const after = 3
		most, all := counted.most(time.Minute)
		if most > c.Queries || most < c.Queries/2 || uint64(all) < b.Sent() ||
			uint64(all) > b.Sent()+after {
			t.Errorf("%d queries in a minute, %d in all; the budget has %d", most, all, b.Sent())
		}
		b.Close()
		r.Close()
	})
}

// TestWatchedSchedule: a zone is probed at once, and then once an interval; one that is asked for
// is probed at once, and one that is removed is not any more.
func TestWatchedSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lab.Zone{})
		w.Book.p.Clock = clock.Real{}
		w.Book.Configure(Config{Zones: w.cfg.Load().Zones, Interval: 10 * time.Minute,
			Queries: 1000, Objective: 90, NoIPv6: true})
		w.zones[0].due = time.Now()
		w.Start()
		time.Sleep(65 * time.Minute)
		if n := w.state().Counts[good]; n != 7 {
			t.Errorf("%d probes in 65 minutes", n)
		}
		if !w.Soon(wire.MustParseName(bank)) || w.Soon(wire.Root) {
			t.Error("a zone is probed that is not watched, or the other way round")
		}
		time.Sleep(time.Second)
		if n := w.state().Counts[good]; n != 8 {
			t.Errorf("%d probes after one that was asked for", n)
		}
		w.Configure(Config{Interval: 10 * time.Minute, Queries: 1000})
		before := w.Sent()
		time.Sleep(time.Hour)
		if w.Sent() != before || len(w.List(begun)) != 0 {
			t.Errorf("%d queries about zones that are not watched any more", w.Sent()-before)
		}
		w.Close()
		w.resolver.Close()
	})
}
