package watch

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// stage is a step of a rollover in the lab, with the hours until it, and how it looks afterwards.
type stage struct {
	after time.Duration
	keys  lab.Keys
	want  string // the rollover's state and what is due, and "!" with each finding of an error
}

// play plays a rollover, with a probe every ten minutes. The resolver that watches has the caches
// that any has.
func (w *world) play(stages []stage) {
	w.t.Helper()
	for i, s := range stages {
		w.pass(s.after, 10*time.Minute)
		w.lab.SetKeys(bank, s.keys, w.clock.Now())
		state := w.look()
		have := ""
		for _, r := range state.Rolls {
			have = r.State() + " " + string(r.Due.What)
		}
		for _, f := range state.Findings {
			if strings.HasPrefix(f.ID, chain) {
				have += " !" + f.ID
			}
		}
		if have = strings.TrimSpace(have); have != s.want {
			w.t.Errorf("stage %d: %q, want %q\n%+v", i, have, s.want, state)
		}
	}
}

// failed asks the resolver that watches, some time after each other, and returns the causes of
// failure that a client meets until the end of a time.
func (w *world) failed(d time.Duration) (causes string) {
	for end := w.clock.Now().Add(d); w.clock.Now().Before(end); w.clock.Advance(time.Minute) {
		a := w.resolver.Resolve(context.Background(), wire.Question{
			Name: wire.MustParseName("www." + bank), Type: wire.TypeA, Class: wire.ClassIN},
			resolver.Options{})
		if a.Failure != nil && !strings.Contains(causes, a.Failure.Cause.Label()) {
			causes += a.Failure.Cause.Label() + " "
		}
	}
	return causes
}

// split gives the bank a KSK and a ZSK in place of its one key, before it is watched.
func (w *world) split() (a, x lab.ZoneKey) {
	a, x = w.lab.NewKey(bank, 0, true), w.lab.NewKey(bank, 0, false)
	w.lab.SetKeys(bank, set(keys(a, x), keys(a), keys(x), keys(a)), w.clock.Now())
	return a, x
}

func keys(list ...lab.ZoneKey) []lab.ZoneKey { return list }

// set is a stage's keys: those that are published, that sign them, that sign data, and that have a
// DS.
func set(published, entry, signing, ds []lab.ZoneKey) lab.Keys {
	return lab.Keys{Published: published, Entry: entry, Signing: signing, DS: ds}
}

// hour is longer than all TTLs of the lab, which are of five minutes.
const hour = time.Hour

