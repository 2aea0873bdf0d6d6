// The book on disk, so that a start knows the members of a catalog that cannot be had, or is broken
// (RFC 9432, section 5.1).

package catalog

import (
	"encoding/json"
	"io"

	"bailiwick/wire"
)

// entry is a member on disk.
type entry struct {
	Catalog, Name, ID, To string
	Groups                []string
}

// Write writes the book.
func (b Book) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	for _, name := range b.names() {
		m := b[name]
		out := entry{Catalog: m.Catalog.String(), Name: name.String(), ID: m.ID, Groups: m.Groups}
		if !m.To.IsZero() {
			out.To = m.To.String()
		}
		if err := e.Encode(out); err != nil {
			return err
		}
	}
	return nil
}

// Read reads a book.
func Read(r io.Reader) (Book, error) {
	b, d := Book{}, json.NewDecoder(r)
	for d.More() {
		var e entry
		err := d.Decode(&e)
		m := Owned{Member: Member{ID: e.ID, Groups: e.Groups}}
		for _, n := range []struct {
			text string
			to   *wire.Name
		}{{e.Name, &m.Name}, {e.Catalog, &m.Catalog}, {e.To, &m.To}} {
			if err == nil && n.text != "" {
				*n.to, err = wire.ParseName(n.text)
			}
		}
		if err != nil {
			return nil, err
		}
		b[m.Name] = m
	}
	return b, nil
}
