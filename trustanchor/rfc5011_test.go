// RFC 5011: trust anchors that follow their zone's keys, with a resolver, its cache and servers
// whose keys roll.

package trustanchor_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

const day = 24 * time.Hour

// follow is a server that follows the root's keys, and a root whose keys roll.
type follow struct {
	t     *testing.T
	world *lab.World
	keys  lab.EntryKeys
	clock *clock.Fake

	earliest   time.Time // before which no clock is right
	configured []string  // anchors
	saved      []byte    // what is known, on a disk
	full       bool      // the disk
	log        bytes.Buffer

	store    *cache.Store
	resolver *resolver.Resolver
	cfg      resolver.Config
	f        *trustanchor.Follower
	down     bool   // the root's servers do not answer for keys
	during   func() // what happens while the next question is under way
}

// newFollow returns a server at a time. Root signs with its first key, which is configured.
func newFollow(t *testing.T, at time.Time) (*follow, lab.EntryKey) {
	t.Helper()
	s := &follow{t: t, world: lab.New(at), clock: clock.NewFake(at)}
	s.world.Add(lab.Zone{Name: "example.", Records: "www A 192.0.2.1"})
	old := s.world.NewEntryKey(".")
	s.configured = []string{old.Anchor()}
	s.publish(lab.EntryKeys{Published: []lab.EntryKey{old}, Signing: []lab.EntryKey{old}})
	s.start()
	t.Cleanup(func() { s.resolver.Close() })
	return s, old
}

// publish gives the root other keys, when no question is under way.
func (s *follow) publish(keys lab.EntryKeys) {
	synctest.Wait()
	s.keys = keys
	at := clock.Wall(s.clock)
	if at.Before(s.earliest) {
		at = s.earliest
	}
	s.world.Publish(".", keys, at)
}

// start starts the server, or restarts it: with what is configured and what was saved.
func (s *follow) start() {
	s.t.Helper()
	set := &trustanchor.Set{}
	for _, a := range s.configured {
		if err := set.Add(a); err != nil {
			s.t.Fatal(err)
		}
	}
	s.f = trustanchor.NewFollower(trustanchor.FollowerParts{Clock: s.clock,
		Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		Ask: func(ctx context.Context, z wire.Name) (trustanchor.Sighting, *cause.Failure) {
			if during := s.during; during != nil {
				s.during = nil
				defer during()
			}
			if s.down {
				return trustanchor.Sighting{}, cause.New(cause.Timeout, z, "")
			}
			return s.resolver.AnchorKeys(ctx, z)
		},
		Tell: func(ctx context.Context, n wire.Name) { s.resolver.Tell(ctx, n) },
		Load: func(read func(io.Reader) error) error {
			if s.saved == nil {
				return fs.ErrNotExist
			}
			return read(bytes.NewReader(s.saved))
		},
		Save: func(write func(io.Writer) error) error {
			if s.full {
				return errors.New("no space left on device")
			}
			var b bytes.Buffer
			err := write(&b)
			s.saved = b.Bytes()
			return err
		},
	})
	s.f.Configure(trustanchor.Default(), set)
	s.cfg, _ = labtest.Resolver(s.world)
	s.cfg.Earliest = s.earliest
	s.store = cache.New(cache.Default())
	if s.resolver != nil {
		s.resolver.Close()
	}
	s.resolver = resolver.New(s.cfg, s.parts())
	s.step()
}

func (s *follow) parts() resolver.Parts {
	return resolver.Parts{Cache: s.store, Anchors: s.f.Trusted(), Exchanger: s.world,
		Clock: s.clock}
}

// step does what is due.
func (s *follow) step() {
	s.f.Step(context.Background(), func() {
		old := s.resolver
		s.resolver = old.Successor(s.cfg, s.parts())
		s.resolver.Forget(old)
		old.Close()
	})
}

// pass lets time pass, while the root goes on signing and the server asking.
func (s *follow) pass(d time.Duration) {
	for ; d > 0; d -= 12 * time.Hour {
		s.clock.Advance(min(d, 12*time.Hour))
		s.publish(s.keys)
		s.step()
	}
}

// off lets time pass while the server does not run; then it starts.
func (s *follow) off(d time.Duration) {
	s.clock.Advance(d)
	s.publish(s.keys)
	s.start()
}

