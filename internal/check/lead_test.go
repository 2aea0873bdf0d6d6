package check

import (
	"testing"
	"time"

	"bailiwick/wire"
)

// The default lead time is two days, or a quarter of the validity period if that is less: providers
// that sign each answer anew give periods of a day or two, and are not late.
func TestLeadTime(t *testing.T) {
	const day = 86400
	for _, c := range []struct {
		validity uint32
		demanded time.Duration
		want     time.Duration
	}{
		{30 * day, 0, 48 * time.Hour},
		{8 * day, 0, 48 * time.Hour},
		{7 * day, 0, 42 * time.Hour},
		{2 * day, 0, 12 * time.Hour},
		{2 * day, 7 * 24 * time.Hour, 7 * 24 * time.Hour},
	} {
		j := &judge{o: &Observations{LeadTime: c.demanded}}
		begin := uint32(1<<32 - 100) // the period goes over the end of the serial numbers
		if got := j.leadTime(wire.RRSIG{Inception: begin, Expiration: begin + c.validity}); got !=
			c.want {
			t.Errorf("validity of %d s, %s demanded: %s, want %s", c.validity, c.demanded, got,
				c.want)
		}
	}
}
