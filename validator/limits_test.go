// Limits that need a test of their own: of caches, and of zones that are examined.

package validator

import (
	"fmt"
	"testing"

	"bailiwick/internal/cause"
	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
	"bailiwick/validator/p256"
	"bailiwick/wire"
)

// asking is a chain without zone cuts that counts the zones it is asked for.
type asking struct{ zones map[wire.Name]bool }

func (a asking) Zone(apex wire.Name) (Trust, bool) {
	a.zones[apex] = true
	return Trust{Zone: wire.Root, Status: wire.Secure, Keys: &KeySet{Zone: wire.Root}}, true
}

func (a asking) Excepted(wire.Name) (Trust, bool) { return Trust{}, false }

func (a asking) Enclosing(wire.Name) (Trust, bool) { return a.Zone(wire.Root) }

// A set has one zone. Signatures with many signer names, each of which could be a zone above the
// owner, would have each looked up.
func TestMaxSigners(t *testing.T) {
	limittest.Met(t, limit.Signers)
	k := newSigner(t, 257, 3)
	set := k.sign(t, "a.b.c.d.e.f.example.", nil)
	sig := set.Sigs.First()
	set.Sigs = nil
	for _, zone := range []string{"b.c.d.e.f.example", "c.d.e.f.example", "d.e.f.example",
		"example"} {
		rd := append(append([]byte(nil), sig[:18]...), wire.MustParseName(zone).Wire()...)
		set.Sigs = set.Sigs.Append(append(rd, sig[len(sig)-64:]...))
	}
	chain := asking{map[wire.Name]bool{}}
	r := &Response{Question: question("a.b.c.d.e.f.example.", wire.TypeA), Servers: wire.Root,
		Sets: []*wire.RRset{set}}
	v := New(Default()).Judge(r, chain, testNow, NewBudget())
	if v.Status != wire.Bogus || v.Failure.Cause != cause.SignerMismatch {
		t.Errorf("got %s %v", v.Status, v.Failure)
	}
	delete(chain.zones, wire.Root)
	if len(chain.zones) != maxSigners {
		t.Errorf("%d zones were looked into, want %d", len(chain.zones), maxSigners)
	}
}

// An attacker who makes us check signatures of many keys gets no more memory than maxKeyTables.
func TestMaxKeyTables(t *testing.T) {
	if !p256.Fast {
		t.Skip("this processor goes by the standard library")
	}
	v := New(Default())
	for range maxKeyTables + 2 {
		k := keySet(t, newSigner(t, 257, 3)).all()[0]
		c, err := k.checker()
		if err != nil {
			t.Fatal(err)
		}
		for range tableAfter + 1 {
			v.tables.quicken(k, c)
		}
	}
	if n := v.tables.byKey.Len(); n != maxKeyTables {
		t.Errorf("%d tables, want %d", n, maxKeyTables)
	}
}

func TestMaxKnownHashes(t *testing.T) {
	v := New(Default())
	for i := range maxKnownHashes + 2 {
		name := wire.MustParseName(fmt.Sprintf("n%d.example", i))
		v.hashes.add(hashKey{name, params{iterations: 1}}, wire.NSEC3Hash(name, 1, nil))
	}
	if n := v.hashes.known.Len(); n != maxKnownHashes {
		t.Errorf("%d hashes are remembered, want %d", n, maxKnownHashes)
	}
}

// A result belongs to the key, the data and the signature: not to the same octets divided
// differently.
func TestSignatureCacheTellsPartsApart(t *testing.T) {
	whole := checkID([]byte("key"), []byte("data"), []byte("sig"))
	for _, parts := range [][3]string{{"keyd", "ata", "sig"}, {"key", "datas", "ig"},
		{"key", "", "datasig"}, {"key", "other", "sig"}, {"other", "data", "sig"},
		{"key", "data", "other"}} {
		if checkID([]byte(parts[0]), []byte(parts[1]), []byte(parts[2])) == whole {
			t.Errorf("%q is taken for another check", parts)
		}
	}
}
