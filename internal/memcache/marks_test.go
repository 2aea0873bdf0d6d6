package memcache

import "testing"

// marksOf returns how many marks the buckets of a cache have.
func marksOf(c *Packed[string, string]) (n int) {
	for _, s := range c.rings.Load().shards {
		for _, m := range s.marks {
			for ; m != 0; m &= m - 1 {
				n++
			}
		}
	}
	return n
}

// Buckets that are empty have no marks: else all would have all of them some day, and what is not
// there would be looked for in memory again.
func TestPackedMarksGoWithTheLast(t *testing.T) {
	c := newTexts(1 << 20)
	for i := range 1000 {
		c.Put(name(i), "value")
	}
	if n := marksOf(c); n < 500 || n > 1000 {
		t.Errorf("%d marks of 1000 records", n)
	}
	for i := range 1000 {
		c.Remove(name(i))
	}
	if n := marksOf(c); n != 0 {
		t.Errorf("%d marks of nothing", n)
	}
}

// Most of what is not there is known by the marks, in a table that has grown many times.
func TestPackedMarksTellWhatIsNotThere(t *testing.T) {
	c := newTexts(1 << 20)
	const records = 4000
	for i := range records {
		c.Put(name(i), "value")
	}
	passed := 0
	for i := range records {
		hash := hashText(name(records + i))
		s := c.rings.Load().shards[hash>>32&uint64(len(c.rings.Load().shards)-1)]
		if s.marks[s.bucket(hash)]&markOf(hash) != 0 {
			passed++
		}
	}
	// A bucket has one record on average at most, which leaves seven of its eight marks.
	if passed > records/5 {
		t.Errorf("%d of %d that are not there have to be looked for", passed, records)
	}
	checkAccounts(t, c)
}
