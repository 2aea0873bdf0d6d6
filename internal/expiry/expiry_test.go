package expiry

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/wire"
)

const day = 24 * time.Hour

// world is a book in front of signed zones.
type world struct {
	*Book
	clock *clock.Fake
	log   bytes.Buffer
	leads []time.Duration
}

func newWorld() *world {
	w := &world{clock: clock.NewFake(time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC))}
	w.Book = NewBook(Parts{Clock: w.clock, Log: slog.New(slog.NewTextHandler(&w.log, nil)),
		Lead: func(d time.Duration) { w.leads = append(w.leads, d) }})
	return w
}

// signature is one that began a while ago and ends a while from now.
type signature struct{ age, left time.Duration }

// set returns a set of a name with signatures.
func (w *world) set(name string, status wire.Security, sigs ...signature) *wire.RRset {
	var list wire.RDataList
	for i, s := range sigs {
		d := make([]byte, 19)
		binary.BigEndian.PutUint32(d[8:], uint32(w.clock.Now().Add(s.left).Unix()))
		binary.BigEndian.PutUint32(d[12:], uint32(w.clock.Now().Add(-s.age).Unix()))
		binary.BigEndian.PutUint16(d[16:], uint16(1000+i))
		list = list.Append(d)
	}
	return &wire.RRset{Name: wire.MustParseName(name), Type: wire.TypeA, Class: wire.ClassIN,
		Sigs: list, Security: status}
}

// see has a set of a zone validated.
func (w *world) see(zone, name string, sigs ...signature) {
	w.Secured(wire.MustParseName(zone), w.set(name, wire.Secure, sigs...))
}

func (w *world) want(t *testing.T, lines ...string) {
	t.Helper()
	var have []string
	for _, z := range w.List() {
		have = append(have, fmt.Sprintf("%s %s %v %v", z.Name, z.Owner, z.Left(w.clock.Now()),
			z.Warned))
	}
	if strings.Join(have, "\n") != strings.Join(lines, "\n") {
		t.Errorf("have\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(lines, "\n"))
	}
}

// TestExpiryOfAStoppedSigner: a zone signs for 30 days and renews with a week left. Its signer
// stops; the zone is listed when a quarter is left, warned of two days before its end, and gone
// from the list when it is signed again.
func TestExpiryOfAStoppedSigner(t *testing.T) {
	w := newWorld()
	w.see("bank.example.", "www.bank.example.", signature{20 * day, 10 * day})
	w.want(t)
	w.clock.Advance(4 * day)
	w.see("bank.example.", "www.bank.example.", signature{24 * day, 6 * day})
	w.want(t, "bank.example. www.bank.example. 144h0m0s false")
	w.see("bank.example.", "mail.bank.example.", signature{27 * day, 3 * day})
	w.see("bank.example.", "shop.bank.example.", signature{1 * day, 29 * day})
	w.want(t, "bank.example. mail.bank.example. 72h0m0s false")
	if strings.Contains(w.log.String(), "WARN") {
		t.Errorf("log:\n%s", &w.log)
	}
	w.clock.Advance(2 * day)
	for range 3 {
		w.see("bank.example.", "mail.bank.example.", signature{29 * day, 1 * day})
	}
	w.want(t, "bank.example. mail.bank.example. 24h0m0s true")
	if n := strings.Count(w.log.String(), "level=WARN"); n != 1 ||
		!strings.Contains(w.log.String(), "zone=bank.example. name=mail.bank.example. type=A "+
			"key=1000 expires=2026-12-03T12:00:00Z left=24h0m0s") {
		t.Errorf("log:\n%s", &w.log)
	}
	w.see("bank.example.", "mail.bank.example.", signature{time.Hour, 30 * day})
	w.want(t)
	if !strings.Contains(w.log.String(), "signatures are renewed") {
		t.Errorf("log:\n%s", &w.log)
	}
	if len(w.leads) != 8 || w.leads[0] != 10*day {
		t.Errorf("leads: %v", w.leads)
	}
}

// TestExpiryOfShortSignatures: who signs for two days, again with each answer, is well.
func TestExpiryOfShortSignatures(t *testing.T) {
	w := newWorld()
	w.see("quick.example.", "www.quick.example.", signature{25 * time.Hour, 25 * time.Hour})
	w.see("hourly.example.", "www.hourly.example.", signature{time.Hour, 2 * time.Hour})
	w.want(t)
	w.see("hourly.example.", "www.hourly.example.", signature{150 * time.Minute, 30 * time.Minute})
	w.want(t, "hourly.example. www.hourly.example. 30m0s true")
}

// TestExpiryOfSeveralSignatures: in a rollover a set has two signatures, and the later one keeps it
// valid. What is not secure, or not signed, says nothing.
func TestExpiryOfSeveralSignatures(t *testing.T) {
	w := newWorld()
	w.see("bank.example.", "www.bank.example.", signature{29 * day, day}, signature{day, 29 * day},
		signature{28 * day, 2 * day})
	w.see("bank.example.", "odd.bank.example.", signature{-2 * day, day}) // ends before it begins
	w.Secured(wire.MustParseName("bank.example."),
		w.set("a.bank.example.", wire.Insecure, signature{29 * day, day}),
		w.set("b.bank.example.", wire.Secure))
	w.want(t)
	if len(w.leads) != 1 || w.leads[0] != 29*day {
		t.Errorf("leads: %v", w.leads)
	}
}

// TestExpiryUnseen: nobody knows whether what was not seen for a day was renewed.
func TestExpiryUnseen(t *testing.T) {
	w := newWorld()
	w.see("bank.example.", "www.bank.example.", signature{29 * day, 30 * time.Hour})
	w.see("over.example.", "www.over.example.", signature{29 * day, time.Hour})
	w.clock.Advance(2 * time.Hour)
	w.want(t, "bank.example. www.bank.example. 28h0m0s true")
	w.clock.Advance(23 * time.Hour)
	w.want(t)
	if w.count.Load() != 0 {
		t.Error("it is kept")
	}
}

// TestMaxZones: a flood of zones that end takes bounded memory, and those that end first stay.
func TestMaxZones(t *testing.T) {
	w := newWorld()
	w.see("bank.example.", "www.bank.example.", signature{30 * day, time.Minute})
	for i := range 3 * maxZones {
		w.see(fmt.Sprintf("z%d.example.", i), "www.example.", signature{30 * day,
			time.Hour + time.Duration(i%1000)*time.Minute})
	}
	list := w.List()
	if len(list) != maxZones || list[0].Name != wire.MustParseName("bank.example.") {
		t.Errorf("%d zones, first %s", len(list), list[0].Name)
	}
	if n := strings.Count(w.log.String(), "\n"); n > maxLines {
		t.Errorf("%d log lines in a second", n)
	}
}

// TestSecuredAllocatesNothing: what is far from its end costs no garbage.
func TestSecuredAllocatesNothing(t *testing.T) {
	w := newWorld()
	w.p.Lead = func(time.Duration) {}
	zone := wire.MustParseName("bank.example.")
	sets := []*wire.RRset{w.set("www.bank.example.", wire.Secure, signature{day, 29 * day},
		signature{day, 20 * day})}
	if n := testing.AllocsPerRun(100, func() { w.Secured(zone, sets...) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