// TestWatchedRollovers: whole rollovers that wait for what caches have. Each probe succeeds, at
// each step it is known what is due, and there is no finding of somebody who is cut off.
func TestWatchedRollovers(t *testing.T) {
	for name, play := range map[string]func(w *world) []stage{
		"ZSK by pre-publication (RFC 6781, 4.1.1.1)": func(w *world) []stage {
			a, x := w.split()
			y := w.lab.NewKey(bank, 0, false)
			return []stage{
				{0, set(keys(a, x), keys(a), keys(x), keys(a)), ""},
				{hour, set(keys(a, x, y), keys(a), keys(x), keys(a)), "key_seen signing"},
				{hour, set(keys(a, x, y), keys(a), keys(y), keys(a)),
					"old_key_unused old_key_gone"},
				{hour, set(keys(a, y), keys(a), keys(y), keys(a)), "old_key_gone"},
			}
		},
		"KSK by double signature (RFC 7583, 3.3.1)": func(w *world) []stage {
			a, x := w.split()
			b := w.lab.NewKey(bank, 0, true)
			return []stage{
				{0, set(keys(a, x), keys(a), keys(x), keys(a)), ""},
				{hour, set(keys(a, b, x), keys(a, b), keys(x), keys(a)), "signing ds_seen"},
				{hour, set(keys(a, b, x), keys(a, b), keys(x), keys(b)),
					"old_ds_gone old_key_gone"},
				{hour, set(keys(b, x), keys(b), keys(x), keys(b)), "old_key_gone"},
			}
		},
		"KSK by double DS (RFC 7583, 3.3.2)": func(w *world) []stage {
			a, x := w.split()
			b := w.lab.NewKey(bank, 0, true)
			return []stage{
				{0, set(keys(a, x), keys(a), keys(x), keys(a)), ""},
				{hour, set(keys(a, x), keys(a), keys(x), keys(a, b)), "ds_seen key_seen"},
				{hour, set(keys(b, x), keys(b), keys(x), keys(a, b)), "old_key_gone"},
				{hour, set(keys(b, x), keys(b), keys(x), keys(b)), "old_key_gone"},
			}
		},
		"algorithm (RFC 6781, 4.1.4)": func(w *world) []stage {
			a, x := w.split()
			b, y := w.lab.NewKey(bank, dns.ED25519, true), w.lab.NewKey(bank, dns.ED25519, false)
			return []stage{
				{0, set(keys(a, x), keys(a), keys(x), keys(a)), ""},
				{hour, set(keys(a, x), keys(a), keys(x, y), keys(a)), ""},
				{hour, set(keys(a, x, b, y), keys(a, b), keys(x, y), keys(a)),
					"signing ds_seen"},
				{hour, set(keys(a, x, b, y), keys(a, b), keys(x, y), keys(b)),
					"old_ds_gone old_key_unused"},
				{hour, set(keys(b, y), keys(b), keys(x, y), keys(b)), "old_key_gone"},
				{hour, set(keys(b, y), keys(b), keys(y), keys(b)), "old_key_gone"},
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, lab.Zone{Servers: two, Records: "www A 192.0.2.1"})
			w.play(play(w))
			s := w.pass(hour, 10*time.Minute)
			if s.Rate.Bad != 0 || w.logged("level=WARN") != 0 || w.failed(hour) != "" {
				t.Errorf("%+v\n%s", s.Rate, &w.log)
			}
			if n := w.logged("step=began"); n != 1 {
				t.Errorf("%d rollovers:\n%s", n, &w.log)
			}
		})
	}
}

// TestWatchedRolloversBroken: rollovers that do not wait. The finding says whom they cut off before
// a probe by the cache of this server fails, and the time until which is that of the worst cache.
func TestWatchedRolloversBroken(t *testing.T) {
	for name, play := range map[string]func(w *world) []stage{
		"DS before the key is published": func(w *world) []stage {
			a, x := w.split()
			b := w.lab.NewKey(bank, 0, true)
			return []stage{
				{0, set(keys(a, x), keys(a), keys(x), keys(a)), ""},
				{hour, set(keys(a, x), keys(a), keys(x), keys(b)), "broken key_seen"},
			}
		},
		"signed with a key that no DS leads to": func(w *world) []stage {
			a, x := w.split()
			b := w.lab.NewKey(bank, 0, true)
			return []stage{
				{0, set(keys(a, x), keys(a), keys(x), keys(a)), ""},
				{hour, set(keys(a, b, x), keys(b), keys(x), keys(a)), "broken ds_seen"},
			}
		},
		"the old ZSK withdrawn before its signatures' TTL has passed": func(w *world) []stage {
			a, x := w.split()
			y := w.lab.NewKey(bank, 0, false)
			return []stage{
				{0, set(keys(a, x), keys(a), keys(x), keys(a)), ""},
				{hour, set(keys(a, x, y), keys(a), keys(x), keys(a)), "key_seen signing"},
				{hour, set(keys(a, x, y), keys(a), keys(y), keys(a)),
					"old_key_unused old_key_gone"},
				{time.Minute, set(keys(a, y), keys(a), keys(y), keys(a)),
					"broken  !chain-key-gone-before-signatures"},
			}
		},
		"the old KSK withdrawn before its DS's TTL has passed (PowerDNS/pdns#11865)": func(
			w *world) []stage {
			a, x := w.split()
			b := w.lab.NewKey(bank, 0, true)
			return []stage{
				{0, set(keys(a, x), keys(a), keys(x), keys(a)), ""},
				{hour, set(keys(a, x), keys(a), keys(x), keys(a, b)), "ds_seen key_seen"},
				{time.Minute, set(keys(b, x), keys(b), keys(x), keys(a, b)),
					"broken  !chain-key-gone-before-ds"},
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, lab.Zone{Servers: two, Records: "www A 192.0.2.1"})
			w.play(play(w))
			if w.logged(`level=WARN msg="watched zone: rollover"`) != 1 {
				t.Errorf("log:\n%s", &w.log)
			}
			w.restart()
			if s := w.state(); len(s.Rolls) != 1 || !s.Rolls[0].Broken() {
				t.Errorf("after a restart: %+v", s.Rolls)
			}
		})
	}
}

