package resolver

import (
	"bytes"
	"testing"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/validator"
	"bailiwick/wire"
)

// FuzzTrusts reads packed trust in a zone from any octets. What it does not refuse is a trust that
// could have been kept: of a known status, and with keys if it is secure.
func FuzzTrusts(f *testing.F) {
	zone := wire.MustParseName("zone.example")
	key := &wire.RRset{Name: zone, Type: wire.TypeDNSKEY, Class: wire.ClassIN, TTL: 300,
		Security: wire.Secure}
	key.Data = key.Data.Append(append([]byte{1, 1, 3, 13}, make([]byte, 64)...))
	store := cache.New(cache.Default())
	codec, at := trustCodec(store.RRsets), cache.ZoneKey{Name: zone, Realm: 7}
	why := &cause.Failure{Cause: cause.NSEC3Iterations, Zone: "example."}
	for _, t := range []validator.Trust{
		{Zone: zone, Status: wire.Secure, Keys: validator.NewKeySet(key, 8, 13),
			Expires: time.Unix(1e9, 0), Until: 1e9},
		{Zone: zone, Status: wire.Insecure, Failure: why, Expires: time.Unix(1, 0)},
		{Zone: zone, Status: wire.Bogus, Failure: why, Expires: time.Unix(1, 0)},
	} {
		f.Add(codec.Append(nil, at, t))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, ok := codec.Parse(at, b)
		if !ok {
			return
		}
		if got.Status > wire.Secure || got.Status == wire.Secure && got.Keys == nil {
			t.Fatalf("%+v", got)
		}
		again, ok := codec.Parse(at, codec.Append(nil, at, got))
		if !ok || again.Status != got.Status || again.Until != got.Until ||
			!again.Expires.Equal(got.Expires) || (again.Keys == nil) != (got.Keys == nil) ||
			got.Keys != nil && (!again.Keys.Set().Data.Equal(got.Keys.Set().Data) ||
				!bytes.Equal(again.Keys.Demanded(), got.Keys.Demanded())) {
			t.Fatalf("%+v came back as %+v", got, again)
		}
	})
}
