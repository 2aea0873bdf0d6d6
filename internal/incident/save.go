// How the book is saved and read back.

package incident

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/wire"
)

// page is the book as it is saved.
type page struct {
	Open        []Incident
	Ended       []Incident
	Maintenance []Window
}

// save saves the book, and returns why it could not.
func (b *Book) save() error { return b.saves.Save(&b.mu, b.write) }

// write writes the book.
func (b *Book) write() error {
	p := page{Open: b.List(wire.MustParseName("."), false), Maintenance: b.Maintenance()}
	b.mu.Lock()
	p.Ended = append(p.Ended, b.ended...)
	b.mu.Unlock()
	return b.p.Save(func(w io.Writer) error { return json.NewEncoder(w).Encode(p) })
}

// load reads what an earlier process has saved. Incidents that were open are asked about at once.
func (b *Book) load() {
	var p page
	err := b.p.Load(func(r io.Reader) error { return p.read(r) })
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.p.Log.Error("incidents of before are not known", "error", err.Error())
		}
		return
	}
	b.ended, b.windows = p.Ended, p.Maintenance
	now, day := b.p.Clock.Now(), clock.Wall(b.p.Clock)
	age := func(t time.Time) time.Time { return now.Add(min(0, t.Sub(day))) }
	for i := range p.Open {
		if r := resumed(&p.Open[i], age, now); r != nil && b.records[r.key] == nil {
			b.records[r.key] = r
			b.enter(r)
		}
	}
}

// resumed returns the record of an incident that was open; nil if its names are none.
func resumed(i *Incident, age func(time.Time) time.Time, now time.Time) *record {
	zone, err := wire.ParseName(i.Zone)
	name, wrong := wire.ParseName(i.Name)
	if err != nil || wrong != nil {
		return nil
	}
	r := &record{key: key{zone.String(), i.Cause}, name: zone, first: age(i.First),
		detail: i.Detail, before: i.Clients, quiet: i.Maintenance, wait: firstCheck, due: now,
		question: wire.Question{Name: name, Type: i.Type, Class: wire.ClassIN}}
	r.last.Store(int64(age(i.Last).Sub(r.first)))
	r.queries.Store(i.Queries)
	if !i.Good.IsZero() {
		r.good = age(i.Good)
	}
	return r
}

// read reads a page, and refuses one that no book has written.
func (p *page) read(r io.Reader) error {
	if err := json.NewDecoder(r).Decode(p); err != nil {
		return err
	}
	if len(p.Open) > maxIncidents || len(p.Ended) > maxEnded ||
		len(p.Maintenance) > maxMaintenance {
		return errors.New("more than a book has")
	}
	for _, list := range [][]Incident{p.Open, p.Ended} {
		for i := range list {
			if c := list[i].Cause; c == cause.None || !c.Known() || list[i].How > Excepted {
				return fmt.Errorf("incident of zone %s: cause %d, ending %d", list[i].Zone, c,
					list[i].How)
			}
		}
	}
	return nil
}
