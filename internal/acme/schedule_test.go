package acme

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
	"time"
)

var day = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// leafOf is a certificate that lives so long.
func leafOf(life time.Duration) *x509.Certificate {
	return &x509.Certificate{NotBefore: day, NotAfter: day.Add(life)}
}

// A certificate is renewed before a third of its life is left, or so long before its end as the
// operator wants: at most half of its life, or one of six days would be ordered without end by who
// wants thirty (NginxProxyManager/nginx-proxy-manager 5483), and not so late that one failure ends
// it (traefik/traefik 8042, 12461).
func TestRenewal(t *testing.T) {
	const days = 24 * time.Hour
	for _, c := range []struct {
		life, before, suggested, want time.Duration
	}{
		{90 * days, 0, 0, 60 * days},
		{6 * days, 0, 0, 4 * days},
		{90 * days, 30 * days, 0, 60 * days},
		{6 * days, 30 * days, 0, 3 * days},
		{90 * days, 10 * days, 0, 80 * days},
		{90 * days, 0, 50 * days, 50 * days}, // the authority wants it earlier
		{90 * days, 0, 80 * days, 60 * days}, // and never later
		{90 * days, 0, -days, 6 * time.Hour}, // nor again and again
		{4 * time.Hour, 0, -days, time.Hour},
	} {
		var at time.Time
		if c.suggested != 0 {
			at = day.Add(c.suggested)
		}
		s := Config{RenewBefore: c.before}
		if got := s.renewal(leafOf(c.life), at).Sub(day); got != c.want {
			t.Errorf("%+v: after %v", c, got)
		}
	}
}

// After failures in a row the pauses grow up to six hours (urbit/urbit 1209 asked every 20 s),
// whatever ends in between; in the first hour there are fewer than the five that Let's Encrypt
// counts.
func TestPauses(t *testing.T) {
	var a attempts
	now, inHour := day, 0
	for i := range 20 {
		if a = a.begun("x", now, 1); a.Failures != i+1 {
			t.Fatalf("%d failures", a.Failures)
		}
		if now.Sub(day) < time.Hour {
			inHour++
		}
		pause := pauses[min(i, len(pauses)-1)]
		if got := a.Next.Sub(now); got != pause+pause/4 {
			t.Errorf("failure %d: a pause of %v", i+1, got)
		}
		if at := next("x", "", time.Time{}, a, now); !at.Equal(a.Next) {
			t.Errorf("failure %d: due at %v", i+1, at)
		}
		now = a.Next
	}
	if inHour >= 5 {
		t.Errorf("%d in the first hour", inHour)
	}
	if b := a.begun("y", now, 0); b.Failures != 1 {
		t.Errorf("another certificate has failed %d times", b.Failures)
	}
}

// When the next order is due, by what there is.
func TestNext(t *testing.T) {
	failed := attempts{For: "x", Failures: 1, Last: day, Next: day.Add(time.Hour)}
	renewal := day.Add(1000 * time.Hour)
	for _, c := range []struct {
		what, wanted, have string
		a                  attempts
		now, want          time.Time
	}{
		{"nothing is there", "x", "", attempts{}, day, time.Time{}},
		{"it is there", "x", "x", attempts{}, day, renewal},
		{"another one is there", "y", "x", attempts{}, day, time.Time{}},
		{"after a failure", "x", "", failed, day, failed.Next},
		{"after another one's failure", "y", "", failed, day, time.Time{}},
		{"the clock was set back", "x", "", failed, day.Add(-time.Hour), time.Time{}},
	} {
		if got := next(c.wanted, c.have, renewal, c.a, c.now); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// An authority that was asked too often is left alone for an hour, or until the time that it says:
// eight days at most, as nobody else would notice.
func TestLimited(t *testing.T) {
	const text = "too many failed authorizations (5) for \"x\" in the last 1h0m0s, retry after "
	for detail, want := range map[string]time.Duration{
		"too many":                            limitedTime,
		text + "2026-11-28 12:00:00 UTC: see": 24 * time.Hour,
		text + "2026-11-28T12:00:00Z: see":    24 * time.Hour,
		text + "2026-11-27 12:00:01 UTC: see": limitedTime,
		text + "2036-11-28 12:00:00 UTC: see": maxLimited,
		text + "2026-99-28 12:00:00 UTC: see": limitedTime,
	} {
		a := attempts{}.begun("x", day, 0).failed(RateLimited, detail, day)
		if got := a.Next.Sub(day); got != want {
			t.Errorf("%s: %v, want %v", detail, got, want)
		}
	}
	if a := (attempts{}).begun("x", day, 0).failed(Refused, text, day); !a.Next.Equal(
		day.Add(pauses[0])) {
		t.Error("any other failure is a pause")
	}
}

// The authority is not asked too often, and a time of another clock does not silence it. It is not
// asked about a certificate that has ended (RFC 9773, section 4.3), nor about one of another
// authority.
func TestAsks(t *testing.T) {
	leaf := leafOf(time.Hour)
	c := issued{For: "x", pair: &tls.Certificate{Leaf: leaf}}
	for in, want := range map[time.Duration]bool{-time.Second: true, 0: true, time.Hour: false,
		maxAsk: false, maxAsk + time.Second: true} {
		c.Ask = day.Add(in)
		if got := c.asks("x", day); got != want {
			t.Errorf("in %v: %v", in, got)
		}
	}
	c.Ask = day
	if c.asks("y", day) {
		t.Error("asked about a certificate of before")
	}
	if c.asks("x", leaf.NotAfter) {
		t.Error("asked about a certificate that has ended")
	}
}
