package resolver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// anchored returns a resolver with the caches of in, and some keys as its anchors.
func (in *internet) anchored(keys ...lab.EntryKey) *resolver.Resolver {
	set := &trustanchor.Set{}
	for _, k := range keys {
		if err := set.Add(k.Anchor()); err != nil {
			in.t.Fatal(err)
		}
	}
	in.parts.Anchors = set
	return in.r.Successor(in.cfg, in.parts)
}

// replace has another resolver take over, and returns how much it forgets.
func (in *internet) replace(next *resolver.Resolver) int {
	old := in.r
	in.r = next
	n := next.Forget(old)
	old.Close()
	in.t.Cleanup(next.Close)
	return n
}

// RFC 5011: when an anchor is added, or one is withdrawn while another one has signed the zone's
// keys, all that is cached holds. When the withdrawn one alone has signed them, all is forgotten,
// for it may have been the key of an attacker.
func TestRFC5011WhatRestsOnAWithdrawnAnchorIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example.", Records: "www A 192.0.2.1"})
		a, b := w.NewEntryKey("."), w.NewEntryKey(".")
		both := []lab.EntryKey{a, b}
		in := newWorld(t, w, nil)
		w.Publish(".", lab.EntryKeys{Published: both, Signing: both}, time.Now())
		in.replace(in.anchored(a))
		look := func(want wire.Security) *resolver.Answer {
			t.Helper()
			ans := in.resolve("www.example", wire.TypeA)
			if ans.Status != want {
				t.Errorf("%v, %v; want %v", ans.Status, ans.Failure, want)
			}
			return ans
		}
		look(wire.Secure)
		synctest.Wait()
		if n := in.replace(in.anchored(a, b)); n != 0 {
			t.Errorf("%d entries are forgotten for a new anchor", n)
		}
		if n := in.replace(in.anchored(b)); n != 0 {
			t.Errorf("%d entries are forgotten, though the other anchor has signed the keys", n)
		}
		in.transcript()
		if look(wire.Secure); in.transcript() != "" {
			t.Error("what is cached is asked for")
		}

		w.Publish(".", lab.EntryKeys{Published: both, Signing: both[:1]}, time.Now())
		in.replace(in.anchored(a, b))
		in.r.Flush(wire.Root, true)
		look(wire.Secure)
		synctest.Wait()
		if n := in.replace(in.anchored(b)); n == 0 {
			t.Error("nothing is forgotten, though the withdrawn anchor alone has signed the keys")
		}
		if f := look(wire.Bogus).Failure; f == nil || f.Cause.Kind() != cause.KindDNSSEC {
			t.Errorf("failure %v", f)
		}
	})
}

// A zone that had no anchor, and has one now, was never validated.
func TestRFC5011FirstAnchorOfAZoneForgetsWhatWasNotValidated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example.", Records: "www A 192.0.2.1"})
		in := newWorld(t, w, nil)
		in.replace(in.anchored())
		if ans := in.resolve("www.example", wire.TypeA); ans.Status != wire.Indeterminate {
			t.Fatal(ans.Status)
		}
		k := w.NewEntryKey(".")
		synctest.Wait()
		w.Publish(".", lab.EntryKeys{Published: []lab.EntryKey{k}, Signing: []lab.EntryKey{k}},
			time.Now())
		if n := in.replace(in.anchored(k)); n == 0 {
			t.Error("nothing is forgotten")
		}
		if ans := in.resolve("www.example", wire.TypeA); ans.Status != wire.Secure {
			t.Error(ans.Status, ans.Failure)
		}
	})
}
