// Texts on disk, so that a start does not need the network.

package weblist

import (
	"bytes"
	"encoding/gob"
	"errors"
	"io"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/state"
)

// entry is a text on disk.
type entry struct {
	URL, Tag, Modified string
	Packed             []byte
	Length             int64
	Sum                [32]byte
	Names              int
	Confirmed          time.Time // time of day
}

// save writes all texts.
func (k *Keeper) save() error {
	var all []entry
	k.mu.Lock()
	ahead := k.parts.Clock.Ahead()
	for _, h := range k.lists {
		if t := h.text; t != nil {
			all = append(all, entry{h.URL, t.tag, t.modified, t.packed, t.length, t.sum, t.names,
				t.confirmed.Add(ahead)})
		}
	}
	k.mu.Unlock()
	return k.parts.State.Save(state.Lists, func(w io.Writer) error {
		e := gob.NewEncoder(w)
		for i := range all {
			if err := e.Encode(&all[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Load takes the texts on disk to use, as far as they are of lists that are kept.
func (k *Keeper) Load() {
	_ = k.parts.State.Load(state.Lists, func(r io.Reader) error { // reported by the directory
		d := gob.NewDecoder(r)
		for {
			var e entry
			switch err := d.Decode(&e); {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
			k.take(&e)
		}
	})
}

// take takes a text from the disk to use.
func (k *Keeper) take(e *entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.parts.Clock.Now()
	for _, h := range k.lists {
		if h.URL != e.URL || h.text != nil {
			continue
		}
		age := max(0, clock.Wall(k.parts.Clock).Sub(e.Confirmed))
		h.text = &text{packed: bytes.Clone(e.Packed), length: e.Length, sum: e.Sum, names: e.Names,
			tag: e.Tag, modified: e.Modified, confirmed: now.Add(-age)}
		h.next = now.Add(max(h.Refresh-age, loadedPause))
		k.parts.Log.Info("block list loaded", "list", Shown(h.URL), "names", e.Names, "age",
			age.Round(time.Second).String())
	}
}
