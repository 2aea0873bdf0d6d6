package rollover

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The TTLs of the zones in the table.
const (
	ttlDS   = 24 * time.Hour
	ttlKeys = 2 * time.Hour
	ttlData = 4 * time.Hour
)

// start is when the zones are seen first.
var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// keyOf returns the key of a letter: capitals have the SEP bit; R, S, r and s have algorithm 8, all
// others 13.
func keyOf(c rune) Key {
	alg := uint8(13)
	if strings.ContainsRune("RSrs", c) {
		alg = 8
	}
	return Key{Tag: uint16(c), Algorithm: alg, Entry: c < 'a',
		Digests: [3]string{"1" + string(c), "2" + string(c), "4" + string(c)}}
}

// seenAt reads a look: "26h DS=AB K=ABx/A;Ax/A D=x": DS sets, DNSKEY sets with their signers, and
// the signers of data, of servers that differ behind a semicolon. "-" is an empty set; ! is a look
// that has not reached all servers.
func seenAt(t *testing.T, text string) (s Seen) {
	words := strings.Fields(text)
	after, err := time.ParseDuration(words[0])
	if err != nil {
		t.Fatal(err)
	}
	s.At = start.Add(after)
	for _, w := range words[1:] {
		what, sets, _ := strings.Cut(w, "=")
		for _, set := range strings.Split(sets, ";") {
			letters, by, _ := strings.Cut(strings.ReplaceAll(set, "-", ""), "/")
			switch what {
			case "DS":
				d := DSSet{TTL: ttlDS}
				for _, c := range letters {
					k := keyOf(c)
					d.DS = append(d.DS, DS{k.Tag, k.Algorithm, 2, k.Digests[1]})
				}
				s.DS = append(s.DS, d)
			case "K":
				k := KeySet{TTL: ttlKeys, Signers: signersOf(by),
					Ends: s.At.Add(14 * 24 * time.Hour)}
				for _, c := range letters {
					k.Keys = append(k.Keys, keyOf(c))
				}
				s.Keys = append(s.Keys, k)
			case "D":
				s.Data = append(s.Data, DataSet{"SOA", signersOf(letters), ttlData,
					s.At.Add(7 * 24 * time.Hour)})
			case "!":
				s.Partial = true
			}
		}
	}
	return s
}

func signersOf(letters string) (list []Signer) {
	for _, c := range letters {
		list = append(list, Signer{keyOf(c).Tag, keyOf(c).Algorithm})
	}
	return list
}

// told returns what a look has brought: events, and what is due next with its earliest time.
func told(h *History, events []Event) string {
	var words []string
	for _, e := range events {
		w := string(e.What)
		if e.What == Broken || e.What == Mended {
			w += ":" + string(e.Why)
		}
		words = append(words, w)
	}
	for i := range h.Rolls {
		d := h.Due(&h.Rolls[i])
		switch {
		case d.What == "":
		case !d.Known:
			words = append(words, "due:"+string(d.What)+"@?")
		case d.Earliest.IsZero():
			words = append(words, "due:"+string(d.What))
		default:
			words = append(words, fmt.Sprintf("due:%s@%v", d.What,
				strings.Replace(d.Earliest.Sub(start).String(), "h0m0s", "h", 1)))
		}
	}
	return strings.Join(words, " ")
}

