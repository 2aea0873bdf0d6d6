package config

import (
	"bytes"
	"strings"
	"testing"

	"bailiwick/cache"
)

// memory.total is divided: what the file does not set gets its part, and all parts fit, with a
// quarter left for garbage.
func TestTotalIsDivided(t *testing.T) {
	for _, total := range []int64{96 << 20, 128 << 20, 256 << 20, 1 << 30, 64 << 30} {
		divided(t, total, "")
		divided(t, total, "\nzones: {local_root: yes}")
	}
}

// divided checks how a total is divided, with copies of zones or without.
func divided(t *testing.T, total int64, zones string) {
	t.Helper()
	c, err := parse("b.yaml", []byte("memory: {total: "+sizeText(total)+"}"+zones))
	if err != nil {
		t.Errorf("%s%s: %v", sizeText(total), zones, err)
		return
	}
	m, copies := c.Division(), int64(0)
	if zones != "" {
		copies = 2 * c.Secondary.Octets // one may be replaced
	}
	packed := int64(cache.OffHeap(c.Cache.Memory))
	live := int64(c.Cache.Memory) - packed + m.Held + copies + baseMemory
	if m.Total != total || m.Heap+packed+imageMemory > total || live > m.Heap*3/4+1 {
		t.Errorf("%s%s: %+v, caches %d, live %d", sizeText(total), zones, m, c.Cache.Memory, live)
	}
	if c.Transport.Gate.Memory > m.Held/2 {
		t.Errorf("%s: %d of %d for messages", sizeText(total), c.Transport.Gate.Memory, m.Held)
	}
	var shown bytes.Buffer
	if err := c.Show(&shown); err != nil {
		t.Fatal(err)
	}
	again, err := parse("shown", shown.Bytes())
	if err != nil || again.Division() != m {
		t.Errorf("%s%s: shown, and read again: %v", sizeText(total), zones, err)
	}
}

// What the file sets stays as it is, and a total that the parts exceed is refused.
func TestPartsWithinTheTotal(t *testing.T) {
	c, err := parse("b.yaml", []byte("memory: {total: 256MiB}\ncache: {memory: 64MiB}\n"+
		"connections: {memory: 8MiB}"))
	if err != nil || c.Cache.Memory != 64<<20 || c.Transport.Gate.Memory != 8<<20 {
		t.Errorf("%v: caches %d, messages %d", err, c.Cache.Memory, c.Transport.Gate.Memory)
	}
	copies := "memory: {total: 256MiB}\nzones: {local_root: yes, memory: 64MiB}"
	for text, want := range map[string]string{
		"memory: {total: 256MiB}\ncache: {memory: 256MiB}": "memory.total 256MiB leaves too",
		"memory: {total: 64MiB}":                           "memory.total 64MiB leaves too",
		copies:                                             "twice 64MiB of copies",
		"memory: {total: 256MiB}\nconnections: {memory: 128MiB}": "connections.memory 128MiB is ab",
	} {
		if _, err := parse("b.yaml", []byte(text)); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Without a total, nothing that the other limits allow is refused for lack of memory.
func TestWithoutTotalTheLimitsFit(t *testing.T) {
	c := Default()
	if m := c.Division(); m.Held < c.Transport.Gate.Memory+int64(c.Transport.Gate.Max)*(64<<10)+
		int64(c.Resolver.MaxFlights)*(48<<10) || m.Heap < m.Held*4/3 {
		t.Errorf("%+v", m)
	}
}