// states are the states of the keys that are known, in the order of the keys given.
func (s *follow) states(keys ...lab.EntryKey) string {
	var out []string
	for _, k := range keys {
		state := "unknown"
		for _, z := range s.f.Status() {
			for _, known := range z.Keys {
				if known.Tag() == k.Tag() {
					state = known.State.String()
				}
			}
		}
		out = append(out, state)
	}
	return strings.Join(out, " ")
}

// want compares the states of keys.
func (s *follow) want(states string, keys ...lab.EntryKey) {
	s.t.Helper()
	if got := s.states(keys...); got != states {
		s.t.Errorf("%s: keys are %s, want %s; log:\n%s", clock.Wall(s.clock).Format(time.DateOnly),
			got, states, s.log.String())
	}
}

// ask resolves a name that is not cached, and returns the status of the answer.
func (s *follow) ask(want wire.Security) {
	s.t.Helper()
	s.resolver.Flush(wire.Root, true)
	if a := s.look(); a.Status != want {
		s.t.Errorf("%s: %v, %v, want %v", clock.Wall(s.clock).Format(time.DateOnly), a.Status,
			a.Failure, want)
	}
}

// look resolves a name.
func (s *follow) look() *resolver.Answer {
	return s.resolver.Resolve(context.Background(), wire.Question{
		Name: wire.MustParseName("www.example"), Type: wire.TypeA, Class: wire.ClassIN},
		resolver.Options{})
}

// sent counts the questions of a type that servers got since the last call.
func (s *follow) sent(t string) (n int) {
	for _, e := range s.world.Transcript() {
		if e.Type == t {
			n++
		}
	}
	return n
}

// The roll of the root's key from 20326 to 38696, on the dates that IANA has published, with keys
// of our own: the new one is pre-published for 21 months, signs from October 2026 on, and the old
// one is revoked three months later. The server has the old anchor alone in its configuration.
func TestRFC5011RollOfTheRootsKeyFrom20326To38696(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		date := func(y int, m time.Month, d int) time.Time {
			return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		}
		s, ksk2017 := newFollow(t, date(2025, 1, 1))
		ksk2024 := s.world.NewEntryKey(".")
		until := func(at time.Time) { s.pass(at.Sub(clock.Wall(s.clock))) }
		s.want("valid unknown", ksk2017, ksk2024)
		s.ask(wire.Secure)

		until(date(2025, 1, 11)) // KSK-2024 appears
		both := []lab.EntryKey{ksk2017, ksk2024}
		s.publish(lab.EntryKeys{Published: both, Signing: both[:1]})
		s.pass(day)
		s.want("valid pending", ksk2017, ksk2024)
		until(date(2025, 2, 10))
		s.want("valid pending", ksk2017, ksk2024)
		until(date(2025, 2, 13))
		s.want("valid valid", ksk2017, ksk2024)
		s.ask(wire.Secure)

		until(date(2026, 10, 11)) // it signs
		s.publish(lab.EntryKeys{Published: both, Signing: both[1:]})
		s.ask(wire.Secure)
		s.off(day)
		s.want("valid valid", ksk2017, ksk2024)
		s.ask(wire.Secure)

		until(date(2027, 1, 11)) // KSK-2017 is revoked
		s.look()
		s.publish(lab.EntryKeys{Published: both[1:], Revoked: both[:1], Signing: both[1:]})
		s.world.Transcript()
		s.f.Refresh()
		s.step()
		s.want("revoked valid", ksk2017, ksk2024)
		s.look() // nothing rests on the old key, so nothing is forgotten
		if sent := s.world.Transcript(); len(sent) != 1 || sent[0].Type != "DNSKEY" {
			t.Errorf("questions: %v", sent)
		}
		s.ask(wire.Secure)

		until(date(2027, 3, 22)) // and is gone
		s.publish(lab.EntryKeys{Published: both[1:], Signing: both[1:]})
		s.pass(day)
		s.want("removed valid", ksk2017, ksk2024)
		s.off(day)
		s.want("removed valid", ksk2017, ksk2024)
		s.ask(wire.Secure)

		// Whoever has the old key now has nothing, though the configuration has its anchor still.
		s.publish(lab.EntryKeys{Published: both[:1], Signing: both[:1]})
		s.ask(wire.Bogus)
		s.pass(40 * day)
		s.want("removed valid", ksk2017, ksk2024)
		s.ask(wire.Bogus)
	})
}