// TestRollovers plays recorded rollovers: each line is a look and what it tells.
func TestRollovers(t *testing.T) {
	for _, c := range []struct {
		name, kind, method string
		looks              []string
	}{
		{"RFC 6781, 4.1.1.1: ZSK by pre-publication", "ZSK", "pre-publication", []string{
			"0h DS=A K=Ax/A D=x | ",
			"1h DS=A K=Axy/A;Ax/A D=x | began due:key_seen",
			"2h DS=A K=Axy/A D=x | key_seen due:signing@4h",
			"5h DS=A K=Axy/A D=y;x | due:signing",
			"6h DS=A K=Axy/A D=y | signing old_key_unused due:old_key_gone@10h",
			"11h DS=A K=Ay/A D=y | old_key_gone",
		}},
		{"RFC 6781, 4.1.1.2: ZSK by double signature", "ZSK", "double-signature", []string{
			"0h DS=A K=Ax/A D=x | ",
			"1h DS=A K=Axy/A D=xy | began key_seen signing due:old_key_unused@3h",
			"6h DS=A K=Ay/A D=y | old_key_unused old_key_gone",
		}},
		{"RFC 7583, 3.3.1: KSK by double signature", "KSK", "double-signature", []string{
			"0h DS=A K=Ax/A D=x | ",
			"1h DS=A K=ABx/AB D=x | began key_seen signing due:ds_seen@3h",
			"4h DS=B K=ABx/AB D=x | ds_seen old_ds_gone due:old_key_gone@28h",
			"29h DS=B K=Bx/B D=x | old_key_gone",
		}},
		{"the same with both DS for a while, and a parent's server that lags", "KSK",
			"double-signature", []string{
				"0h DS=A K=Ax/A D=x | ",
				"1h DS=A K=ABx/AB D=x | began key_seen signing due:ds_seen@3h",
				"4h DS=AB;A K=ABx/AB D=x | due:ds_seen",
				"5h DS=AB K=ABx/AB D=x | ds_seen due:old_ds_gone",
				"6h DS=B;AB K=ABx/AB D=x | due:old_ds_gone",
				"7h DS=B K=ABx/AB D=x | old_ds_gone due:old_key_gone@29h",
				"30h DS=B K=Bx/B D=x | old_key_gone",
			}},
		{"RFC 7583, 3.3.2: KSK by double DS", "KSK", "double-DS", []string{
			"0h DS=A K=Ax/A D=x | ",
			"1h DS=AB K=Ax/A D=x | began ds_seen due:key_seen",
			"26h DS=AB K=Bx/B D=x | key_seen signing old_key_gone",
			"29h DS=B K=Bx/B D=x | ",
		}},
		{"PowerDNS/pdns#11865: the DS's TTL is not waited for", "KSK", "double-DS", []string{
			"0h DS=A K=Ax/A D=x | ",
			"1h DS=AB K=Ax/A D=x | began ds_seen due:key_seen",
			"2h DS=AB K=Bx/B D=x | key_seen signing old_key_gone broken:key_gone_before_ds",
			"26h DS=B K=Bx/B D=x | mended:key_gone_before_ds",
		}},
		{"RFC 7583, 3.3.3: a CSK, DS and key at once beside the old ones", "CSK",
			"double-signature", []string{
				"0h DS=A K=A/A D=A | ",
				"1h DS=A K=AB/AB D=AB | began key_seen signing due:ds_seen@3h",
				"4h DS=AB K=AB/AB D=AB | ds_seen due:old_ds_gone",
				"5h DS=B K=AB/AB D=AB | old_ds_gone due:old_key_unused",
				"6h DS=B K=AB/AB D=B | old_key_unused due:old_key_gone@28h",
				"30h DS=B K=B/B D=B | old_key_gone",
			}},
		{"RFC 6781, 4.1.4: algorithm, conservative: signatures before keys " +
			"(zonemaster/zonemaster#1035, #989)", "algorithm 8 to 13", "double-signature",
			[]string{
				"0h DS=R K=Rr/R D=r | ",
				"1h DS=R K=Rr/R D=rx | ",
				"6h DS=R K=RrAx/RA D=rx | began key_seen signing due:ds_seen@8h",
				"9h DS=RA K=RrAx/RA D=rx | ds_seen due:old_ds_gone",
				"10h DS=A K=RrAx/RA D=rx | old_ds_gone due:old_key_unused",
				"35h DS=A K=Ax/A D=rx | old_key_gone",
				"40h DS=A K=Ax/A D=x | ",
			}},
		{"algorithm, at once: the zone is dark for whoever has the old keys or DS",
			"algorithm 8 to 13", "", []string{
				"0h DS=R K=Rr/R D=r | ",
				"1h DS=A K=Ax/A D=x | began key_seen ds_seen signing old_ds_gone " +
					"old_key_unused old_key_gone broken:key_gone_before_ds broken:ds_too_early " +
					"broken:signed_too_early broken:key_gone_before_signatures",
				"3h DS=A K=Ax/A D=x | mended:ds_too_early mended:signed_too_early",
				"5h DS=A K=Ax/A D=x | mended:key_gone_before_signatures",
				"25h DS=A K=Ax/A D=x | mended:key_gone_before_ds",
			}},
		{"the DS is changed before the key is published", "KSK", "double-DS", []string{
			"0h DS=A K=Ax/A D=x | ",
			"1h DS=B K=Ax/A D=x | began ds_seen old_ds_gone broken:ds_without_key due:key_seen",
			"2h DS=B K=ABx/AB D=x | key_seen signing " +
				"mended:ds_without_key broken:ds_too_early due:old_key_gone@25h",
			"5h DS=B K=ABx/AB D=x | mended:ds_too_early due:old_key_gone@25h",
			"26h DS=B K=Bx/B D=x | old_key_gone",
		}},
		{"the DNSKEY set is signed with a key that no DS leads to", "KSK", "double-signature",
			[]string{
				"0h DS=A K=Ax/A D=x | ",
				"1h DS=A K=ABx/B D=x | began key_seen signing " +
					"broken:ds_key_unused due:ds_seen@3h",
				"2h DS=A K=ABx/AB D=x | mended:ds_key_unused broken:ds_too_early " +
					"due:ds_seen@3h",
				"4h DS=A K=ABx/AB D=x | mended:ds_too_early due:ds_seen",
			}},
		{"the old ZSK is withdrawn before the TTL of its signatures has passed", "ZSK",
			"pre-publication", []string{
				"0h DS=A K=Ax/A D=x | ",
				"1h DS=A K=Axy/A D=x | began key_seen due:signing@3h",
				"4h DS=A K=Axy/A D=y | signing old_key_unused due:old_key_gone@8h",
				"4h10m DS=A K=Ay/A D=y | old_key_gone broken:key_gone_before_signatures",
				"5h DS=A K=Ay/A D=y | mended:key_gone_before_signatures",
			}},
		{"the new ZSK signs before the old DNSKEY set has left the caches", "ZSK",
			"pre-publication", []string{
				"0h DS=A K=Ax/A D=x | ",
				"1h DS=A K=Axy/A D=x | began key_seen due:signing@3h",
				"1h30m DS=A K=Axy/A D=y | signing old_key_unused " +
					"broken:signed_too_early due:old_key_gone@5h30m0s",
				"2h DS=A K=Axy/A D=y | mended:signed_too_early " +
					"due:old_key_gone@5h30m0s",
			}},
		{"RFC 8901: a provider signs with a key that the others do not have", "ZSK",
			"", []string{
				"0h DS=A K=Axy/A D=x;y | ",
				"1h DS=A K=Axyz/A;Axy/A D=x;z | began broken:signed_without_key " +
					"due:key_seen",
			}},
		{"NLnetLabs/cascade#284: the old DS stays: it is what is due", "KSK",
			"double-signature", []string{
				"0h DS=A K=Ax/A D=x | ",
				"1h DS=A K=ABx/AB D=x | began key_seen signing due:ds_seen@3h",
				"24h DS=AB K=ABx/AB D=x | ds_seen due:old_ds_gone",
				"1000h DS=AB K=ABx/AB D=x | due:old_ds_gone",
			}},
		{"a new key is withdrawn again", "ZSK", "", []string{
			"0h DS=A K=Ax/A D=x | ",
			"1h DS=A K=Axy/A D=x | began key_seen due:signing@3h",
			"9h DS=A K=Ax/A D=x | withdrawn",
		}},
		{"a second provider's key stays", "ZSK", "double-signature", []string{
			"0h DS=A K=Ax/A D=x | ",
			"1h DS=A K=Axy/A D=xy | began key_seen signing due:old_key_unused@3h",
			"1500h DS=A K=Axy/A D=xy | stands",
		}},
		{"a zone without a DS has nothing to wait for at its parent", "KSK",
			"double-signature", []string{
				"0h DS=- K=Ax/A D=x | ",
				"1h DS=- K=ABx/AB D=x | began key_seen signing due:old_key_gone",
				"2h DS=- K=Bx/B D=x | old_key_gone",
			}},
		{"a look that misses a server takes no step that needs all", "ZSK", "", []string{
			"0h DS=A K=Ax/A D=x | ",
			"1h ! DS=A K=Axy/A D=x | began due:key_seen",
			"2h DS=A K=Axy/A;Ax/A D=x | due:key_seen",
			"3h DS=A K=Axy/A D=x | key_seen due:signing@5h",
		}},
		{"a zone is signed, and gets its DS", "", "", []string{
			"0h DS=- | ",
			"1h DS=- K=Ax/A D=x | ",
			"9h DS=A K=Ax/A D=x | ",
		}},
		{"RFC 8078, section 4: the DS is removed", "", "", []string{
			"0h DS=A K=Ax/A D=x | ",
			"1h DS=- K=Ax/A D=x | ",
			"26h DS=- | ",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h History
			for _, line := range c.looks {
				look, want, _ := strings.Cut(line, " | ")
				if have := told(&h, h.Advance(seenAt(t, look))); have != want {
					t.Errorf("%s:\nhave %s\nwant %s", look, have, want)
				}
				if !h.Valid() {
					t.Errorf("%s: the history is not valid", look)
				}
				text, err := json.Marshal(&h)
				var again History
				if err != nil || json.Unmarshal(text, &again) != nil {
					t.Fatal(err)
				}
				if one, _ := json.Marshal(&again); string(one) != string(text) {
					t.Errorf("%s: a restart changes the history", look)
				}
				h = again
			}
			kind, method := "", ""
			for i := range h.Rolls {
				kind, method = h.Rolls[i].Kind(), h.Rolls[i].Method()
			}
			if kind != c.kind || method != c.method || len(h.Rolls) > 1 {
				t.Errorf("%q by %q, %d rollovers; want %q by %q", kind, method, len(h.Rolls),
					c.kind, c.method)
			}
		})
	}
}

