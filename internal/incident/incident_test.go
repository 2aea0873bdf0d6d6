package incident

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/wire"
)

var root = wire.MustParseName(".")

// world is a book with zones that fail, and a disk.
type world struct {
	*testing.T
	*Book
	clock   *clock.Fake
	failing map[string]*cause.Failure // by zone: what a check of a name below it meets
	log     bytes.Buffer
	disk    []byte
	checks  atomic.Int64
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, failing: map[string]*cause.Failure{},
		clock: clock.NewFake(time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC))}
	w.restart()
	return w
}

// restart has another process take over.
func (w *world) restart() {
	c := Default()
	c.Queries = 3
	w.Book = NewBook(c, Parts{Clock: w.clock, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Check: func(_ context.Context, q wire.Question) *cause.Failure {
			w.checks.Add(1)
			for zone, f := range w.failing {
				if q.Name.Within(wire.MustParseName(zone)) {
					return f
				}
			}
			return nil
		},
		Load: func(read func(io.Reader) error) error {
			if w.disk == nil {
				return fs.ErrNotExist
			}
			return read(bytes.NewReader(w.disk))
		},
		Save: func(write func(io.Writer) error) error {
			var b bytes.Buffer
			err := write(&b)
			w.disk = b.Bytes()
			return err
		}})
}

// ask has so many clients ask for a name; if it is at or below a zone that fails, they fail.
func (w *world) ask(name string, clients int) {
	q := wire.Question{Name: wire.MustParseName(name), Type: wire.TypeA, Class: wire.ClassIN}
	for i := range clients {
		client := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 7})
		var f *cause.Failure
		for zone, bad := range w.failing {
			if q.Name.Within(wire.MustParseName(zone)) {
				f = bad
			}
		}
		if f != nil {
			w.Failed(q, client, f, cause.NoAnswer)
		} else {
			w.Resolved(q.Name)
		}
	}
}

// pass lets time pass, a second at a time, or if it is hours a minute.
func (w *world) pass(d time.Duration) {
	step := time.Second
	if d > time.Hour {
		step = time.Minute
	}
	for range int(d / step) {
		w.clock.Advance(step)
		w.Upkeep(context.Background())
	}
}

// want compares the list with lines of zone, cause, state and queries.
func (w *world) want(lines ...string) {
	w.Helper()
	var have []string
	for _, i := range w.List(root, true) {
		have = append(have, fmt.Sprintf("%s %s %s %d", i.Zone, i.Cause, i.How, i.Queries))
	}
	if strings.Join(have, "\n") != strings.Join(lines, "\n") {
		w.Errorf("incidents:\n%s\nwant:\n%s", strings.Join(have, "\n"), strings.Join(lines, "\n"))
	}
}

func expired(zone string) *cause.Failure {
	return cause.New(cause.SignatureExpired, wire.MustParseName(zone), "key 4711")
}

// TestIncidentBeginsAndEnds tells the usual story: a zone's signatures expire, clients fail, the
// zone is signed again, and a while later the incident ends with the time that it took.
func TestIncidentBeginsAndEnds(t *testing.T) {
	w := newWorld(t)
	w.failing["bank.example."] = expired("bank.example.")
	w.ask("www.bank.example.", 1)
	w.ask("mail.bank.example.", 1)
	w.want() // too few
	w.ask("www.bank.example.", 40)
	w.want("bank.example. signature_expired open 42")
	if i := w.List(root, false)[0]; i.Clients < 38 || i.Clients > 42 ||
		i.Name != "www.bank.example." {
		t.Errorf("%d client networks, question %s", i.Clients, i.Name)
	}
	w.pass(10 * time.Minute)
	w.want("bank.example. signature_expired open 42")

	delete(w.failing, "bank.example.")
	w.ask("www.bank.example.", 1) // whoever asks tells the book to look
	w.pass(time.Minute)
	w.want("bank.example. signature_expired open 42")
	w.pass(2 * time.Minute)
	w.want("bank.example. signature_expired mended 42")
	i := w.List(root, true)[0]
	if took := i.Recovery(); took < 10*time.Minute || took > 11*time.Minute {
		t.Errorf("it took %v to recover", took)
	}
	for _, line := range []string{"level=WARN msg=\"incident begins\" zone=bank.example. " +
		"cause=signature_expired", "level=INFO msg=\"incident ends\"", "recovery=10m"} {
		if strings.Count(w.log.String(), line) != 1 {
			t.Errorf("not once in the log: %s\n%s", line, &w.log)
		}
	}
	f := w.Figures(10)
	if f.Began[cause.KindDNSSEC] != 1 || f.Ended[cause.KindDNSSEC][Mended] != 1 || f.Count != 1 ||
		f.Recovered[1800] != 1 || f.Recovered[300] != 0 {
		t.Errorf("figures: %+v", f)
	}
}