// RFC 5011, section 2.4.1: a key that the owner withdraws before its time is not accepted, and
// starts anew when it comes back.
func TestRFC5011NewKeyHasToStayForTheHoldDownTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, old := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		forged := s.world.NewEntryKey(".")
		with := lab.EntryKeys{Published: []lab.EntryKey{old, forged}, Signing: []lab.EntryKey{old}}
		without := s.keys
		s.publish(with)
		s.pass(29 * day)
		s.want("valid pending", old, forged)
		if known := s.f.Status()[0].Keys; len(known) != 2 {
			t.Errorf("%d keys are followed: the zone's own has no SEP bit", len(known))
		}
		s.publish(without)
		s.pass(day)
		s.want("valid unknown", old, forged)
		s.publish(with)
		s.pass(29 * day)
		s.want("valid pending", old, forged)
		s.publish(lab.EntryKeys{Published: with.Published, Signing: with.Published[1:]})
		s.ask(wire.Bogus) // a set that it has signed alone
		s.publish(with)
		s.pass(3 * day)
		s.want("valid valid", old, forged)
	})
}

// RFC 5011, section 2.2: only a set that a trust anchor has signed adds keys, or goes on with those
// that are pending. The log does not fill with it (madnuttah/unbound-docker, issue 25).
func TestRFC5011OnlyValidatedSetsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, old := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		forged := s.world.NewEntryKey(".")
		mine := lab.EntryKeys{Published: []lab.EntryKey{old, forged},
			Signing: []lab.EntryKey{forged}}
		before := s.keys
		s.publish(mine)
		s.pass(90 * day)
		s.want("valid unknown", old, forged)
		if st := s.f.Status()[0]; st.Failures < 2 || !strings.Contains(st.Failure, "signature") &&
			!strings.Contains(st.Failure, "key") {
			t.Errorf("%d failures: %s", st.Failures, st.Failure)
		}
		if n := strings.Count(s.log.String(), "cannot be validated"); n < 2 || n > 12 {
			t.Errorf("%d log lines in 90 days", n)
		}
		s.publish(before)
		s.pass(day)
		if st := s.f.Status()[0]; st.Failures != 0 || st.Failure != "" ||
			!strings.Contains(s.log.String(), "validated again") {
			t.Errorf("%+v", st)
		}
	})
}

// RFC 5011, section 2.1: a revocation is signed by the key itself. The bit alone, set by somebody
// else, revokes nothing.
func TestRFC5011RevocationIsSelfSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		b := s.world.NewEntryKey(".")
		s.configured = append(s.configured, b.Anchor())
		both := []lab.EntryKey{a, b}
		s.publish(lab.EntryKeys{Published: both, Signing: both})
		s.start()
		s.want("valid valid", a, b)
		s.publish(lab.EntryKeys{Published: both[1:], Revoked: both[:1], Signing: both[1:],
			Mute: true})
		s.pass(day)
		s.want("missing valid", a, b)
		s.publish(lab.EntryKeys{Published: both[1:], Revoked: both[:1], Signing: both[1:]})
		s.pass(day)
		s.want("revoked valid", a, b)
		s.publish(lab.EntryKeys{Published: both, Signing: both}) // it cannot come back
		s.pass(40 * day)
		s.want("removed valid", a, b)
	})
}

// RFC 5011, section 2.1: a server that is new does not trust a configured key that it sees revoked,
// though it has never seen it otherwise.
func TestRFC5011NewServerSeesARevocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		b, other := s.world.NewEntryKey("."), s.world.NewEntryKey(".")
		s.configured = append(s.configured, b.Anchor())
		s.publish(lab.EntryKeys{Published: []lab.EntryKey{b}, Revoked: []lab.EntryKey{a, other},
			Signing: []lab.EntryKey{b}})
		s.saved = nil
		s.start()
		s.want("revoked valid unknown", a, b, other)
		s.publish(lab.EntryKeys{Published: []lab.EntryKey{a}, Signing: []lab.EntryKey{a}})
		s.ask(wire.Bogus)
	})
}

