package validator

import (
	"testing"

	"bailiwick/validator/p256"
)

// A key that verifies often gets a table, which is kept when the key is fetched again. An evicted
// table is made again only after as many checks.
func TestTables(t *testing.T) {
	if !p256.Fast {
		t.Skip("this processor goes by the standard library")
	}
	v := New(Default())
	s := newSigner(t, 257, 3)
	use := func(k *key) p256Checker {
		c, err := k.checker()
		if err != nil {
			t.Fatal(err)
		}
		return v.tables.quicken(k, c).(p256Checker)
	}
	isTable := func(c p256Checker) bool { _, ok := c.Verifier.(*p256.Table); return ok }
	k := keySet(t, s).all()[0]
	for i := range tableAfter {
		if isTable(use(k)) {
			t.Fatalf("a table after %d checks", i)
		}
	}
	for range 2 {
		if !isTable(use(k)) || v.tables.byKey.Len() != 1 {
			t.Fatal("no table")
		}
	}
	set := s.sign(t, "www.example.", nil)
	if r := v.VerifySet(set, &KeySet{Zone: set.Name.Parent(), keys: []*key{k}}, InstantOf(testNow),
		NewBudget()); r.Failure != nil {
		t.Errorf("by the table: %v", r.Failure)
	}
	v.tables.byKey.Purge()
	for i := range tableAfter {
		if isTable(use(k)) {
			t.Fatalf("a table again after %d checks", i)
		}
	}
	if !isTable(use(k)) {
		t.Error("no table again")
	}
}
