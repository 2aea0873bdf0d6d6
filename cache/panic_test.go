package cache

import (
	"testing"

	"bailiwick/wire"
)

// Callers' functions run while a part of a cache is locked. If one panics, the lock is released:
// after a recover the cache still works.
func TestPanicGivesLocksBack(t *testing.T) {
	dies := func(f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		f()
	}
	d := newDenials(1 << 20)
	proofs := []*wire.RRset{nsec("b.example", "m.example"), nsec("example", "b.example")}
	d.Put(ZoneKey{Name: zone}, append([]*wire.RRset{soa()}, proofs...), now)
	name := wire.MustParseName("c.example.")
	dies(func() {
		prepare(d, name, VariantPlain, proofs, func(wire.Name) *Answer { panic("a fault") })
	})
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa()}, now)

	s := ofSize(1 << 20)
	k := AnswerKey{Name: name, Type: wire.TypeA}
	s.Answers.Put(k, NewAnswer(make([]byte, 64), name, nil, 0, 1))
	dies(func() { s.Answers.RemoveFunc(func(AnswerKey, *Answer) bool { panic("a fault") }) })
	s.Answers.Remove(k)

	s.RRsets.Put(Key{Name: name, Type: wire.TypeNSEC}, RRset{Set: proofs[0]})
	dies(func() { s.RRsets.RemoveFunc(func(Key) bool { panic("a fault") }) })
	s.RRsets.Remove(Key{Name: name, Type: wire.TypeNSEC})
}
