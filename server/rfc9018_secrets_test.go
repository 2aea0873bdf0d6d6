// Secrets of server cookies that change (RFC 9018, section 5).

package server

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"testing"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/event"
	"bailiwick/internal/lab/labtest"
	"bailiwick/transport"
)

// jar is a client that keeps its cookie, and a server whose secrets change. It takes note of what
// the server counts.
type jar struct {
	labtest.Observer
	kinds  []event.CookieKind
	t      *testing.T
	s      *Server
	h      *Handler
	at     time.Time
	cookie []byte
}

func newJar(t *testing.T, c Config) *jar {
	j := &jar{t: t, at: time.Unix(1_700_000_000, 0)}
	j.s = New(c, Parts{Clock: clock.NewFake(j.at), Observer: j})
	t.Cleanup(j.s.Close)
	j.h = j.s.Handler(nil, nil)
	j.ask()
	return j
}

// Cookie implements Observer.
func (j *jar) Cookie(kind event.CookieKind) { j.kinds = append(j.kinds, kind) }

// ask sends the cookie after a while, takes the one of the response, and reports whether the
// client's address was proven.
func (j *jar) ask() bool {
	j.t.Helper()
	v := j.cookie
	if v == nil {
		v = []byte("clients!")
	}
	r := &request{server: j.s, rules: j.h.rules.Load(), now: j.at,
		from: transport.Client{Addr: netip.MustParseAddrPort("192.0.2.1:1000")}}
	if !r.readCookie(v) {
		j.t.Fatalf("cookie %s is malformed", hex.EncodeToString(v))
	}
	j.cookie = append([]byte(nil), r.cookie[:]...)
	return r.asked.proven
}

// Secrets that change with the time: a client that asks now and then always has a valid cookie,
// and one of a server with the same secret whose clock is a little ahead is accepted too. What is
// older than the one before is not.
func TestRFC9018SecretsOnASchedule(t *testing.T) {
	c := Default()
	c.Secret, c.CookieRotation = &[16]byte{7}, 2*time.Hour
	j := newJar(t, c)
	source := j.h.rules.Load().secrets
	seen := map[[16]byte]bool{}
	for range 100 {
		j.at = j.at.Add(20 * time.Minute)
		if !j.ask() {
			t.Fatalf("at %v the cookie proves nothing", j.at)
		}
		seen[source.at(uint32(j.at.Unix())).list[0]] = true
	}
	if len(seen) < 16 {
		t.Errorf("%d secrets in 33 hours", len(seen))
	}
	now := uint32(j.at.Unix())
	other := newSecretSource(&c, new(ownSecrets)).at(now + uint32(2*time.Hour/time.Second)).list
	mine := source.at(now).list
	if mine[2] != other[0] || mine[0] != other[1] || len(mine) != 3 {
		t.Error("servers with one secret do not know each other's next and previous one")
	}
}

// The three stages of a change by hand: the next secret is accepted everywhere, then made cookies
// with, then the former one is left out. No client notices.
func TestRFC9018SecretsInStages(t *testing.T) {
	first, next := [16]byte{1}, [16]byte{2}
	c := Default()
	c.Secret = &first
	j := newJar(t, c)
	ahead := newJar(t, Config{Cookies: true, Secret: &next, OtherSecrets: [][16]byte{first}})
	for _, stage := range []Config{
		{Cookies: true, Secret: &first, OtherSecrets: [][16]byte{next}},
		{Cookies: true, Secret: &next, OtherSecrets: [][16]byte{first}},
		{Cookies: true, Secret: &next},
	} {
		j.h.Replace(Rules{Config: &stage})
		if !j.ask() {
			t.Errorf("with %v and %v the cookie proves nothing", *stage.Secret, stage.OtherSecrets)
		}
		// A server of the fleet that has the next stage already.
		own := j.cookie
		if j.cookie = ahead.cookie; !j.ask() && len(stage.OtherSecrets) > 0 {
			t.Error("the cookie of a server that is one stage ahead proves nothing")
		}
		j.cookie = own
		j.ask()
	}
}

// A reload with another secret, and a new random one, leave the cookies that are out valid for as
// long as they live, and clients get new ones. Afterwards the former secret proves nothing.
func TestRFC9018FormerSecretLivesAsLongAsItsCookies(t *testing.T) {
	for _, own := range []bool{true, false} {
		c, other := Default(), Default()
		other.Secret = &[16]byte{9}
		if !own {
			c.Secret = &[16]byte{8}
		}
		j := newJar(t, c)
		old := j.cookie
		if own {
			j.s.RenewSecret()
			j.h.Replace(Rules{Config: &c})
		} else {
			j.h.Replace(Rules{Config: &other})
		}
		if !j.ask() || string(j.cookie) == string(old) {
			t.Errorf("own %v: the cookie proves nothing, or is not renewed", own)
		}
		j.at = j.at.Add(20 * time.Minute)
		if !j.ask() {
			t.Errorf("own %v: the renewed cookie proves nothing", own)
		}
		j.at, j.cookie = j.at.Add(41*time.Minute), old
		if j.ask() {
			t.Errorf("own %v: a cookie proves something after its time", own)
		}
	}
}

// An operator sees by the counts whether the servers of a fleet share their secret: cookies of one
// that does not are counted as invalid, and those of a secret that has changed as former ones.
func TestRFC9018CookiesAreCountedByTheirSecret(t *testing.T) {
	secret := func(n byte) Config {
		c := Default()
		c.Secret = &[16]byte{n}
		return c
	}
	j := newJar(t, secret(1))
	j.ask()
	staged := secret(2)
	staged.OtherSecrets = [][16]byte{{1}}
	other := newJar(t, staged)
	other.cookie = j.cookie
	other.ask() // made with the secret before
	other.ask() // renewed
	foreign := newJar(t, secret(3))
	foreign.cookie = j.cookie
	foreign.ask()
	j.at = j.at.Add(2 * CookieLifetime)
	j.ask()
	all := slices.Concat(j.kinds, other.kinds, foreign.kinds)
	want := []event.CookieKind{event.CookieNew, event.CookieValid, event.CookieInvalid,
		event.CookieNew, event.CookieFormer, event.CookieValid,
		event.CookieNew, event.CookieInvalid}
	if !slices.Equal(all, want) {
		t.Errorf("counted as %v, want %v", all, want)
	}
}