// TestIncidentEndsOnlyWhenSettled: a zone that fails for every other client has one incident.
func TestIncidentEndsOnlyWhenSettled(t *testing.T) {
	w := newWorld(t)
	for range 20 {
		w.failing["bank.example."] = expired("bank.example.")
		w.ask("www.bank.example.", 3)
		w.pass(30 * time.Second)
		delete(w.failing, "bank.example.")
		w.ask("www.bank.example.", 3)
		w.pass(90 * time.Second)
	}
	w.want("bank.example. signature_expired open 60")
	w.pass(3 * time.Minute)
	w.want("bank.example. signature_expired mended 60")
}

// TestIncidentEndsOnlyWhenClientsDoNotFail: a client's failure begins the time anew, though the
// book has found the zone well before and after.
func TestIncidentEndsOnlyWhenClientsDoNotFail(t *testing.T) {
	w := newWorld(t)
	w.failing["bank.example."] = expired("bank.example.")
	w.ask("www.bank.example.", 3)
	delete(w.failing, "bank.example.")
	w.pass(time.Minute)
	w.failing["bank.example."] = expired("bank.example.")
	w.ask("www.bank.example.", 1)
	delete(w.failing, "bank.example.")
	w.pass(110 * time.Second)
	w.want("bank.example. signature_expired open 4")
	w.pass(time.Minute)
	w.want("bank.example. signature_expired mended 4")
}

// TestIncidentIsTheHighestZones: a top level domain whose servers are silent is one incident,
// however many names below it fail.
func TestIncidentIsTheHighestZones(t *testing.T) {
	w := newWorld(t)
	for i := range 1000 {
		zone := fmt.Sprintf("bank%d.example.", i)
		f := cause.New(cause.NoServers, wire.MustParseName(zone), "")
		f.Under = cause.New(cause.NoServers, wire.MustParseName("example."), "")
		w.Failed(wire.Question{Name: wire.MustParseName(zone), Type: wire.TypeA},
			netip.MustParseAddr("192.0.2.1"), f, cause.NoAnswer)
	}
	w.want("example. no_servers open 1000")
}

// TestIncidentOfNoZone: what is nobody's fault, or the client's, is not an incident.
func TestIncidentOfNoZone(t *testing.T) {
	w := newWorld(t)
	q := wire.Question{Name: wire.MustParseName("www.example."), Type: wire.TypeA}
	for _, c := range []cause.Cause{cause.Overload, cause.LimitClient, cause.ClientRefused,
		cause.Stopping, cause.InternalError, cause.RateQueries} {
		for range 10 {
			w.Failed(q, netip.MustParseAddr("192.0.2.1"), cause.New(c, q.Name, ""), cause.NoAnswer)
		}
	}
	w.want()
	for range 10 {
		w.Failed(q, netip.MustParseAddr("192.0.2.1"), cause.New(cause.UplinkDown, q.Name, ""),
			cause.NoAnswer)
	}
	w.want(". uplink_down open 10")
}

// TestIncidentsOfTestZones: zones that are broken on purpose are counted apart.
func TestIncidentsOfTestZones(t *testing.T) {
	w := newWorld(t)
	w.failing["dnssec-failed.org."] = expired("dnssec-failed.org.")
	w.ask("www.dnssec-failed.org.", 50)
	w.want()
	if n := w.Figures(0).Tests; n != 50 {
		t.Errorf("%d failures of test zones", n)
	}
}

