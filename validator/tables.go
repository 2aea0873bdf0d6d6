// Tables for keys that verify often, such as those of a top level zone: a table costs as much as a
// few checks, and makes each later one much cheaper.

package validator

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"bailiwick/validator/p256"
)

// tables has the tables by public key. An attacker who makes us check the signatures of more keys
// than have room pays for eight checks before each table.
type tables struct {
	byKey *lru.Cache[[p256.KeySize]byte, p256Checker]
}

func newTables() tables {
	c, err := lru.New[[p256.KeySize]byte, p256Checker](maxKeyTables)
	if err != nil {
		panic("validator: " + err.Error())
	}
	return tables{c}
}

// fastest returns the checker to use for a key: a table, or its own, which is c.
func (v *Validator) fastest(k *key, c checker) checker {
	if !v.ownP256 {
		return k.standardChecker(c)
	}
	return v.tables.quicken(k, c)
}

// quicken returns the fastest checker of a key whose own is c.
func (t tables) quicken(k *key, c checker) checker {
	own, ok := c.(p256Checker)
	if !ok {
		return c
	}
	id := [p256.KeySize]byte(k.Key)
	if k.tabled.Load() {
		if table, ok := t.byKey.Get(id); ok {
			return table
		}
		k.tabled.Store(false) // it was evicted
		k.uses.Store(0)
	}
	if k.uses.Add(1) <= tableAfter {
		return c
	}
	table, ok := t.byKey.Get(id) // it was made for an earlier copy of the zone's key set
	if !ok {
		table = p256Checker{own.Verifier.(*p256.Key).Table()}
		t.byKey.Add(id, table)
	}
	k.tabled.Store(true)
	return table
}