// TestTagsOfABrokenDS: a DS record with the tag and the algorithm of a key that is there, and
// another digest, would look like that key's own if it were told by its tag alone.
func TestTagsOfABrokenDS(t *testing.T) {
	for _, c := range []struct {
		ds   DS
		want string
	}{
		{DS{'A', 13, 2, "2?"}, "65 (digest differs)"},
		{DS{'A', 8, 2, "2?"}, "65"},
		{DS{'C', 13, 2, "2C"}, "67"},
	} {
		var h History
		h.Advance(seenAt(t, "0h DS=A K=Ax/A D=x"))
		s := seenAt(t, "1h DS=A K=Ax/A D=x")
		s.DS[0].DS = append(s.DS[0].DS, c.ds)
		h.Advance(s)
		if r := h.Rolls[0]; r.NewTags() != c.want || c.ds.Algorithm == 13 && r.OldTags() != "65" {
			t.Errorf("%+v: old %s, new %s, want %s", c.ds, r.OldTags(), r.NewTags(), c.want)
		}
	}
}

// TestRFC4035IgnoredDS: a DS with a digest that is not computed is ignored (RFC 4035, section 5.2).
// It begins no rollover, ends none, and does not stand for a key that is to come; where it is the
// only one, the zone is unsigned, and nothing is broken.
func TestRFC4035IgnoredDS(t *testing.T) {
	unknown := DS{'A', 13, 3, "3A"}
	var h History
	h.Advance(seenAt(t, "0h DS=A K=Ax/A D=x"))
	s := seenAt(t, "1h DS=A K=Ax/A D=x")
	s.DS[0].DS = append(s.DS[0].DS, unknown, DS{'B', 13, 3, "3B"})
	if events := h.Advance(s); events != nil || len(h.Rolls) > 0 {
		t.Errorf("beside another one: %+v", events)
	}
	s = seenAt(t, "30h DS=A K=Ax/A D=x")
	s.DS[0].DS = []DS{unknown}
	if events := h.Advance(s); events != nil || len(h.Rolls) > 0 || len(h.Faults) > 0 ||
		h.Secure() {
		t.Errorf("alone: %+v, %+v", events, h.Faults)
	}
}