// TestIncidentIsReplaced: expired signatures are followed by a wrong DS, which is another incident.
func TestIncidentIsReplaced(t *testing.T) {
	w := newWorld(t)
	w.failing["bank.example."] = expired("bank.example.")
	w.ask("www.bank.example.", 3)
	w.failing["bank.example."] = cause.New(cause.DSMismatch,
		wire.MustParseName("bank.example."), "")
	w.ask("www.bank.example.", 4)
	w.pass(time.Minute)
	w.want("bank.example. ds_mismatch open 4", "bank.example. signature_expired replaced 3")
}

// TestIncidentIsForsaken: a dead zone that nobody asks for any more is not an incident after a day,
// and costs few questions until then.
func TestIncidentIsForsaken(t *testing.T) {
	w := newWorld(t)
	w.failing["dead.example."] = cause.New(cause.Timeout, wire.MustParseName("dead.example."), "")
	w.ask("www.dead.example.", 3)
	w.pass(25 * time.Hour)
	w.want("dead.example. timeout forsaken 3")
	if w.checks.Load() > 110 {
		t.Errorf("it was asked for %d times", w.checks.Load())
	}
}

// TestMaxIncidents floods the book with zones: what many clients have met stays.
func TestMaxIncidents(t *testing.T) {
	w := newWorld(t)
	w.failing["bank.example."] = expired("bank.example.")
	w.failing["z."] = expired("z.")
	w.ask("www.bank.example.", 500)
	attacker := netip.MustParseAddr("192.0.2.66")
	for i := range 100_000 {
		f := &cause.Failure{Cause: cause.SignatureExpired, Zone: fmt.Sprintf("z%d.z.", i)}
		q := wire.Question{Name: wire.MustParseName("z."), Type: wire.TypeA}
		for range 1 + i%3 {
			w.Failed(q, attacker, f, cause.NoAnswer)
		}
	}
	w.mu.RLock()
	n, zones := len(w.records), len(w.zones)
	w.mu.RUnlock()
	if n != maxIncidents || zones > n {
		t.Errorf("%d records, %d zones", n, zones)
	}
	if list := w.List(root, false); list[0].Zone != "bank.example." {
		t.Errorf("the worst is %+v", list[0])
	}
	if lines := strings.Count(w.log.String(), "incident begins"); lines > maxLines {
		t.Errorf("%d log lines in a second", lines)
	}
	w.pass(25 * time.Hour)
	if n := len(w.List(root, false)); n > 1 {
		t.Errorf("%d incidents are open a day later", n)
	}
	if len(w.ended) > maxEnded {
		t.Errorf("%d ended incidents are kept", len(w.ended))
	}
}

// TestFailedAllocatesNothing: a query that is answered SERVFAIL from memory costs no garbage.
func TestFailedAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	f := expired("bank.example.")
	q := wire.Question{Name: wire.MustParseName("www.bank.example."), Type: wire.TypeA}
	client := netip.MustParseAddr("2001:db8::1")
	for range 5 {
		w.Failed(q, client, f, cause.NoAnswer)
	}
	if n := testing.AllocsPerRun(100, func() { w.Failed(q, client, f, cause.NoAnswer) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() { w.Resolved(q.Name) }); n != 0 {
		t.Errorf("%v allocations of a name that was resolved", n)
	}
}