// RFC 5011, section 5: a zone that has revoked all its keys is as if it had no trust anchor. The
// log says so, once, and so it stays after a restart, with the anchor still configured.
func TestRFC5011ZoneWithoutAnyKeyLeftIsInsecure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, only := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		next := s.world.NewEntryKey(".")
		s.publish(lab.EntryKeys{Published: []lab.EntryKey{next}, Revoked: []lab.EntryKey{only},
			Signing: []lab.EntryKey{next}})
		s.pass(day)
		s.want("revoked unknown", only, next)
		s.ask(wire.Indeterminate)
		s.off(day)
		s.want("revoked unknown", only, next)
		s.ask(wire.Indeterminate)
		if n := strings.Count(s.log.String(), "all trust anchors of a zone are revoked"); n != 2 {
			t.Errorf("said %d times in two lives", n)
		}
		s.sent("")
		s.pass(day)
		if n := s.sent("DNSKEY"); n > 0 {
			t.Errorf("%d questions for keys that nothing could validate", n)
		}
		s.configured = []string{next.Anchor()} // the operator mends it
		s.start()
		s.want("valid", next)
		s.ask(wire.Secure)
	})
}

// RFC 5011, section 4.2: a key that vanishes without a revocation is trusted still, and is valid
// when it is back. One that was accepted and is missing for a year is dropped, as in Unbound.
func TestRFC5011MissingKeyIsTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		b := s.world.NewEntryKey(".")
		both := []lab.EntryKey{a, b}
		s.publish(lab.EntryKeys{Published: both, Signing: both[:1]})
		s.pass(32 * day)
		s.want("valid valid", a, b)
		s.publish(lab.EntryKeys{Published: both[:1], Signing: both[:1]})
		s.pass(100 * day)
		s.want("valid missing", a, b)
		s.publish(lab.EntryKeys{Published: both[1:], Signing: both[1:]})
		s.pass(day)
		s.want("missing valid", a, b)
		s.ask(wire.Secure)
		s.pass(400 * day)
		s.want("unknown valid", a, b) // and trusted, for it is configured
		s.publish(lab.EntryKeys{Published: both[:1], Signing: both[:1]})
		s.pass(400 * day)
		s.want("valid unknown", a, b)
		s.publish(lab.EntryKeys{Published: both[1:], Signing: both[1:]})
		s.ask(wire.Bogus)
	})
}

// A server that was switched off for longer than the roll knows none of the zone's keys: all is
// bogus, until the operator configures a new anchor, as a new version does with its built-in ones
// (systemd/systemd, issue 36260; openwrt/packages, pull request 30254).
func TestRFC5011ServerThatWasOffForLongerThanTheRoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, old := newFollow(t, time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC))
		next := s.world.NewEntryKey(".")
		s.keys = lab.EntryKeys{Published: []lab.EntryKey{next}, Signing: []lab.EntryKey{next}}
		s.off(900 * day)
		s.want("valid unknown", old, next)
		s.ask(wire.Bogus)
		if a := s.look(); a.Failure == nil || a.Failure.Cause != cause.AnchorMismatch {
			t.Errorf("cause %v", a.Failure)
		}
		s.configured = append(s.configured, next.Anchor()) // with the upgrade
		s.off(day)
		s.want("missing valid", old, next)
		s.ask(wire.Secure)
	})
}

// A server that was switched off while a key was pending has seen it before and after: that is
// enough, if the time has passed.
func TestRFC5011HoldDownTimeGoesOnWhileTheServerIsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, old := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		next := s.world.NewEntryKey(".")
		s.keys = lab.EntryKeys{Published: []lab.EntryKey{old, next}, Signing: []lab.EntryKey{old}}
		for range 16 { // a laptop that is on for an hour every other day
			s.off(2 * day)
		}
		s.want("valid valid", old, next)
	})
}

// A clock that is wrong validates nothing, so it adds and removes nothing. One that is set while
// the server runs does not shorten the hold-down time.
func TestRFC5011ClockThatIsSetDoesNotShortenTheHoldDownTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, old := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		next := s.world.NewEntryKey(".")
		s.publish(lab.EntryKeys{Published: []lab.EntryKey{old, next}, Signing: []lab.EntryKey{old}})
		s.pass(day)
		s.want("valid pending", old, next)
		for _, years := range []int{-56, 10} { // as without a battery, and as with a broken one
			by := time.Duration(years) * 365 * day
			s.clock.Step(by)
			s.clock.Advance(day) // the root goes on signing at the right time
			s.step()
			s.want("valid pending", old, next)
			if st := s.f.Status()[0]; st.Failures == 0 {
				t.Errorf("%d years off, and validated", years)
			}
			s.clock.Step(-by)
			s.pass(day)
			s.want("valid pending", old, next)
		}
		s.clock.Step(20 * day) // within the signatures' time, so that sets are validated
		s.publish(s.keys)
		s.pass(20 * day)
		s.want("valid pending", old, next)
		s.pass(15 * day)
		s.want("valid valid", old, next)
	})
}

