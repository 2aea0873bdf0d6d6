package fleet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bailiwick/cache"
	"bailiwick/wire"
)

var (
	secret  = NewSecret(bytes.Repeat([]byte{1}, sha256.Size))
	former  = NewSecret(bytes.Repeat([]byte{2}, sha256.Size))
	strange = NewSecret(bytes.Repeat([]byte{3}, sha256.Size))
	view    = View{1, 2, 3}
	wwwA    = cache.Key{Name: wire.MustParseName("www.example."), Type: wire.TypeA}
)

// address returns an entry of an address that is valid from one second to another.
func address(k cache.Key, stored, expires int64) *cache.Shared {
	s := &wire.RRset{Name: k.Name, Type: wire.TypeA, Class: wire.ClassIN, Security: wire.Insecure,
		TTL: uint32(expires - stored), Data: wire.RDataList{0, 4, 192, 0, 2, 1}}
	return &cache.Shared{Key: k, Zone: wire.MustParseName("example."),
		Set: cache.RRset{Set: s, Stored: stored, Expires: expires}}
}

// denial returns an entry that denies a name.
func denial(name wire.Name, stored, expires int64) *cache.Shared {
	return &cache.Shared{Key: cache.Key{Name: name, Type: wire.TypeNone},
		Zone: wire.MustParseName("example."), Negative: &cache.Negative{NXDomain: true,
			Status: wire.Insecure, Stored: stored, Expires: expires}}
}

// What is sealed is read again as it was, with either of two secrets.
func TestSealedRecordsAreReadAgain(t *testing.T) {
	for _, e := range []*cache.Shared{address(wwwA, 1000, 1300), denial(wwwA.Name, 1000, 1060)} {
		for _, s := range []Secret{secret, former} {
			got, o := unseal([]Secret{secret, former}, &view, e.Key, s.seal(&view, e))
			if o != Found || got.Key != e.Key || got.Zone != e.Zone ||
				(got.Negative != nil) != (e.Negative != nil) {
				t.Fatalf("%v: %+v", o, got)
			}
			stored, expires := got.Times()
			if ws, we := e.Times(); stored != ws || expires != we {
				t.Errorf("%d to %d, want %d to %d", stored, expires, ws, we)
			}
		}
	}
}

// A record is signed for a name, a type, a view and everything in it: none of it can be changed,
// cut off or moved, and no record of another fleet is used.
func TestForgedRecordsAreNotRead(t *testing.T) {
	e := address(wwwA, 1000, 1300)
	sealed := secret.seal(&view, e)
	secrets := []Secret{secret, former}
	for i := range sealed {
		for bit := range 8 {
			b := bytes.Clone(sealed)
			b[i] ^= 1 << bit
			if got, o := unseal(secrets, &view, wwwA, b); got != nil || o == Found {
				t.Fatalf("octet %d, bit %d: %+v", i, bit, got)
			}
		}
		if got, o := unseal(secrets, &view, wwwA, sealed[:i]); got != nil || o == Found {
			t.Fatalf("cut after %d: %+v", i, got)
		}
	}
	other, aaaa := wwwA, wwwA
	other.Name, aaaa.Type = wire.MustParseName("bank.example."), wire.TypeAAAA
	for _, c := range []struct {
		what   string
		sealed []byte
		view   View
		key    cache.Key
		want   Outcome
	}{
		{"another name", sealed, view, other, Misplaced},
		{"another type", sealed, view, aaaa, Misplaced},
		{"another view", sealed, View{4}, wwwA, Forged},
		{"another fleet", strange.seal(&view, e), view, wwwA, Forged},
		{"nothing", nil, view, wwwA, Malformed},
		{"too long", append(bytes.Clone(sealed), make([]byte, maxRecord)...), view, wwwA,
			Malformed},
		{"more behind it", append(bytes.Clone(sealed), 0), view, wwwA, Forged},
	} {
		if got, o := unseal(secrets, &c.view, c.key, c.sealed); got != nil || o != c.want {
			t.Errorf("%s: %v, want %v", c.what, o.Label(), c.want.Label())
		}
	}
}

// A secret that is withdrawn signs nothing that is used.
func TestWithdrawnSecretIsNotAccepted(t *testing.T) {
	sealed := former.seal(&view, address(wwwA, 1000, 1300))
	if _, o := unseal([]Secret{secret}, &view, wwwA, sealed); o != Forged {
		t.Errorf("%v", o.Label())
	}
}

// signed gives octets the signature of a secret.
func signed(s Secret, view *View, body []byte) []byte {
	b := append([]byte{sealVersion}, s.id[:]...)
	return append(append(b, s.mac(view, body)...), body...)
}

// A record with a client's network is not read: none is written.
func TestRecordsForANetworkAreNotRead(t *testing.T) {
	body := bytes.Clone(secret.seal(&view, address(wwwA, 1000, 1300))[headLen:])
	body[0] = 24
	if _, o := unseal([]Secret{secret}, &view, wwwA, signed(secret, &view, body)); o != Malformed {
		t.Errorf("%v", o.Label())
	}
}

func TestSecretsAreReadFromAFile(t *testing.T) {
	one, two := strings.Repeat("01", 32), strings.Repeat("02", 32)
	for _, c := range []struct {
		text string
		want int // secrets; 0: an error
	}{
		{one, 1}, {"# fleet\n" + one + " # new\n\n" + two + "\n", 2}, {"", 0}, {one[2:], 0},
		{one + "\n" + two + "\n" + two, 0}, {"x" + one[1:], 0},
	} {
		path := filepath.Join(t.TempDir(), "secrets")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := LoadSecrets(path)
		if len(list) != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%q: %d, %v", c.text, len(list), err)
		}
	}
	octets, _ := hex.DecodeString(one)
	if s := NewSecret(octets); bytes.Contains(s.key, octets[:8]) {
		t.Error("the secret itself signs")
	}
}

// FuzzUnseal reads any octets, as they are and with the signature of the fleet: no more is believed
// than what they say of the name and type that are asked for.
func FuzzUnseal(f *testing.F) {
	f.Add(secret.seal(&view, address(wwwA, 1000, 1300)), false)
	f.Add(secret.seal(&view, address(wwwA, 1000, 1300))[headLen:], true)
	f.Add(secret.seal(&view, denial(wwwA.Name, 1000, 1300))[headLen:], true)
	f.Fuzz(func(t *testing.T, b []byte, sign bool) {
		if sign {
			b = signed(secret, &view, b)
		}
		e, o := unseal([]Secret{secret}, &view, wwwA, b)
		switch {
		case (e != nil) != (o == Found):
			t.Fatalf("%v, %+v", o.Label(), e)
		case e != nil && (e.Key != wwwA || e.Negative == nil && e.Set.Set == nil):
			t.Fatalf("%+v", e)
		case e != nil && !sign && len(b) < headLen:
			t.Fatal("without a signature")
		}
	})
}