// TestIncidentsOutliveARestart: incidents, windows and the times of both are as before.
func TestIncidentsOutliveARestart(t *testing.T) {
	w := newWorld(t)
	w.failing["bank.example."] = expired("bank.example.")
	w.failing["shop.example."] = expired("shop.example.")
	w.ask("www.bank.example.", 30)
	w.ask("www.shop.example.", 5)
	delete(w.failing, "shop.example.")
	w.pass(5 * time.Minute)
	begin := w.clock.Now()
	if _, err := w.AddMaintenance(Window{Zone: "example", From: begin, To: begin.Add(time.Hour),
		Owner: "dns-team"}); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	w.restart()
	w.want("bank.example. signature_expired open 30", "shop.example. signature_expired mended 5")
	i := w.List(root, false)[0]
	if since := w.clock.Now().Sub(i.First); since != 6*time.Minute || i.Clients < 28 {
		t.Errorf("began %v ago, %d client networks", since, i.Clients)
	}
	if m := w.Maintenance(); len(m) != 1 || m[0].Owner != "dns-team" || !m[0].To.Equal(
		begin.Add(time.Hour)) {
		t.Errorf("maintenance: %+v", m)
	}
	delete(w.failing, "bank.example.")
	w.pass(3 * time.Minute)
	if list := w.List(root, false); len(list) != 0 {
		t.Errorf("open after its zone was mended: %+v", list)
	}

	w.disk = []byte(`{"Open":[{"Zone":"x.","Cause":250}]}`)
	w.restart()
	w.want()
	if !strings.Contains(w.log.String(), "incidents of before are not known") {
		t.Error("a damaged file is not reported")
	}
}

// A save that ends in a panic, and one that fails, leave what is to be saved as it is.
func TestSaveThatPanicsIsMadeAgain(t *testing.T) {
	w := newWorld(t)
	w.saves.Change()
	save := w.p.Save
	w.p.Save = func(func(io.Writer) error) error { panic("the disk") }
	func() {
		defer func() { _ = recover() }()
		_ = w.save()
	}()
	if !w.dirty() {
		t.Error("a panic counts as a save")
	}
	w.p.Save = func(func(io.Writer) error) error { return fs.ErrPermission }
	if err := w.save(); err == nil || !w.dirty() {
		t.Errorf("error %v counts as a save", err)
	}
	w.p.Save = save
	if err := w.save(); err != nil || w.dirty() {
		t.Errorf("it is not saved: %v", err)
	}
}

// TestMaintenance: incidents in a window are recorded and raise no alarm.
func TestMaintenance(t *testing.T) {
	w := newWorld(t)
	now := w.clock.Now()
	for _, c := range []struct {
		w    Window
		want string
	}{
		{Window{Zone: "bank.example", From: now, To: now}, "end after it begins"},
		{Window{Zone: "bank.example", From: now.Add(-2 * time.Hour), To: now}, "over"},
		{Window{Zone: "bank.example", From: now, To: now.Add(maxWindow + 1)}, "at most"},
		{Window{Zone: "a..b", From: now, To: now.Add(1)}, "zone"},
		{Window{Zone: "bank.example", From: now, To: now.Add(time.Hour)}, ""},
	} {
		_, err := w.AddMaintenance(c.w)
		if text := fmt.Sprint(err); c.want == "" && err != nil || !strings.Contains(text, c.want) {
			t.Errorf("%+v: %v, want %q", c.w, err, c.want)
		}
	}
	w.failing["bank.example."] = expired("bank.example.")
	w.failing["shop.example."] = expired("shop.example.")
	w.ask("www.bank.example.", 5)
	w.ask("www.shop.example.", 5)
	if open := w.Figures(0).Open[cause.KindDNSSEC]; open != [2]int{2, 1} {
		t.Errorf("open and outside of maintenance: %v", open)
	}
	if strings.Count(w.log.String(), "level=WARN") != 1 {
		t.Errorf("log:\n%s", &w.log)
	}
	if _, err := w.RemoveMaintenance(wire.MustParseName("bank.example"), "test"); err != nil {
		t.Error(err)
	}
	if _, err := w.RemoveMaintenance(wire.MustParseName("bank.example"), "test"); err == nil {
		t.Error("a window that is not there was removed")
	}
}

// TestIncidentIsExcepted: an exception from validation ends the incident, and mends nothing.
func TestIncidentIsExcepted(t *testing.T) {
	w := newWorld(t)
	w.failing["bank.example."] = expired("bank.example.")
	w.ask("www.bank.example.", 3)
	w.failing["bank.example."] = &cause.Failure{Cause: cause.NegativeAnchor}
	w.pass(time.Minute)
	w.want("bank.example. signature_expired excepted 3")
	if f := w.Figures(0); f.Count != 0 || f.Ended[cause.KindDNSSEC][Excepted] != 1 {
		t.Errorf("figures: %+v", f)
	}
}

