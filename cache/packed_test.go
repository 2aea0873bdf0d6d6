package cache

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"sync"
	"testing"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// textCodec packs names and strings.
var textCodec = Codec[wire.Name, string]{AppendName, HashPacked, ParseName,
	func(b []byte, _ wire.Name, s string) []byte { return append(b, s...) },
	func(_ wire.Name, b []byte) (string, bool) { return string(b), !bytes.HasPrefix(b, []byte("stale")) }}

func newTexts(octets int) *Packed[wire.Name, string] {
	return NewPacked(octets, HashName, func(n wire.Name, s string) int { return n.Len() + len(s) }, textCodec)
}

// Whatever is put in, replaced, removed and asked for: what is found is what was last put in under the key, and the accounts are right.
func TestPackedHoldsTheLatest(t *testing.T) {
	c := newTexts(64 << 10)
	latest := map[wire.Name]string{}
	r := rand.New(rand.NewPCG(1, 2))
	for step := range 200000 {
		n := name(r.IntN(700))
		switch r.IntN(10) {
		case 0:
			c.Remove(n)
			delete(latest, n)
		case 1, 2, 3:
			latest[n] = fmt.Sprintf("%d %s", step, bytes.Repeat([]byte("x"), r.IntN(200)))
			c.Put(n, latest[n])
		default:
			if got, ok := c.Get(n); ok && got != latest[n] {
				t.Fatalf("step %d: %v holds %.20q, put in was %.20q", step, n, got, latest[n])
			}
		}
		if step%5000 == 0 {
			checkAccounts(t, c)
		}
	}
	s := c.Stats()
	if s.Evictions == 0 || s.Hits == 0 || s.Misses == 0 {
		t.Errorf("%+v", s)
	}
	if s.Bytes > 64<<10 {
		t.Errorf("%d octets", s.Bytes)
	}
}

// checkAccounts compares the counters of each shard with what is in its ring, and its ring with its table.
func checkAccounts(t *testing.T, c *Packed[wire.Name, string]) {
	t.Helper()
	for _, s := range c.shards {
		count, size := 0, 0
		s.ring.each(func(off int, rec record) {
			if rec.has(dead) {
				return
			}
			count++
			size += len(rec)
			s.key = append(s.key[:0], rec.key()...)
			if at, _ := s.find(HashPacked(s.key)); at != off {
				t.Fatalf("the record at %d is found at %d", off, at)
			}
		})
		if count != s.count || size != s.bytes {
			t.Fatalf("%d records of %d octets, accounted are %d of %d", count, size, s.count, s.bytes)
		}
	}
}

// What is used now and then outlives what is not, when many times more comes in than fits.
func TestPackedKeepsWhatIsUsed(t *testing.T) {
	c := newTexts(64 << 10)
	used := name(0)
	c.Put(used, "used")
	for i := range 6000 {
		c.Put(name(i+1), "not used, as most are that are asked for once, and of a hundred octets or so, as usual for them....")
		if i%100 == 0 {
			if _, ok := c.Get(used); !ok {
				t.Fatalf("evicted by the %dth after it", i)
			}
		}
	}
	if _, ok := c.Get(name(1)); ok {
		t.Error("what was never used is still there")
	}
	if f := c.front.Stats(); f.Entries != 0 {
		t.Errorf("in front: %+v", f)
	}
}

// A value that stands in front is replaced and removed with the record behind it.
func TestPackedFrontIsNeverOld(t *testing.T) {
	c := newTexts(1 << 20)
	n := name(1)
	often := func() (v string, ok bool) {
		for range 10 {
			v, ok = c.Get(n)
		}
		return v, ok
	}
	c.Put(n, "one")
	often()
	if c.front.Stats().Entries != 1 {
		t.Fatal("not in front")
	}
	c.Put(n, "two")
	if v, _ := often(); v != "two" {
		t.Errorf("got %q", v)
	}
	c.Remove(n)
	if v, ok := often(); ok {
		t.Errorf("removed, and got %q", v)
	}
	c.Put(n, "three")
	often()
	if got := c.RemoveFunc(func(k wire.Name) bool { return k == n }); got != 1 {
		t.Errorf("%d removed", got)
	}
	if v, ok := often(); ok {
		t.Errorf("flushed, and got %q", v)
	}
}