// A machine that starts without a clock judges signatures at another time than its own. What it has
// seen then does not count as the time until it has been set, which may be decades.
func TestRFC5011TimeBeforeTheClockIsSetDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, old := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		s.earliest = time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
		next := s.world.NewEntryKey(".")
		s.publish(lab.EntryKeys{Published: []lab.EntryKey{old, next},
			Signing: []lab.EntryKey{old}})
		s.clock.Step(-56 * 365 * day)
		s.start()
		s.want("valid pending", old, next)
		s.clock.Step(56 * 365 * day) // it is set, and the server starts again
		for range 3 {
			s.off(10 * day)
			s.want("valid pending", old, next)
		}
		s.off(10 * day)
		s.want("valid valid", old, next)
	})
}

// What is known survives a restart. A disk that is full is tried again, and costs nothing else
// (NLnetLabs/unbound, issues 447 and 1178: a file that cannot be written ended the server).
func TestRFC5011StateOutlivesAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, old := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		next := s.world.NewEntryKey(".")
		s.full = true
		s.publish(lab.EntryKeys{Published: []lab.EntryKey{old, next}, Signing: []lab.EntryKey{old}})
		s.pass(day)
		s.want("valid pending", old, next)
		if bytes.Contains(s.saved, []byte("pending")) {
			t.Fatal("saved on a full disk")
		}
		s.full = false
		s.clock.Advance(10 * time.Minute) // long before the keys are asked for again
		s.sent("")
		s.step()
		if !bytes.Contains(s.saved, []byte("pending")) || s.sent("DNSKEY") > 0 {
			t.Errorf("not saved when there is room: %s", s.saved)
		}
		s.start()
		s.want("valid pending", old, next)
	})
}

// A file that is no such file is ignored: the configured anchors are where trust begins.
func TestRFC5011StateThatIsDamagedIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, old := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		good := string(s.saved)
		for _, bad := range []string{"x", "key valid\n" + good,
			strings.Replace(good, "valid", "vain", 1),
			good + "key valid since x", good + good[strings.Index(good, "key"):],
			strings.Replace(good, "257 3 13 ", "257 3 13 *", 1)} {
			s.saved = []byte(bad)
			s.start()
			s.want("valid", old)
			s.ask(wire.Secure)
			if string(s.saved) == bad {
				t.Errorf("%q stays", bad)
			}
		}
	})
}

// An operator who takes an anchor out of the configuration does not trust its key any more, and one
// who replaces all begins anew. Keys that were accepted stay as long as one of the anchors that
// they come from does.
func TestRFC5011ConfigurationWithdrawsAnchors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		b, c := s.world.NewEntryKey("."), s.world.NewEntryKey(".")
		s.configured = []string{a.Anchor(), b.Anchor()}
		all := []lab.EntryKey{a, b, c}
		s.publish(lab.EntryKeys{Published: all, Signing: all})
		s.start()
		s.pass(32 * day)
		s.want("valid valid valid", all...)

		s.configured = []string{b.Anchor()}
		s.start()
		s.want("pending valid valid", all...) // like any key that nobody has configured
		s.publish(lab.EntryKeys{Published: all, Signing: all[:1]})
		s.ask(wire.Bogus)
		s.publish(lab.EntryKeys{Published: all, Signing: all[2:]})
		s.ask(wire.Secure)

		s.configured = []string{a.Anchor()}
		s.publish(lab.EntryKeys{Published: all, Signing: all})
		s.start()
		s.want("valid pending pending", all...)
	})
}

// What was asked before the anchors were others says nothing of the new ones: the zone is asked
// again at once, and not after the hour of a failure.
func TestRFC5011AnchorsChangeWhileAZoneIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, old := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		fresh := s.world.NewEntryKey(".")
		set := &trustanchor.Set{}
		for _, k := range []lab.EntryKey{old, fresh} {
			if err := set.Add(k.Anchor()); err != nil {
				t.Fatal(err)
			}
		}
		for what, change := range map[string]func(){
			"configured": func() { s.f.Configure(trustanchor.Default(), set) },
			"refreshed":  func() { s.f.Refresh() },
			"reset":      func() { s.f.Reset(wire.Root) },
		} {
			s.f.Refresh()
			s.down = true
			s.during = func() {
				change()
				s.down = false
			}
			s.step()
			if got := s.f.Status()[0]; got.Failures != 0 || got.Asked.IsZero() {
				t.Errorf("%s: %+v", what, got)
			}
		}
	})
}