func BenchmarkFailed(b *testing.B) {
	book := NewBook(Default(), Parts{Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler),
		Load: func(func(io.Reader) error) error { return fs.ErrNotExist }})
	f := expired("bank.example.")
	q := wire.Question{Name: wire.MustParseName("www.bank.example."), Type: wire.TypeA}
	client := netip.MustParseAddr("2001:db8::1")
	for b.Loop() {
		book.Failed(q, client, f, cause.NoAnswer)
	}
}

// TestAMillionBrokenNamesAndZonesAreBounded: a million names below one broken domain are one record
// and one incident; a million broken zones are no more records than a thousand times fewer are,
// and what many clients have met stays.
func TestAMillionBrokenNamesAndZonesAreBounded(t *testing.T) {
	const many = 1_000_000
	w := newWorld(t)
	q := wire.Question{Name: wire.MustParseName("www.bank.example."), Type: wire.TypeA,
		Class: wire.ClassIN}
	servers := &cause.Failure{Cause: cause.Timeout, Zone: "example."}
	for i := range many {
		f := &cause.Failure{Cause: cause.NoAddress, Zone: fmt.Sprintf("n%d.example.", i),
			Under: servers}
		w.Failed(q, netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 7}), f, cause.NoAnswer)
	}
	w.want(fmt.Sprintf("example. no_address open %d", many))
	for i := range many {
		w.Failed(q, netip.AddrFrom4([4]byte{192, 0, 2, 1}), &cause.Failure{Cause: cause.Lame,
			Zone: fmt.Sprintf("n%d.example.", i)}, cause.NoAnswer)
	}
	w.mu.Lock()
	n, open := len(w.records), len(w.zones)
	w.mu.Unlock()
	if n > maxIncidents || open != 1 {
		t.Errorf("%d records, %d zones with incidents", n, open)
	}
	w.want(fmt.Sprintf("example. no_address open %d", many))
	if f := w.Figures(20); f.Evicted < many-maxIncidents || len(f.Worst) != 1 {
		t.Errorf("%d gave way, %d have series", f.Evicted, len(f.Worst))
	}
}

// Hundreds of clients meet the expired signatures of one bank, and the log has a line at the first
// failure and one a minute later, with how many there were. Another cause, another zone and another
// outcome have lines of their own. Failures that are no zone's have a line each.
func TestALineForEachZoneAndCauseInAMinute(t *testing.T) {
	w := newWorld(t)
	q := wire.Question{Name: wire.MustParseName("www.bank.example."), Type: wire.TypeA}
	outcome := cause.NoAnswer
	fails := func(f *cause.Failure, times int) (lines []string) {
		for i := range times {
			client := netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 7})
			if queries, networks, due := w.Failed(q, client, f, outcome); due {
				lines = append(lines, fmt.Sprintf("%d from %d", queries, networks))
			}
		}
		return lines
	}
	want := func(have []string, want ...string) {
		t.Helper()
		if !slices.Equal(have, want) {
			t.Errorf("lines: %q, want %q", have, want)
		}
	}
	bank := expired("bank.example.")
	want(fails(bank, 300), "1 from 1")
	w.pass(lineEvery - time.Second)
	want(fails(bank, 1))
	w.pass(time.Second)
	have := fails(bank, 2)
	if len(have) != 1 || !strings.HasPrefix(have[0], "302 from ") {
		t.Errorf("a minute later: %q", have)
	}
	n, _ := strconv.Atoi(have[0][len("302 from "):])
	if n < 285 || n > 315 {
		t.Errorf("%d networks, want about 300", n)
	}
	want(fails(&cause.Failure{Cause: cause.Timeout, Zone: "bank.example."}, 3), "1 from 1")
	want(fails(expired("shop.example."), 3), "1 from 1")
	want(fails(&cause.Failure{Cause: cause.Overload}, 3), "0 from 0", "0 from 0", "0 from 0")
	outcome = cause.StaleData
	if have := fails(bank, 3); len(have) != 1 || !strings.HasPrefix(have[0], "304 from ") {
		t.Errorf("another outcome: %q", have)
	}
}