// What all are used alike does not crowd into the front: the first that are used often go there, and then it is a matter of rate.
func TestPackedFrontIsForTheOften(t *testing.T) {
	c := newTexts(8 << 20)
	const names, times = 4000, 20
	for i := range names {
		c.Put(name(i), "value")
	}
	for range times {
		for i := range names {
			c.Get(name(i))
		}
	}
	if n, most := c.front.Stats().Entries, frontWelcome+2*names*times/frontOdds; n < frontWelcome || n > most {
		t.Errorf("%d in front, want %d to %d", n, frontWelcome, most)
	}
}

// On the hit path keys are in memory that the next query overwrites. What such a look-up puts in front does not share it.
func TestPackedFrontOwnsItsKeys(t *testing.T) {
	c := NewPacked(1<<20, Key.hash, negativeSize, negativeCodec)
	key := Key{Name: wire.MustParseName("gone.first.example."), Type: wire.TypeA}
	zone := wire.MustParseName("first.example.")
	c.Put(key, &Negative{Zone: zone, SOA: &wire.RRset{Name: zone, Type: wire.TypeSOA, Class: wire.ClassIN}})
	var q wire.Query
	ask := func(name string) Key {
		packet := append(make([]byte, wire.HeaderLen), wire.MustParseName(name).Wire()...)
		packet[5] = 1 // question
		if err := wire.ParseQuery(append(packet, 0, 1, 0, 1), &q); err != nil {
			t.Fatal(err)
		}
		return Key{Name: q.Question.Name, Type: wire.TypeA}
	}
	for range 20 {
		if _, ok := c.Get(ask("gone.first.example.")); !ok {
			t.Fatal("it is not there")
		}
	}
	if c.front.Stats().Entries != 1 {
		t.Fatal("it is not in front")
	}
	n, _ := c.Get(key)
	if _, ok := c.Get(ask("here.other.example.")); ok {
		t.Error("another name has it too")
	}
	if n.Zone != zone || n.SOA.Name != zone {
		t.Errorf("it is of %v now, its SOA of %v", n.Zone, n.SOA.Name)
	}
}

// What its codec no longer believes, and what is too large for its part, is not there.
func TestPackedRefuses(t *testing.T) {
	c := newTexts(64 << 10)
	c.Put(name(1), "stale")
	if _, ok := c.Get(name(1)); ok {
		t.Error("found what the codec refuses")
	}
	c.Put(name(2), "small")
	c.Put(name(2), string(make([]byte, 20000)))
	if v, ok := c.Get(name(2)); ok {
		t.Errorf("got %d octets; the old value must not outlive the new one", len(v))
	}
	checkAccounts(t, c)
}

// Readers, writers and flushes at once; the race detector watches.
func TestPackedConcurrently(t *testing.T) {
	c := newTexts(64 << 10)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range 5000 {
				n := name(r.IntN(300))
				switch r.IntN(40) {
				case 0:
					c.RemoveFunc(func(k wire.Name) bool { return k == n })
				case 1:
					c.Stats()
				case 2, 3, 4, 5:
					c.Put(n, n.String())
				default:
					if v, ok := c.Get(n); ok && v != n.String() {
						t.Errorf("%v holds %q", n, v)
					}
				}
			}
		})
	}
	wg.Wait()
	checkAccounts(t, c)
}