// A reset lets the operator out of a revocation that he knows better than to believe.
func TestRFC5011ResetTrustsTheConfigurationAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, a := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		normal := s.keys
		s.publish(lab.EntryKeys{Revoked: []lab.EntryKey{a}})
		s.pass(day)
		s.want("revoked", a)
		s.publish(normal)
		if s.f.Reset(wire.MustParseName("other.")) || !s.f.Reset(wire.Root) {
			t.Error("the wrong zone is reset")
		}
		s.start()
		s.want("valid", a)
		s.ask(wire.Secure)
	})
}

// RFC 5011, section 2.3: how often a zone is asked, while it answers and while it does not.
func TestRFC5011Intervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			ttl, left, query, retry time.Duration
		}{
			{2 * day, 21 * day, day, 288 * time.Minute}, // the root's
			{5 * time.Minute, 30 * day, time.Hour, time.Hour},
			{60 * day, 60 * day, 15 * day, day},
			{60 * day, 4 * day, 2 * day, 576 * time.Minute},
			{2 * day, -time.Hour, time.Hour, time.Hour},
			{0, 0, time.Hour, time.Hour},
		} {
			s := trustanchor.Sighting{TTL: c.ttl, Left: c.left}
			if q, r := s.QueryInterval(), s.RetryInterval(); q != c.query || r != c.retry {
				t.Errorf("TTL %v, signed for %v: query %v, retry %v; want %v, %v", c.ttl, c.left,
					q, r, c.query, c.retry)
			}
		}
		s, _ := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		s.sent("")
		for range 48 * 60 {
			s.clock.Advance(time.Minute)
			s.step()
		}
		if n := s.sent("DNSKEY"); n < 40 || n > 56 {
			t.Errorf("%d questions in 48 hours, at intervals of an hour", n)
		}
		s.down = true
		for range 60 {
			s.clock.Advance(time.Minute)
			s.step()
		}
		if st := s.f.Status()[0]; st.Failures != 1 || st.Failure == "" {
			t.Errorf("in an hour without an answer: %d failures, %s", st.Failures, st.Failure)
		}
	})
}

// Whoever can sign a set could add any number of keys: a few wait for their time, the rest has to
// wait for these.
func TestRFC5011PendingKeysAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, old := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		keys := []lab.EntryKey{old}
		for range 20 {
			keys = append(keys, s.world.NewEntryKey("."))
		}
		s.publish(lab.EntryKeys{Published: keys, Signing: keys[:1]})
		s.pass(day)
		if n := strings.Count(s.states(keys...), "pending"); n != 8 {
			t.Errorf("%d keys are pending", n)
		}
	})
}

// RFC 8145, section 5.1: the zone hears once a day which keys are trusted, by the name of a
// question that no cache answers.
func TestRFC8145ZoneIsToldWhichKeysAreTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, old := newFollow(t, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
		told := func() (names []string) {
			for _, e := range s.world.Transcript() {
				if strings.HasPrefix(e.Name, "_ta") {
					names = append(names, e.Name+" "+e.Type)
				}
			}
			return names
		}
		one := fmt.Sprintf("_ta-%04x. NULL", old.Tag())
		if got := told(); !slices.Equal(got, []string{one}) {
			t.Errorf("at the start: %q, want %s", got, one)
		}
		s.pass(3 * day)
		if got := told(); !slices.Equal(got, []string{one, one, one}) {
			t.Errorf("in three days: %q", got)
		}
		next := s.world.NewEntryKey(".")
		s.publish(lab.EntryKeys{Published: []lab.EntryKey{old, next}, Signing: []lab.EntryKey{old}})
		s.pass(32 * day)
		tags := []uint16{old.Tag(), next.Tag()}
		slices.Sort(tags)
		two := fmt.Sprintf("_ta-%04x-%04x. NULL", tags[0], tags[1])
		if got := told(); got[0] != one || got[len(got)-1] != two {
			t.Errorf("%q, want %s and then %s", got, one, two)
		}
		quiet := trustanchor.Default()
		quiet.Signal = false
		set := &trustanchor.Set{}
		if err := set.Add(s.configured[0]); err != nil {
			t.Fatal(err)
		}
		s.f.Configure(quiet, set)
		s.pass(3 * day)
		if got := told(); len(got) > 0 {
			t.Errorf("told though switched off: %q", got)
		}
	})
}