// TestOldTTLCounts: a parent that lowers the TTL with the change has the old set in caches for the
// old one (NLnetLabs/dnst#187).
func TestOldTTLCounts(t *testing.T) {
	var h History
	h.Advance(seenAt(t, "0h DS=A K=Ax/A D=x"))
	h.Advance(seenAt(t, "1h DS=A K=ABx/AB D=x"))
	s := seenAt(t, "4h DS=B K=ABx/AB D=x")
	s.DS[0].TTL = time.Minute
	h.Advance(s)
	if d := h.Due(&h.Rolls[0]); d.What != OldGone || d.Earliest.Sub(start) != 28*time.Hour {
		t.Errorf("due: %+v", d)
	}
}

// TestDueLatest: the last moment for new signatures is the end of the old ones.
func TestDueLatest(t *testing.T) {
	var h History
	h.Advance(seenAt(t, "0h DS=A K=Ax/A D=x"))
	h.Advance(seenAt(t, "1h DS=A K=Axy/A D=x"))
	if d := h.Due(&h.Rolls[0]); d.What != Signing ||
		!d.Latest.Equal(start.Add(time.Hour+7*24*time.Hour)) {
		t.Errorf("due: %+v", d)
	}
}

// TestClockBack: a clock that is set back a little costs a look, one that was wrong by far is
// forgotten with what was seen then, but for the rollovers.
func TestClockBack(t *testing.T) {
	var h History
	h.Advance(seenAt(t, "1000h DS=A K=Ax/A D=x"))
	h.Advance(seenAt(t, "1001h DS=A K=Axy/A D=x"))
	before := h
	if e := h.Advance(seenAt(t, "1000h59m DS=A K=Ay/A D=y")); e != nil ||
		!reflect.DeepEqual(h, before) {
		t.Errorf("a minute back: %v", e)
	}
	h.Advance(seenAt(t, "2h DS=A K=Axy/A D=x"))
	if h.At != start.Add(2*time.Hour) || len(h.Rolls) != 1 || len(h.Faults) != 0 {
		t.Errorf("weeks back: %+v", h)
	}
}

// TestHistoryIsBounded: a zone that changes its keys with each look is remembered within limits.
func TestHistoryIsBounded(t *testing.T) {
	var h History
	for i := range 2000 {
		s := seenAt(t, fmt.Sprintf("%dm DS=A K=Ax/A D=x", i))
		s.Keys[0].Keys = nil
		for n := range 100 {
			s.Keys[0].Keys = append(s.Keys[0].Keys, Key{Tag: uint16(i + n), Algorithm: 13,
				Entry: n%2 == 0, Digests: [3]string{fmt.Sprint(i), fmt.Sprint(n)}})
		}
		h.Advance(s)
		if !h.Valid() || len(h.Known) > 2*maxKeys || len(h.Keys[0].What.Keys) > maxKeys {
			t.Fatalf("look %d: %d keys, %d spells, %d rollovers", i, len(h.Known), len(h.Keys),
				len(h.Rolls))
		}
	}
}