// Looking for what is not there, as each query of a flood of random names does, takes no memory.
func TestPackedMissAllocates(t *testing.T) {
	s := New(1<<20, TTLLimits{})
	k := Key{Name: name(1), Type: wire.TypeA}
	if n := testing.AllocsPerRun(100, func() {
		s.LookupRRset(k, now)
		s.LookupNegative(k, now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A key's hash is that of its octets, as the shards know only these.
func TestHashOfOctets(t *testing.T) {
	for i := range 100 {
		k := Key{Name: name(i), Type: wire.Type(i), Unchecked: i%2 == 0}
		b := appendKey(nil, k)
		if hashKey(b) != k.hash() {
			t.Fatalf("%v: %x and %x", k, hashKey(b), k.hash())
		}
		if got, ok := parseKey(b); !ok || got != k {
			t.Fatalf("%v came back as %v", k, got)
		}
		if HashPacked(AppendName(nil, k.Name)) != HashName(k.Name) {
			t.Fatalf("%v", k.Name)
		}
	}
}

var why = &cause.Failure{Cause: cause.KeyMissing, Zone: "example.", Detail: "DS 5", Under: &cause.Failure{Cause: cause.Timeout, Server: "192.0.2.1"}}

func signed(n wire.Name) *wire.RRset {
	s := set(n, 300, 40)
	s.Data = s.Data.Append([]byte("second"))
	s.Sigs = s.Sigs.Append(make([]byte, 90))
	return s
}

// What is kept comes back as it was.
func TestCodecs(t *testing.T) {
	n, other := wire.MustParseName("www.example"), wire.MustParseName("ns.example.net")
	chaos := set(n, 5, 3)
	chaos.Class = wire.ClassCH
	for i, r := range []RRset{
		{Set: set(n, 300, 4), Stored: 1000, Expires: 1300},
		{Set: signed(n), Stored: now.Unix(), Expires: now.Unix() + 300},
		{Set: chaos, Stored: 0, Expires: 5},
		{Set: signed(n), Stored: 1, Expires: 301, Beside: &Beside{Failure: why}},
		{Set: signed(n), Stored: 1, Expires: 301, Beside: &Beside{Proofs: []*wire.RRset{nsec("example", "b.example"), signed(other), soa()}}},
	} {
		k := Key{Name: n, Type: r.Set.Type}
		if got, ok := rrsetCodec.Parse(k, rrsetCodec.Append(nil, k, r)); !ok || !reflect.DeepEqual(got, r) {
			t.Errorf("set %d: %+v came back as %+v", i, r, got)
		}
	}
	for i, x := range []*Negative{
		{Status: wire.Insecure, UnsignedCut: true, Bare: true, Zone: wire.MustParseName("example"), Stored: 7, Expires: 9},
		{Status: wire.Secure, NXDomain: true, Zone: wire.Root, SOA: soa(), Proofs: []*wire.RRset{signed(n), nsec("example", "z.example")}, Stored: 7, Expires: 9},
		{Status: wire.Indeterminate, Failure: why, Expires: 1},
	} {
		k := Key{Name: n, Type: wire.TypeDS}
		if got, ok := negativeCodec.Parse(k, negativeCodec.Append(nil, k, x)); !ok || !reflect.DeepEqual(got, x) {
			t.Errorf("denial %d: %+v came back as %+v", i, x, got)
		}
	}
	for i, d := range []*Delegation{
		{Zone: n, Stored: 1, Expires: 2},
		{Zone: n, Stored: 1, Expires: 2, Servers: []NameServer{{Name: other}, {Name: wire.MustParseName("ns.www.example"), Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}},
			{Name: wire.Root}, {Name: wire.MustParseName("example")}}, Own: []wire.Name{other, n}},
	} {
		if got, ok := delegationCodec.Parse(d.Zone, delegationCodec.Append(nil, d.Zone, d)); !ok || !reflect.DeepEqual(got, d) {
			t.Errorf("delegation %d: %+v came back as %+v", i, d, got)
		}
	}
}

// Octets that nothing was packed as are refused, and nothing of them is believed to be larger than they are.
func FuzzCodecs(f *testing.F) {
	n := wire.MustParseName("www.example")
	k := Key{Name: n, Type: wire.TypeA}
	f.Add(rrsetCodec.Append(nil, k, RRset{Set: signed(n), Beside: &Beside{why, []*wire.RRset{soa()}}}))
	f.Add(negativeCodec.Append(nil, k, &Negative{SOA: soa(), Failure: why, Proofs: []*wire.RRset{signed(n)}}))
	f.Add(delegationCodec.Append(nil, n, &Delegation{Zone: n,
		Servers: []NameServer{{Name: n, Addrs: []netip.Addr{netip.IPv4Unspecified()}}},
		Own:     []wire.Name{n}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, ok := rrsetCodec.Parse(k, b); ok {
			if again, ok := rrsetCodec.Parse(k, rrsetCodec.Append(nil, k, r)); !ok || !reflect.DeepEqual(again, r) {
				t.Errorf("%+v came back as %+v", r, again)
			}
		}
		if x, ok := negativeCodec.Parse(k, b); ok {
			if again, ok := negativeCodec.Parse(k, negativeCodec.Append(nil, k, x)); !ok || !reflect.DeepEqual(again, x) {
				t.Errorf("%+v came back as %+v", x, again)
			}
		}
		if d, ok := delegationCodec.Parse(n, b); ok {
			if again, ok := delegationCodec.Parse(n, delegationCodec.Append(nil, n, d)); !ok || !reflect.DeepEqual(again, d) {
				t.Errorf("%+v came back as %+v", d, again)
			}
		}
	})
}
