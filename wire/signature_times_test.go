package wire

import (
	"encoding/binary"
	"testing"
	"time"
)

// TestRFC4034_3_1_5SignatureTimes: the seconds of a signature wrap around in 2106, and those that
// are nearest to now are meant.
func TestRFC4034_3_1_5SignatureTimes(t *testing.T) {
	rdata := func(expires, inception uint32) []byte {
		d := make([]byte, 18)
		binary.BigEndian.PutUint32(d[8:], expires)
		binary.BigEndian.PutUint32(d[12:], inception)
		binary.BigEndian.PutUint16(d[16:], 4711)
		return d
	}
	wrap := time.Unix(1<<32, 0)
	for _, c := range []struct {
		name               string
		now                time.Time
		rdata              []byte
		inception, expires time.Time
		ok                 bool
	}{
		{"now", time.Unix(2000, 0), rdata(3000, 1000), time.Unix(1000, 0), time.Unix(3000, 0),
			true},
		{"across the wrap", wrap.Add(-time.Hour), rdata(3600, 1<<32-7200),
			wrap.Add(-2 * time.Hour), wrap.Add(time.Hour), true},
		{"after the wrap", wrap.Add(time.Hour), rdata(7200, 1<<32-7200),
			wrap.Add(-2 * time.Hour), wrap.Add(2 * time.Hour), true},
		{"ends before it begins", time.Unix(2000, 0), rdata(1000, 3000), time.Time{}, time.Time{},
			false},
		{"too short", time.Unix(2000, 0), make([]byte, 17), time.Time{}, time.Time{}, false},
	} {
		got, ok := SignatureTimesOf(c.rdata, c.now)
		if ok != c.ok || ok && (!got.Inception.Equal(c.inception) ||
			!got.Expires.Equal(c.expires) || got.KeyTag != 4711) {
			t.Errorf("%s: %+v %v", c.name, got, ok)
		}
	}
}