// TestWatchedCareless: keys and DS are replaced at once, as by a careless change of provider. Who
// has the old data is cut off, this server among them.
func TestWatchedCareless(t *testing.T) {
	w := newWorld(t, lab.Zone{Servers: two, Records: "www A 192.0.2.1"})
	a, x := w.split()
	b, y := w.lab.NewKey(bank, 0, true), w.lab.NewKey(bank, 0, false)
	w.play([]stage{
		{0, set(keys(a, x), keys(a), keys(x), keys(a)), ""},
		{hour, set(keys(b, y), keys(b), keys(y), keys(b)), "broken  " +
			"!chain-ds-too-early !chain-key-gone-before-ds !chain-key-gone-before-signatures " +
			"!chain-signed-too-early"},
		{hour, set(keys(b, y), keys(b), keys(y), keys(b)), "old_key_gone"},
	})
	var broken []string
	for _, r := range w.state().Rolls {
		for _, b := range r.Breaks {
			broken = append(broken, fmt.Sprintf("%s %s %s", r.Kind(), b.Why,
				b.Until.Sub(b.Since)))
		}
	}
	if len(broken) != 8 {
		t.Errorf("%q", broken)
	}
}

// TestWatchedSilentServer: what only a silent server had counts as there for three looks, and as
// gone then: nobody gets it any more.
func TestWatchedSilentServer(t *testing.T) {
	w := newWorld(t, lab.Zone{Servers: two})
	a, x := w.split()
	y := w.lab.NewKey(bank, 0, false)
	w.play([]stage{{0, set(keys(a, x), keys(a), keys(x), keys(a)), ""}})
	w.clock.Advance(hour)
	w.lab.SetKeys(bank, set(keys(a, x, y), keys(a), keys(x), keys(a)), w.clock.Now())
	silent := w.lab.AddressOf(bank).Next()
	w.lab.Script = func(in lab.Incoming) (lab.Reply, bool) {
		return lab.Reply{Err: transport.ErrRefused}, in.Server == silent
	}
	for i, want := range []string{"began", "began", "began", "key_seen"} {
		w.clock.Advance(10 * time.Minute)
		if have := w.look().Rolls[0].State(); have != want {
			t.Errorf("look %d: %s, want %s", i, have, want)
		}
	}
}

// TestWatchedRemoval: a zone that asks for the removal of its DS (RFC 8078, section 4) says so, and
// waits for its parent as any other.
func TestWatchedRemoval(t *testing.T) {
	w := newWorld(t, lab.Zone{Servers: two})
	a, x := w.split()
	k := set(keys(a, x), keys(a), keys(x), keys(a))
	k.Remove = true
	w.play([]stage{{0, k, ""}})
	w.want("cds-delete")
	w.pass(49*hour, hour)
	w.want("cds-delete", "cds-stuck")
	k.DS = nil
	w.play([]stage{{hour, k, ""}})
	w.want("cds-delete", "ds-absent")
	if s := w.pass(hour, hour); s.Status != wire.Insecure || s.Failing {
		t.Errorf("%+v", s)
	}
}
