// Server cookies (RFC 7873, RFC 9018).

package server

import (
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"bailiwick/internal/clock"
	"bailiwick/internal/lab/labtest"
	"bailiwick/transport"
)

// taken returns a request that has read a cookie, from an address and at a time.
func taken(t *testing.T, secret, from, cookie string, at time.Time) *request {
	t.Helper()
	value, err := hex.DecodeString(cookie)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{clock: clock.NewFake(at), observe: labtest.Observer{}}
	rules := &Rules{Config: &Config{Secret: new([16]byte)}}
	if _, err := hex.Decode(rules.Secret[:], []byte(secret)); err != nil {
		t.Fatal(err)
	}
	rules.secrets = newSecretSource(rules.Config, new(ownSecrets))
	r := &request{server: s, rules: rules, now: at,
		from: transport.Client{Addr: netip.AddrPortFrom(netip.MustParseAddr(from), 1000)}}
	if !r.readCookie(value) {
		t.Fatalf("cookie %s is malformed", cookie)
	}
	return r
}

// The examples of RFC 9018, appendix A.
func TestRFC9018Examples(t *testing.T) {
	for _, c := range []struct {
		name, secret, from, cookie, want string
		at                               int64
		proven                           bool
	}{
		{"A.1, a new cookie", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100",
			"2464c4abcf10c957", "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985,
			false},
		{"A.2, the same one renewed", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100",
			"2464c4abcf10c957010000005cf79f111f8130c3eee29480",
			"2464c4abcf10c957010000005cf7a871d4a564a1442aca77", 1559734385, true},
		{"A.4, from IPv6, with the secret from before", "dd3bdf9344b678b185a6f5cb60fca715",
			"2001:db8:220:1:59de:d0f4:8769:82b8",
			"22681ab97d52c298010000005cf7c57926556bd0934c72f8",
			"22681ab97d52c298010000005cf7c57926556bd0934c72f8", 1559741817, true},
	} {
		r := taken(t, c.secret, c.from, c.cookie, time.Unix(c.at, 0))
		if got := hex.EncodeToString(r.cookie[:]); got != c.want || r.asked.proven != c.proven {
			t.Errorf("%s: %s, proven %v", c.name, got, r.asked.proven)
		}
	}
}

// A cookie proves an address for an hour, and for five minutes if our clock was set back; after
// half an hour the client gets a new one (RFC 9018, section 4.3). It proves nothing for another
// address, and an altered cookie proves nothing at all.
func TestRFC9018WhatACookieProves(t *testing.T) {
	const secret, from = "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100"
	made := time.Unix(1559731985, 0)
	first := taken(t, secret, from, "2464c4abcf10c957", made)
	own := hex.EncodeToString(first.cookie[:])
	altered := func(octet int) string {
		c := first.cookie
		c[octet] ^= 1
		return hex.EncodeToString(c[:])
	}
	for _, c := range []struct {
		name, from, cookie string
		after              time.Duration
		proven, kept       bool
	}{
		{"fresh", from, own, 0, true, true},
		{"half an hour old", from, own, 30 * time.Minute, true, true},
		{"older than that", from, own, 30*time.Minute + time.Second, true, false},
		{"an hour old", from, own, time.Hour, true, false},
		{"older than that", from, own, time.Hour + time.Second, false, false},
		{"from the near future", from, own, -5 * time.Minute, true, true},
		{"from the future", from, own, -5*time.Minute - time.Second, false, false},
		{"of another address", "198.51.100.101", own, 0, false, false},
		{"of the address mapped to IPv6", "::ffff:198.51.100.100", own, 0, true, true},
		{"with another client part", from, altered(0), 0, false, false},
		{"of another version", from, altered(8), 0, false, false},
		{"with reserved bits", from, altered(9), 0, false, false},
		{"of another time", from, altered(15), 0, false, false},
		{"with another hash", from, altered(23), 0, false, false},
		{"cut short", from, own[:46], 0, false, false},
		{"of another server, longer", from, own + "00", 0, false, false},
	} {
		at := made.Add(c.after)
		r := taken(t, secret, c.from, c.cookie, at)
		got := hex.EncodeToString(r.cookie[:])
		if r.asked.proven != c.proven || (got == c.cookie) != c.kept {
			t.Errorf("%s: proven %v, answered with %s", c.name, r.asked.proven, got)
		}
		// In each case the client has a valid cookie afterwards.
		if next := taken(t, secret, c.from, got, at); !next.asked.proven {
			t.Errorf("%s: the answer %s proves nothing", c.name, got)
		}
	}
}

// A malformed cookie gets FORMERR (RFC 7873, section 5.2.2).
func TestRFC7873MalformedCookies(t *testing.T) {
	for n := range 45 {
		s := &Server{clock: clock.NewFake(time.Now()), observe: labtest.Observer{}}
		r := &request{server: s, now: time.Now(),
			rules: &Rules{secrets: newSecretSource(&Config{}, new(ownSecrets))},
			from:  transport.Client{Addr: netip.MustParseAddrPort("192.0.2.1:1")}}
		want := n == 8 || n >= 16 && n <= 40
		if got := r.readCookie(make([]byte, n)); got != want {
			t.Errorf("%d octets: %v", n, got)
		}
	}
}

// RFC 9018, section 5: servers that share a secret accept each other's cookies. A server without
// one makes one at random, and keeps it when its rules change: clients need no new cookie.
func TestRFC9018SecretOfItsOwn(t *testing.T) {
	given := [16]byte{1}
	secrets := map[[16]byte]bool{given: true}
	for range 2 {
		s := New(Default(), Parts{Clock: clock.Real{}})
		defer s.Close()
		h := s.Handler(nil, nil)
		own := h.rules.Load().secrets.first
		if secrets[own] {
			t.Error("two servers have one secret")
		}
		secrets[own] = true
		shared, other := Default(), Default()
		shared.Secret, other.EDE = &given, false
		for _, c := range []struct {
			cfg  *Config
			want [16]byte
		}{{&shared, given}, {&other, own}} {
			h.Replace(Rules{Config: c.cfg})
			if got := h.rules.Load().secrets.first; got != c.want {
				t.Errorf("secret %x, want %x", got, c.want)
			}
		}
		if other.Secret != nil {
			t.Error("the configuration has changed")
		}
	}
}
