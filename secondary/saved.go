// Copies on disk, so that a start does not need the network.

package secondary

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"bailiwick/internal/state"
	"bailiwick/wire"
	"bailiwick/zone"
)

// save writes all copies that are in use: their number, and of each the name, the time of day at
// which it was confirmed, what its digest is, and the records.
func (k *Keeper) save() error {
	type saved struct {
		name string
		at   time.Time
		z    *zone.Zone
	}
	var all []saved
	k.mu.Lock()
	ahead := k.parts.Clock.Ahead()
	for name, h := range *k.zones.Load() {
		if c := h.copy.Load(); c != nil {
			all = append(all, saved{name.Wire(), h.confirmed.Add(ahead), c.Zone})
		}
	}
	k.mu.Unlock()
	return k.parts.State.Save(state.Zones, func(w io.Writer) error {
		head := binary.BigEndian.AppendUint16(nil, uint16(len(all)))
		if _, err := w.Write(head); err != nil {
			return err
		}
		for _, s := range all {
			head := append([]byte{byte(len(s.name))}, s.name...)
			head = binary.BigEndian.AppendUint64(head, uint64(s.at.Unix()))
			if _, err := w.Write(head); err != nil {
				return err
			}
			if err := s.z.Write(w); err != nil {
				return err
			}
		}
		return nil
	})
}

// load takes the copies on disk to use, as far as they are those of zones that are kept, have not
// expired, and are still right. Files of zones that have other sources too are copies of this kind.
func (k *Keeper) load() {
	for _, h := range *k.zones.Load() {
		if st, err := os.Stat(h.spec.File); err == nil && !h.spec.onlyFile() {
			if z, err := fromFile(&h.spec, h.read, nil, zone.MaxOctets); err == nil {
				k.take(h, z, h.spec.File, max(0, k.day().Sub(st.ModTime())))
			}
		}
	}
	_ = k.parts.State.Load(state.Zones, func(r io.Reader) error { // reported by the directory
		var count [2]byte
		if _, err := io.ReadFull(r, count[:]); err != nil {
			return err
		}
		for range binary.BigEndian.Uint16(count[:]) {
			if err := k.loadOne(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// loadOne reads one zone.
func (k *Keeper) loadOne(r io.Reader) error {
	var room [1 + wire.MaxNameLen + 8]byte
	if _, err := io.ReadFull(r, room[:1]); err != nil {
		return err
	}
	n := int(room[0])
	if _, err := io.ReadFull(r, room[1:1+n+8]); err != nil {
		return err
	}
	name, err := wire.NameFromWire(room[1 : 1+n])
	if err != nil {
		return err
	}
	at := time.Unix(int64(binary.BigEndian.Uint64(room[1+n:])), 0)
	z, err := zone.Read(r, name, zone.MaxOctets)
	if err != nil {
		return err
	}
	if h := (*k.zones.Load())[name]; h != nil {
		k.take(h, z, savedSource, max(0, k.day().Sub(at)))
	}
	return nil
}

// savedSource is the source of a copy that is from the disk.
const savedSource = "state.directory"

// take takes a zone from the disk to use, unless there is a newer one.
func (k *Keeper) take(h *held, z *zone.Zone, from string, age time.Duration) {
	digest, err := weigh(h.spec.Digest, z.CheckDigest())
	switch {
	case h.spec.Digest == DigestOff:
		digest = digestOff
	case err != nil:
		k.parts.Log.Error("the saved copy of a zone is not used", "zone", h.spec.Name.String(),
			"error", err.Error())
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.parts.Clock.Now()
	s := h.schedule.loaded(now, z.SOA(), age, rand.IntN(100))
	before := h.copy.Load()
	if !s.usable(now) || z.Size() > int(k.octets) ||
		before != nil && !newer(z.SOA().Serial, before.SOA().Serial) {
		return
	}
	h.schedule, h.source, h.digest = s, from, digest
	h.copy.Store(&Copy{z, h.expires, &h.answers})
	k.parts.Log.Info("zone loaded", "zone", h.spec.Name.String(), "serial", z.SOA().Serial, "age",
		age.Round(time.Second).String(), "records", z.Records(), "bytes", z.Size())
}
