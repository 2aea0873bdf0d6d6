// How the book is saved and read back.

package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"bailiwick/internal/check"
)

// page is the book as it is saved.
type page struct {
	Overall series
	Zones   map[string]*record
}

// save saves the book, and returns why it could not.
func (b *Book) save() error { return b.saves.Save(&b.mu, b.write) }

// write writes the book.
func (b *Book) write() error {
	b.mu.Lock()
	b.saved = b.p.Clock.Now()
	p := page{Overall: b.overall, Zones: map[string]*record{}}
	for _, z := range b.zones {
		p.Zones[z.cfg.Name.String()] = &z.record
	}
	text, err := json.Marshal(p) // while nobody changes it
	b.mu.Unlock()
	if err != nil {
		return err
	}
	return b.p.Save(func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// load reads what an earlier process has saved.
func (b *Book) load() {
	var p page
	if err := b.p.Load(p.read); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.p.Log.Error("what was known of watched zones is lost", "error", err.Error())
		}
		return
	}
	b.overall = p.Overall
	for _, z := range b.zones {
		if r := p.Zones[z.cfg.Name.String()]; r != nil {
			z.record = *r
		}
	}
}

// read reads a page, and refuses one that no book has written.
func (p *page) read(r io.Reader) error {
	if err := json.NewDecoder(r).Decode(p); err != nil {
		return err
	}
	if len(p.Zones) > MaxZones || !p.Overall.valid() {
		return errors.New("more than a book has")
	}
	for name, z := range p.Zones {
		if z == nil || !z.Rate.valid() || !z.Rolls.Valid() ||
			len(z.Findings) > 2*maxFindings {
			return fmt.Errorf("zone %s: more than a book has", name)
		}
		for _, f := range z.Findings {
			if f.Severity > check.Error {
				return fmt.Errorf("zone %s: severity %d", name, f.Severity)
			}
		}
	}
	return nil
}
