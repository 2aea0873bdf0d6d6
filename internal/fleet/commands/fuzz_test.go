package commands

import (
	"bytes"
	"testing"
	"time"
)

// FuzzVerify gives octets to the readers of what the store has: as they are, and signed with the
// fleet's secret, as a node of another version or a compromised one does. What is accepted keeps
// the rules, and reads the same when it is signed again.
func FuzzVerify(f *testing.F) {
	now, s := time.Unix(1_700_000_000, 0), secretsOfTest[:1]
	id := "0011223344556677"
	for _, v := range []any{
		journal{ID: id, Name: "ns1", Last: seqOf(now), Commands: []Command{{Seq: seqOf(now),
			Until: now.Add(time.Hour).Unix(), Op: "add", Args: map[string]string{"zone": "a."}}}},
		head{ID: id, Run: id, Name: "ns1", At: now.UnixMilli(), Applied: map[string]uint64{id: 7}},
		facts{ID: id, At: now.UnixMilli(), Versions: map[string]string{"a": "b"}},
	} {
		signed := sign(&s[0], aJournal, v)
		f.Add(signed)
		f.Add(signed[signedHead:])
	}
	f.Add([]byte(`{"id":"0011223344556677","last":18446744073709551615,"commands":null} {}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		resign := func(w what) []byte {
			k := s[0].ID()
			return append(append(append([]byte{signedVersion}, k[:]...), mac(&s[0], w, data)...),
				data...)
		}
		for _, v := range [][]byte{data, resign(aJournal)} {
			j, o := readJournal(s, id, v, now)
			if o != Good {
				continue
			}
			again, o := readJournal(s, id, sign(&s[0], aJournal, j), now)
			if o != Good || again.Last != j.Last || len(again.Commands) != len(j.Commands) {
				t.Fatalf("%+v is another journal when it is signed again: %+v", j, again)
			}
			last := uint64(0)
			for _, c := range j.Commands {
				if c.Seq <= last || c.Seq > j.Last || !fits(c.By, 2*maxText) ||
					len(c.Args) > maxArgs {
					t.Fatalf("%+v", c)
				}
				last = c.Seq
			}
		}
		for _, v := range [][]byte{data, resign(aHead)} {
			if h, o := readHead(s, v, now); o == Good && (!isID(h.ID) || !fits(h.Name, maxText)) {
				t.Fatalf("%+v", h)
			}
		}
		if _, o := readJournal(s, id, data, now); o == Good && !bytes.HasPrefix(data, []byte{1}) {
			t.Fatal("unsigned")
		}
	})
}
